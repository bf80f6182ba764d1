// Calls that free, rightly and wrongly.
#include "calls.h"

namespace differential {
namespace {

CUresult free_by_its_kind(const Item& item) {
  switch (item.kind) {
    case Kind::pinned:
      return cuMemFreeHost(reinterpret_cast<void*>(item.address));
    case Kind::registered:
      return cuMemHostUnregister(reinterpret_cast<void*>(item.address));
    case Kind::array:
      return cuArrayDestroy(reinterpret_cast<CUarray>(item.address));
    case Kind::mipmapped:
      return cuMipmappedArrayDestroy(reinterpret_cast<CUmipmappedArray>(item.address));
    case Kind::physical:
      return cuMemRelease(item.address);
    default:
      break;
  }
  const bool is_linear = item.kind == Kind::device || item.kind == Kind::pitched;
  const bool in_stream =
      item.context == current[thread_of_call] && (item.kind == Kind::async ? !one_in(3) : is_linear && one_in(10));
  if (!in_stream) return cuMemFree_v2(item.address);
  say("in stream");
  const CUresult result = cuMemFreeAsync(item.address, stream_of_thread());
  say("synchronise", cuStreamSynchronize(stream_of_thread()));
  return result;
}

void free_item(size_t index) {
  const Item item = items[index];
  say("#" + std::to_string(item.number) + " " + kKindNames[static_cast<size_t>(item.kind)]);
  const CUresult result = free_by_its_kind(item);
  say("result", result);
  if (result != CUDA_SUCCESS) return;
  items.erase(items.begin() + static_cast<long>(index));
  if (!item.has_address()) return;
  // At once, as long as the address can be no other allocation's.
  if (one_in(4)) say("again", cuMemFree_v2(item.address));
  if (one_in(8)) say("again", cuMemFreeHost(reinterpret_cast<void*>(item.address)));
  if (one_in(8)) ask_all(item.address + below(item.bytes));
  if (one_in(8)) ask_sharing(item.address);
}

}  // namespace

// Mostly of the thread's own context, as programs do.
void free_some() {
  if (items.empty()) return;
  size_t index = below(items.size());
  for (int i = 0; i < 6 && items[index].context != current[thread_of_call]; ++i) index = below(items.size());
  free_item(index);
}

void free_wrongly() {
  int on_stack = 0;
  switch (below(5)) {
    case 0:
      say("null", cuMemFree_v2(0));
      say("null", cuMemFreeHost(nullptr));
      return;
    case 1:
      say("never given", cuMemFree_v2(0x1234000));
      say("never given", cuMemFreeHost(reinterpret_cast<void*>(uintptr_t{0x1234000})));
      return;
    case 2:
      say("stack", cuMemFreeHost(&on_stack));
      return;
    default:
      break;
  }
  if (items.empty()) return;
  const Item& item = items[below(items.size())];
  if (!item.has_address()) return;
  say("#" + std::to_string(item.number));
  const size_t inside = 1 + below(item.bytes);
  if (inside < item.bytes) say("inside", cuMemFree_v2(item.address + inside));
  if (inside < item.bytes) say("inside", cuMemFreeHost(reinterpret_cast<void*>(item.address + inside)));
  if (item.kind == Kind::pinned || item.kind == Kind::registered) {
    say("as the device's", cuMemFree_v2(item.address));
  } else {
    say("as the host's", cuMemFreeHost(reinterpret_cast<void*>(item.address)));
  }
}

}  // namespace differential
