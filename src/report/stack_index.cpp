#include "report/stack_index.h"

#include <algorithm>

#include "options/options.h"
#include "stack/module_table.h"
#include "stack/python_frames.h"

namespace weir::report {
namespace {

constexpr int kExactShift = 47, kModuleShift = 48;
constexpr uint64_t kAddressMask = (uint64_t{1} << kExactShift) - 1;
constexpr auto kTruncatedFrame = UINT64_MAX;  // no frame of a program: the last address of the last module
constexpr size_t kFirstSlots = 1024;

// A Python frame is where a function stands, and no code of a module's.
void write_python_frame(JsonStream& json, const stack::PythonFrame& frame) {
  json.key("module").null().key("language").text("python");
  json.key("function").text(frame.function).key("file").text(frame.file);
  if (frame.line != 0) json.key("line").number(frame.line);
}

}  // namespace

StackIndex::FrameKey StackIndex::key_of(const stack::StackFrame& frame) {
  return static_cast<FrameKey>((frame.ip & kAddressMask) | (uint64_t{frame.exact} << kExactShift) |
                               (uint64_t{core::index_of(frame.module)} << kModuleShift));
}

uint32_t StackIndex::number_of(core::StackId stack) {
  const size_t id = core::index_of(stack);
  if (id >= number_of_stack_.size() && !number_of_stack_.resize(std::max<size_t>(id, stack::stack_count()) + 1)) {
    out_of_memory_ = true;
    return 0;
  }
  uint32_t& number = number_of_stack_[id];
  if (number == 0) {
    if (!stacks_.push(stack)) out_of_memory_ = true;
    number = static_cast<uint32_t>(stacks_.size());
  }
  return number - 1;
}

void StackIndex::write_stacks(JsonStream& json) {
  // Native frames up to that depth, and as many Python frames where they are wanted.
  const size_t kinds = options::current().python ? 2 : 1;
  if (!buffer_.resize(options::current().stack_depth * kinds)) out_of_memory_ = true;
  json.begin_array();
  for (size_t i = 0; i < stacks_.size() && !out_of_memory_; ++i) write_stack(json, stacks_[i]);
  json.end_array();
}

void StackIndex::write_stack(JsonStream& json, core::StackId stack) {
  bool truncated = false;
  size_t depth = 0;
  if (stack != core::StackId::unknown) depth = stack::frames_of(stack, buffer_.begin(), buffer_.size(), &truncated);
  if (depth > buffer_.size()) {
    depth = buffer_.size();
    truncated = true;
  }
  json.begin_array();
  for (size_t i = 0; i < depth; ++i) json.number(frame_number_of(key_of(buffer_[i])));
  if (truncated) json.number(frame_number_of(static_cast<FrameKey>(kTruncatedFrame)));
  json.end_array();
}

size_t StackIndex::slot_of(FrameKey key) const {
  constexpr uint64_t kMultiplier = 0x9e3779b97f4a7c15;
  constexpr int kHashShift = 24;
  const size_t mask = slots_.size() - 1;
  size_t slot = static_cast<size_t>((static_cast<uint64_t>(key) * kMultiplier) >> kHashShift) & mask;
  while (slots_[slot] != 0 && frames_[slots_[slot] - 1] != key) slot = (slot + 1) & mask;
  return slot;
}

bool StackIndex::grow_slots() {
  const size_t wanted = slots_.size() == 0 ? kFirstSlots : slots_.size() * 2;
  if (!slots_.resize(wanted)) return false;
  std::fill(slots_.begin(), slots_.end(), 0U);
  for (uint32_t i = 0; i < frames_.size(); ++i) slots_[slot_of(frames_[i])] = i + 1;
  return true;
}

uint32_t StackIndex::frame_number_of(FrameKey key) {
  if (frames_.size() * 2 >= slots_.size() && !grow_slots()) {
    out_of_memory_ = true;
    return 0;
  }
  uint32_t& number = slots_[slot_of(key)];
  if (number == 0) {
    if (!frames_.push(key)) {
      out_of_memory_ = true;
      return 0;
    }
    number = static_cast<uint32_t>(frames_.size());
  }
  return number - 1;
}

uint32_t StackIndex::module_number_of(core::ModuleId module) {
  const size_t id = core::index_of(module);
  if (id >= number_of_module_.size() && !number_of_module_.resize(id + 1)) {
    out_of_memory_ = true;
    return 0;
  }
  uint32_t& number = number_of_module_[id];
  if (number == 0) {
    if (!modules_.push(module)) out_of_memory_ = true;
    number = static_cast<uint32_t>(modules_.size());
  }
  return number - 1;
}

void StackIndex::write_frames(JsonStream& json) {
  json.begin_array();
  for (size_t i = 0; i < frames_.size(); ++i) write_frame(json, frames_[i]);
  json.end_array();
}

void StackIndex::write_frame(JsonStream& json, FrameKey key) {
  const auto bits = static_cast<uint64_t>(key);
  const uint64_t address = bits & kAddressMask;
  const auto id = static_cast<core::ModuleId>(bits >> kModuleShift);
  json.begin_object();
  if (bits == kTruncatedFrame) {
    json.key("module").null().key("truncated").boolean(true);
  } else {
    if (stack::PythonFrame python; stack::python_frame({address, id, false}, &python)) {
      write_python_frame(json, python);
    } else if (const stack::ModuleInfo* module = stack::module_info(id)) {
      json.key("module").number(module_number_of(id)).key("offset").number(address - module->base);
    } else {
      json.key("module").null().key("address").address(address);
    }
    if ((bits >> kExactShift & 1) != 0) json.key("exact").boolean(true);
  }
  json.end_object();
}

void StackIndex::write_modules(JsonStream& json) {
  json.begin_array();
  for (size_t i = 0; i < modules_.size(); ++i) {
    const stack::ModuleInfo& module = *stack::module_info(modules_[i]);
    json.begin_object().key("path").text(module.path).key("build_id");
    module.build_id_bytes == 0 ? json.null() : json.hex_bytes(module.build_id, module.build_id_bytes);
    json.key("base").address(module.base).key("loaded").boolean(module.loaded).end_object();
  }
  json.end_array();
}

}  // namespace weir::report
