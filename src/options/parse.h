// Text of an option -> value. Constant expressions, so that the table's defaults are in place before any code ran.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weir::options::parse {

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_space(char c) { return c == ' ' || c == '\t'; }

constexpr size_t length_of(const char* text) {
  size_t length = 0;
  while (text[length] != '\0') ++length;
  return length;
}

// Text [begin, end) that is not 0-terminated.
struct Piece {
  const char* begin;
  const char* end;

  constexpr size_t length() const { return static_cast<size_t>(end - begin); }
  constexpr bool equals_ignoring_case(const char* word) const {
    for (size_t i = 0; i < length(); ++i) {
      if (word[i] == '\0' || lower(begin[i]) != lower(word[i])) return false;
    }
    return word[length()] == '\0';
  }
};

constexpr Piece trimmed(Piece piece) {
  while (piece.begin < piece.end && is_space(*piece.begin)) ++piece.begin;
  while (piece.begin < piece.end && is_space(piece.end[-1])) --piece.end;
  return piece;
}

constexpr Piece whole(const char* text) { return trimmed({text, text + length_of(text)}); }

// The piece up to `separator` or the end; moves *cursor behind the separator. False at the end of the text.
constexpr bool next_piece(const char** cursor, char separator, Piece* piece) {
  if (**cursor == '\0') return false;
  const char* end = *cursor;
  while (*end != '\0' && *end != separator) ++end;
  *piece = trimmed({*cursor, end});
  *cursor = *end == '\0' ? end : end + 1;
  return true;
}

// Digits only, at least one, no overflow. Moves piece.begin behind them.
constexpr bool take_number(Piece* piece, uint64_t* value) {
  const char* first = piece->begin;
  uint64_t result = 0;
  for (; piece->begin < piece->end && is_digit(*piece->begin); ++piece->begin) {
    if (__builtin_mul_overflow(result, uint64_t{10}, &result) ||
        __builtin_add_overflow(result, static_cast<uint64_t>(*piece->begin - '0'), &result)) {
      return false;
    }
  }
  *value = result;
  return piece->begin != first;
}

constexpr bool count(Piece piece, uint64_t* value) { return take_number(&piece, value) && piece.begin == piece.end; }

// Bytes that a unit stands for; 0 for an unknown one.
constexpr uint64_t unit_bytes(Piece unit) {
  constexpr uint64_t kKilo = 1000, kKibi = 1024;
  if (unit.length() == 0 || unit.equals_ignoring_case("B")) return 1;
  constexpr const char* kDecimal[] = {"kB", "MB", "GB", "TB"};
  constexpr const char* kBinary[] = {"KiB", "MiB", "GiB", "TiB"};
  uint64_t decimal = kKilo, binary = kKibi;
  for (size_t i = 0; i < 4; ++i, decimal *= kKilo, binary *= kKibi) {
    if (unit.equals_ignoring_case(kDecimal[i])) return decimal;
    if (unit.equals_ignoring_case(kBinary[i])) return binary;
  }
  return 0;
}

constexpr bool size(Piece piece, uint64_t* bytes) {
  uint64_t number = 0;
  if (!take_number(&piece, &number)) return false;
  const uint64_t unit = unit_bytes(trimmed(piece));
  return unit != 0 && !__builtin_mul_overflow(number, unit, bytes);
}

constexpr bool on_or_off(Piece piece, bool* value) {
  constexpr const char* kOn[] = {"on", "1", "yes", "true"};
  constexpr const char* kOff[] = {"off", "0", "no", "false"};
  for (size_t i = 0; i < 4; ++i) {
    const bool on = piece.equals_ignoring_case(kOn[i]);
    if (on || piece.equals_ignoring_case(kOff[i])) {
      *value = on;
      return true;
    }
  }
  return false;
}

// A size of at least a byte, or off (0).
constexpr bool quota(Piece piece, uint64_t* bytes) {
  *bytes = 0;
  return piece.equals_ignoring_case("off") || (size(piece, bytes) && *bytes > 0);
}

