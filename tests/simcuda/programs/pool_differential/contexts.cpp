// Contexts that come, go, and are made current.
#include "calls.h"

namespace differential {
namespace {

void forget_items_of(int slot) {
  std::erase_if(items, [&](const Item& item) { return item.context == slot; });
}

void destroy_context(size_t index) {
  ContextSlot& slot = contexts[index];
  if (slot.handle == nullptr) return;
  say("slot " + text_of(index));
  say("result", cuCtxDestroy_v2(slot.handle));
  slot.handle = nullptr;
  slot.stream = nullptr;
  forget_items_of(static_cast<int>(index));
  ask_current();
  // Other threads have a context that is gone.
  for (size_t thread = 0; thread < kThreads; ++thread) {
    if (current[thread] == static_cast<int>(index)) current[thread] = kNone;
  }
}

void reset_primary(size_t device) {
  say("device " + text_of(device));
  say("result", cuDevicePrimaryCtxReset_v2(static_cast<int>(device)));
  forget_items_of(static_cast<int>(device));
  ask_current();
  MUST(cuCtxSetCurrent(contexts[device].handle));
  current[thread_of_call] = static_cast<int>(device);
  add_stream(contexts[device]);
}

}  // namespace

void make_primary(int device) {
  ContextSlot& slot = contexts[static_cast<size_t>(device)];
  slot = {enter(device), nullptr, true, device};
  add_stream(slot);
}

void create_context() {
  for (size_t i = 2; i < contexts.size(); ++i) {
    ContextSlot& slot = contexts[i];
    if (slot.handle != nullptr) continue;
    slot.device = static_cast<int>(below(2));
    const CUresult result = cuCtxCreate_v2(&slot.handle, 0, slot.device);
    say("slot " + text_of(i));
    say("result", result);
    if (result != CUDA_SUCCESS) return;
    // In place of the one before, not above it.
    MUST(cuCtxPopCurrent_v2(nullptr));
    MUST(cuCtxSetCurrent(slot.handle));
    current[thread_of_call] = static_cast<int>(i);
    add_stream(slot);
    return;
  }
}

void end_some_context() {
  const size_t index = below(contexts.size());
  if (index >= 2) {
    destroy_context(index);
  } else {
    reset_primary(index);
  }
}

void switch_context() {
  const size_t index = below(contexts.size());
  if (one_in(10)) {
    say("none", cuCtxSetCurrent(nullptr));
    current[thread_of_call] = kNone;
  } else if (contexts[index].handle != nullptr) {
    say("slot " + text_of(index));
    say("result", cuCtxSetCurrent(contexts[index].handle));
    current[thread_of_call] = static_cast<int>(index);
  }
}

void enable_peer() {
  const size_t index = below(contexts.size());
  if (contexts[index].handle == nullptr || current[thread_of_call] == static_cast<int>(index)) return;
  say("slot " + text_of(index));
  say("result", cuCtxEnablePeerAccess(contexts[index].handle, 0));
}

}  // namespace differential
