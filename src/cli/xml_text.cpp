#include "cli/xml_text.h"

#include <cstddef>
#include <cstdint>

namespace weir::cli {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

struct Decoded {
  uint32_t character = 0;
  size_t length = 0;  // in bytes; 0: no UTF-8
};

// The character at the beginning, in its shortest form.
Decoded decode(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const uint32_t first = byte(0);
  if (first < 0x80) return {first, 1};
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return {};
  uint32_t character = first & (0x7FU >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {};
    character = character << 6 | (byte(i) & 0x3F);
  }
  return character < kLeast[length] ? Decoded() : Decoded{character, length};
}

bool is_allowed(uint32_t character) {
  if (character < 0x20) return character == '\t' || character == '\n';
  const bool is_control = character >= 0x7F && character < 0xA0;
  const bool is_surrogate = character >= 0xD800 && character < 0xE000;
  return !is_control && !is_surrogate && character != 0xFFFE && character != 0xFFFF && character <= 0x10FFFF;
}

std::string_view escaped(char c) {
  switch (c) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&quot;";
    default:
      return {};
  }
}

}  // namespace

std::string valid_text(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const Decoded decoded = decode(text);
    const size_t length = decoded.length == 0 ? 1 : decoded.length;
    result += decoded.length > 0 && is_allowed(decoded.character) ? text.substr(0, length) : kReplacement;
    text.remove_prefix(length);
  }
  return result;
}

std::string xml_text(std::string_view text) {
  std::string result;
  for (const char c : valid_text(text)) {
    const std::string_view as = escaped(c);
    as.empty() ? result += c : result += as;
  }
  return result;
}

}  // namespace weir::cli
