#include "leak/driver_memory.h"

#include <algorithm>

#include "cuda/driver.h"
#include "stack/module_table.h"
#include "stack/stack_table.h"
#include "track/mapping_table.h"

namespace weir::leak {
namespace {

constexpr uint8_t kOwn = 1, kOthers = 2;

}  // namespace

bool DriverMemory::find() {
  const void* const function = cuda::driver_was_bound() ? cuda::driver_function(cuda::Entry::cuMemAlloc_v2) : nullptr;
  uintptr_t end = 0;
  if (function == nullptr || !stack::find_module_range(reinterpret_cast<uintptr_t>(function), &code_start_, &end))
    return true;
  code_bytes_ = end - code_start_;
  if (!verdicts_.resize(stack::stack_count() + 1) || !ranges_.push({code_start_, end})) return false;
  track::for_each_mapping(
      [](void* context, const track::Mapping& mapping) {
        auto* self = static_cast<DriverMemory*>(context);
        if (self->is_own_call(mapping.stack) && !self->ranges_.push({mapping.address, mapping.end()}))
          self->out_of_memory_ = true;
      },
      this);
  std::sort(ranges_.begin(), ranges_.end(),
            [](const core::OwnRange& a, const core::OwnRange& b) { return a.start < b.start; });
  return !out_of_memory_;
}

// Whether the driver asked, be it through another library's function: operator new, std::thread.
bool DriverMemory::is_own_call(core::StackId stack) const {
  constexpr size_t kFrames = 4;
  stack::StackFrame frames[kFrames];
  bool truncated = false;
  const size_t count = std::min(stack::frames_of(stack, frames, kFrames, &truncated), kFrames);
  return std::any_of(frames, frames + count, [this](const stack::StackFrame& frame) { return is_code(frame.ip); });
}

bool DriverMemory::allocated(core::StackId stack) {
  if (core::index_of(stack) >= verdicts_.size()) return false;
  uint8_t& verdict = verdicts_[core::index_of(stack)];
  if (verdict == 0) verdict = is_own_call(stack) ? kOwn : kOthers;
  return verdict == kOwn;
}

uintptr_t DriverMemory::part_of(uintptr_t start, uintptr_t end, bool* of_driver) const {
  const core::OwnRange* range = std::upper_bound(ranges_.begin(), ranges_.end(), start,
                                                 [](uintptr_t at, const core::OwnRange& of) { return at < of.end; });
  *of_driver = range != ranges_.end() && range->start <= start;
  if (*of_driver) return std::min(end, range->end);
  return range == ranges_.end() ? end : std::min(end, range->start);
}

}  // namespace weir::leak
