#include "stack/python/layout.h"

#include <cstring>

namespace weir::stack::python {
namespace {

constexpr Layout kLayouts[] = {
    {.minor = 11,
     .thread_frame = 56,
     .has_cframes = true,
     .cframe_frame = 8,
     .cframe_previous = 16,
     .frame_code = 32,
     .frame_previous = 48,
     .frame_instruction = 56,
     .frame_owner = 69,
     .frame_is_entry = 68,
     .code_first_line = 72,
     .code_file = 112,
     .code_name = 128,
     .code_lines = 136,
     .code_first_traceable = 168,
     .code_units = 184,
     .ascii_characters = 48,
     .other_characters = 72,
     .runtime_finalizing = 24,
     .named_thread = 0,
     .named_frame = 0,
     .named_code = 0},
    {.minor = 12,
     .thread_frame = 56,
     .has_cframes = true,
     .cframe_frame = 0,
     .cframe_previous = 8,
     .frame_code = 0,
     .frame_previous = 8,
     .frame_instruction = 56,
     .frame_owner = 70,
     .frame_is_entry = 0,
     .code_first_line = 68,
     .code_file = 112,
     .code_name = 128,
     .code_lines = 136,
     .code_first_traceable = 176,
     .code_units = 192,
     .ascii_characters = 40,
     .other_characters = 56,
     .runtime_finalizing = 24,
     .named_thread = 0,
     .named_frame = 0,
     .named_code = 0},
    {.minor = 13,
     .thread_frame = 72,
     .has_cframes = false,
     .cframe_frame = 0,
     .cframe_previous = 0,
     .frame_code = 0,
     .frame_previous = 8,
     .frame_instruction = 56,
     .frame_owner = 70,
     .frame_is_entry = 0,
     .code_first_line = 68,
     .code_file = 112,
     .code_name = 128,
     .code_lines = 136,
     .code_first_traceable = 184,
     .code_units = 200,
     .ascii_characters = 40,
     .other_characters = 56,
     .runtime_finalizing = 608,
     .named_thread = 23,
     .named_frame = 29,
     .named_code = 35},
    {.minor = 14,
     .thread_frame = 72,
     .has_cframes = false,
     .cframe_frame = 0,
     .cframe_previous = 0,
     .frame_code = 0,
     .frame_previous = 8,
     .frame_instruction = 56,
     .frame_owner = 74,
     .frame_is_entry = 0,
     .code_first_line = 68,
     .code_file = 112,
     .code_name = 128,
     .code_lines = 136,
     .code_first_traceable = 192,
     .code_units = 208,
     .ascii_characters = 40,
     .other_characters = 56,
     .runtime_finalizing = 784,
     .named_thread = 26,
     .named_frame = 32,
     .named_code = 40},
};

constexpr char kCookie[] = "xdebugpy";
constexpr size_t kCookieBytes = sizeof kCookie - 1;

// In words from `named_frame`, and from `named_code`.
constexpr size_t kNamedExecutable = 1, kNamedInstruction = 2, kNamedOwner = 4;
constexpr size_t kNamedQualifiedName = 2, kNamedLines = 3, kNamedFirstLine = 4, kNamedUnits = 8;
constexpr size_t kFreeThreaded = 2, kNamedFinalizing = 4;

}  // namespace

const Layout* layout_of(uint32_t version) {
  if (version >> 24 != 3) return nullptr;
  // In 3.11.0 a frame that ends is still linked while its locals are freed (GH-99729).
  if (version >> 8 == 0x030b00) return nullptr;
  for (const Layout& layout : kLayouts) {
    if (layout.minor == (version >> 16 & 0xff)) return &layout;
  }
  return nullptr;
}

bool agrees_with_runtime(const Layout& layout, const void* py_runtime) {
  if (layout.named_frame == 0) return true;
  if (memcmp(py_runtime, kCookie, kCookieBytes) != 0) return false;
  const auto* words = static_cast<const uint64_t*>(py_runtime);
  const uint64_t *frame = words + layout.named_frame, *code = words + layout.named_code;
  return words[kFreeThreaded] == 0 && words[kNamedFinalizing] == layout.runtime_finalizing &&
         words[layout.named_thread] == layout.thread_frame && frame[0] == layout.frame_previous &&
         frame[kNamedExecutable] == layout.frame_code && frame[kNamedInstruction] == layout.frame_instruction &&
         frame[kNamedOwner] == layout.frame_owner && code[0] == layout.code_file &&
         code[kNamedQualifiedName] == layout.code_name && code[kNamedLines] == layout.code_lines &&
         code[kNamedFirstLine] == layout.code_first_line && code[kNamedUnits] == layout.code_units;
}

}  // namespace weir::stack::python
