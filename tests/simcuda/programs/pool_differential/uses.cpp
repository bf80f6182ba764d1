// Calls about what there is.
#include "calls.h"

namespace differential {

void query_some() {
  if (items.empty() || one_in(16)) {
    int on_stack = 0;
    ask_all(one_in(2) ? reinterpret_cast<uintptr_t>(&on_stack) : 0x1234000);
    return;
  }
  const Item& item = items[below(items.size())];
  if (!item.has_address()) return;
  say("#" + std::to_string(item.number));
  ask_all(item.address + (one_in(2) ? 0 : below(item.bytes)));
  // What the driver's own rounding adds belongs to nobody.
  constexpr size_t kGranule = 512;
  const size_t beyond = kGranule - item.bytes % kGranule;
  if (item.kind == Kind::device && beyond != kGranule) ask_all(item.address + item.bytes + below(beyond));
  if (one_in(12)) ask_sharing(item.address);
}

void write_and_read() {
  if (items.empty()) return;
  const Item& item = items[below(items.size())];
  const int slot = current[thread_of_call];
  if (!item.has_address() || item.kind == Kind::registered || (slot != kNone && slot != item.context)) return;
  const size_t bytes = std::min<size_t>(item.bytes, 1 + below(4096));
  const auto value = static_cast<unsigned char>(below(256));
  std::vector<unsigned char> back(bytes);
  const uintptr_t start = one_in(2) ? item.address : item.address + item.bytes - bytes;
  say("#" + std::to_string(item.number) + " " + text_of(bytes) + " from " + text_of(start - item.address));
  const CUresult set = cuMemsetD8Async(start, value, bytes, stream_of_thread());
  say("set", set);
  say("synchronise", one_in(2) ? cuCtxSynchronize() : cuStreamSynchronize(stream_of_thread()));
  const CUresult copied = cuMemcpyDtoH_v2(back.data(), start, bytes);
  say("copied", copied);
  if (copied == CUDA_SUCCESS && set == CUDA_SUCCESS) {
    say(back.front() == value && back.back() == value ? "same" : "other");
  }
}

// Of memory of the stream's own context: a free waits for no other.
void queue_only() {
  if (items.empty()) return;
  const Item& item = items[below(items.size())];
  if (!item.has_address() || item.kind == Kind::registered || item.context != current[thread_of_call]) return;
  say("set", cuMemsetD8Async(item.address, 1, std::min<size_t>(item.bytes, 512), stream_of_thread()));
}

void set_sync_memops() {
  if (items.empty() || is_in_segments) return;
  const Item& item = items[below(items.size())];
  if (!item.has_address()) return;
  const unsigned on = 1;
  say("#" + std::to_string(item.number));
  say("result", cuPointerSetAttribute(&on, CU_POINTER_ATTRIBUTE_SYNC_MEMOPS, item.address));
}

// Work beyond all memory: an error that stays with the context.
void break_context() {
  for (const Item& item : items) {
    if (item.kind != Kind::device || item.context != current[thread_of_call]) continue;
    say("set", cuMemsetD8Async(item.address, 1, size_t{1} << 40, stream_of_thread()));
    say("synchronise", cuCtxSynchronize());
    say("again", cuCtxSynchronize());
    return;
  }
}

}  // namespace differential
