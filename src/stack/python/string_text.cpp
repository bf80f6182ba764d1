#include "stack/python/string_text.h"

#include <cstring>

#include "stack/python/memory.h"

namespace weir::stack::python {
namespace {

// The state of a string: `interned` in two bits, `kind` (bytes a character) in three, `compact`, `ascii`. From 3.14 on they are the same
// bits, where the build is not a free-threaded one.
constexpr int kKindShift = 2;
constexpr uint32_t kKindMask = 7, kCompact = 1 << 5, kAscii = 1 << 6;

constexpr uint32_t kReplacement = 0xfffd;

bool is_surrogate(uint32_t character) { return character - 0xd800 < 0x800; }

size_t put_utf8(uint32_t character, char* to, size_t room) {
  if (is_surrogate(character) || character > 0x10ffff) character = kReplacement;
  constexpr uint32_t kContinuation = 0x3f;
  const size_t bytes = character < 0x80 ? 1 : character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
  constexpr uint8_t kMarks[] = {0, 0, 0xc0, 0xe0, 0xf0};
  if (bytes > room) return 0;
  for (size_t i = bytes - 1; i > 0; --i, character >>= 6) {
    to[i] = static_cast<char>(0x80 | (character & kContinuation));
  }
  to[0] = static_cast<char>(kMarks[bytes] | character);
  return bytes;
}

template <class Character>
size_t text_of_characters(uintptr_t characters, size_t count, char* to, size_t room) {
  size_t bytes = 0;
  for (size_t i = 0; i < count; ++i) {
    const size_t added = put_utf8(read_at<Character>(characters, i * sizeof(Character)), to + bytes, room - bytes);
    if (added == 0) break;
    bytes += added;
  }
  return bytes;
}

}  // namespace

size_t text_of_string(const Layout& layout, uintptr_t object, char* to, size_t room) {
  const auto state = read_at<uint32_t>(object, kStringState);
  const auto count = static_cast<size_t>(read_at<int64_t>(object, kStringLength));
  if ((state & kCompact) == 0) return 0;
  if ((state & kAscii) != 0) {
    const size_t bytes = count < room ? count : room;
    memcpy(to, reinterpret_cast<const void*>(object + layout.ascii_characters), bytes);
    return bytes;
  }
  const uintptr_t characters = object + layout.other_characters;
  switch (state >> kKindShift & kKindMask) {
    case sizeof(uint8_t):
      return text_of_characters<uint8_t>(characters, count, to, room);
    case sizeof(uint16_t):
      return text_of_characters<uint16_t>(characters, count, to, room);
    case sizeof(uint32_t):
      return text_of_characters<uint32_t>(characters, count, to, room);
    default:
      return 0;
  }
}

}  // namespace weir::stack::python