// An exit status that is not success, or off (0).
constexpr bool status(Piece piece, uint64_t* value) {
  constexpr uint64_t kLargestStatus = 255;
  *value = 0;
  if (piece.equals_ignoring_case("off")) return true;
  return count(piece, value) && *value > 0 && *value <= kLargestStatus;
}

// A size of at least a byte, off (0), or on (the largest number).
constexpr bool budget(Piece piece, uint64_t* bytes) {
  bool on = false;
  if (!on_or_off(piece, &on)) return size(piece, bytes) && *bytes > 0 && *bytes != UINT64_MAX;
  *bytes = on ? UINT64_MAX : 0;
  return true;
}

// "2", "1.5": digits, perhaps a point and digits.
constexpr bool ratio(Piece piece, double* value) {
  uint64_t integer = 0;
  if (!take_number(&piece, &integer)) return false;
  double result = static_cast<double>(integer);
  if (piece.begin < piece.end) {
    if (*piece.begin++ != '.' || piece.begin == piece.end) return false;
    for (double weight = 0.1; piece.begin < piece.end; weight /= 10, ++piece.begin) {
      if (!is_digit(*piece.begin)) return false;
      result += weight * (*piece.begin - '0');
    }
  }
  *value = result;
  return true;
}

// "0.8", "80%", "12.5%": above 0 and up to the whole.
constexpr bool share(Piece piece, double* value) {
  constexpr double kPercent = 100;
  const bool in_percent = piece.begin < piece.end && piece.end[-1] == '%';
  if (in_percent) piece = trimmed({piece.begin, piece.end - 1});
  if (!ratio(piece, value)) return false;
  if (in_percent) *value /= kPercent;
  return *value > 0 && *value <= 1;
}

constexpr bool share_or_off(Piece piece, double* value) {
  *value = 0;
  return piece.equals_ignoring_case("off") || share(piece, value);
}

// A size of at least a byte, a share in percent ("0.5" alone could be meant as either and is refused), or off (both 0).
constexpr bool amount(Piece piece, uint64_t* bytes, double* part) {
  *bytes = 0;
  *part = 0;
  if (piece.begin < piece.end && piece.end[-1] == '%') return share(piece, part);
  return quota(piece, bytes);
}

// ns that a unit of time stands for; 0 for an unknown one.
constexpr uint64_t unit_ns(Piece unit) {
  constexpr uint64_t kSecond = 1000000000;
  constexpr struct {
    const char* name;
    uint64_t ns;
  } kUnits[] = {{"ms", kSecond / 1000}, {"s", kSecond}, {"min", 60 * kSecond}, {"h", 3600 * kSecond}};
  for (const auto& known : kUnits) {
    if (unit.equals_ignoring_case(known.name)) return known.ns;
  }
  return 0;
}

// "500ms", "30 s", "10min": a whole number above 0 with a unit; or off (0).
constexpr bool duration(Piece piece, uint64_t* ns) {
  *ns = 0;
  if (piece.equals_ignoring_case("off")) return true;
  uint64_t number = 0;
  if (!take_number(&piece, &number)) return false;
  const uint64_t unit = unit_ns(trimmed(piece));
  return unit != 0 && !__builtin_mul_overflow(number, unit, ns) && *ns > 0;
}

// Index of the word among `words`, separated by |.
constexpr bool choice(Piece piece, const char* words, unsigned* index) {
  Piece word{};
  for (unsigned i = 0; next_piece(&words, '|', &word); ++i) {
    if (word.length() != piece.length()) continue;
    bool equal = true;
    for (size_t k = 0; k < word.length(); ++k) equal = equal && lower(word.begin[k]) == lower(piece.begin[k]);
    if (equal) {
      *index = i;
      return true;
    }
  }
  return false;
}

}  // namespace weir::options::parse
