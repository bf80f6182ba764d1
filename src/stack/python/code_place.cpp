#include "stack/python/code_place.h"

#include "stack/python/frame_chain.h"
#include "stack/python/frame_table.h"
#include "stack/python/line_table.h"
#include "stack/python/string_text.h"

namespace weir::stack::python {
namespace {

constexpr size_t kUnitBytes = 2;
constexpr std::string_view kUnknown = "(unknown)";
static_assert(kMostFunctionBytes + kMostFileBytes <= kTextBytes);

bool is_of_type(uintptr_t object, uintptr_t type) {
  return may_be_object(object) && read_at<uintptr_t>(object, kObjectType) == type;
}

std::string_view text_at(const Interpreter& interpreter, uintptr_t object, char* to, size_t room) {
  if (!is_of_type(object, interpreter.string_type)) return kUnknown;
  const size_t bytes = text_of_string(*interpreter.layout, object, to, room);
  return bytes == 0 ? kUnknown : std::string_view(to, bytes);
}

uint32_t line_of(const Interpreter& interpreter, uintptr_t code, uintptr_t instruction) {
  const Layout& layout = *interpreter.layout;
  const auto table = read_at<uintptr_t>(code, layout.code_lines);
  const auto first_line = read_at<int32_t>(code, layout.code_first_line);
  if (!is_of_type(table, interpreter.bytes_type)) return 0;
  const auto* bytes = reinterpret_cast<const uint8_t*>(table + kBytesContent);
  const auto count = static_cast<size_t>(read_at<int64_t>(table, kObjectSize));
  return line_at({bytes, count}, first_line, (instruction - code - layout.code_units) / kUnitBytes);
}

FrameKey key_of_code(const Interpreter& interpreter, uintptr_t code, uintptr_t instruction, char* text) {
  const Layout& layout = *interpreter.layout;
  const std::string_view function =
      text_at(interpreter, read_at<uintptr_t>(code, layout.code_name), text, kMostFunctionBytes);
  const std::string_view file =
      text_at(interpreter, read_at<uintptr_t>(code, layout.code_file), text + kMostFunctionBytes, kMostFileBytes);
  return key_of_frame(function, file, line_of(interpreter, code, instruction));
}

// As CPython has it: a frame is complete once it came to the first instruction that is traced; a generator's always.
bool has_begun(const Layout& layout, uintptr_t code, uint64_t word) {
  if ((word & kOfGenerator) != 0) return true;
  const auto first = read_at<int32_t>(code, layout.code_first_traceable);
  return (word & kInstructionMask) >= code + layout.code_units + static_cast<uintptr_t>(first) * kUnitBytes;
}

}  // namespace

CodePlace place_of_frame(const Interpreter& interpreter, uintptr_t frame, uint64_t word, BlockFinder find_block,
                         char* text) {
  const uintptr_t code = code_of_frame(*interpreter.layout, frame);
  if (!is_of_type(code, interpreter.code_type)) return {FrameKey{}, false};
  const bool is_watched = watch_code(code, find_block);
  const uintptr_t instruction = word & kInstructionMask;
  const uintptr_t units = code + interpreter.layout->code_units;
  const auto count = static_cast<size_t>(read_at<int64_t>(code, kObjectSize));
  const bool is_inside = instruction - units < count * kUnitBytes;
  if (!is_inside || !has_begun(*interpreter.layout, code, word)) return {FrameKey{}, is_watched};
  return {key_of_code(interpreter, code, instruction, text), is_watched};
}

}  // namespace weir::stack::python
