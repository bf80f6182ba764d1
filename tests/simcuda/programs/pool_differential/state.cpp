#include "calls.h"

namespace differential {
namespace {

int last_number = 0;
std::map<unsigned long long, size_t> buffer_ids;
std::map<std::string, size_t> handles;

}  // namespace

std::vector<Item> items;
std::vector<ContextSlot> contexts(5);
int current[kThreads] = {kNone, kNone, kNone};
size_t thread_of_call;
bool is_in_segments = false;

int slot_of(CUcontext handle) {
  if (handle == nullptr) return kNone;
  for (size_t i = 0; i < contexts.size(); ++i) {
    if (contexts[i].handle == handle) return static_cast<int>(i);
  }
  return -2;
}

CUstream stream_of_thread() {
  const int slot = current[thread_of_call];
  return slot == kNone ? nullptr : contexts[static_cast<size_t>(slot)].stream;
}

void add_stream(ContextSlot& slot) { MUST(cuStreamCreate(&slot.stream, CU_STREAM_NON_BLOCKING)); }

void add(Kind kind, uintptr_t address, size_t bytes) {
  items.push_back({kind, ++last_number, current[thread_of_call], address, bytes});
  say("#" + std::to_string(last_number));
}

size_t number_of_buffer(unsigned long long id) { return buffer_ids.emplace(id, buffer_ids.size()).first->second; }
size_t number_of_handle(const std::string& handle) { return handles.emplace(handle, handles.size()).first->second; }

std::string place_of(uintptr_t address) {
  if (address == 0) return "null";
  for (const Item& item : items) {
    if (item.has_address() && address >= item.address && address < item.address + item.bytes) {
      return "#" + std::to_string(item.number) + "+" + text_of(address - item.address);
    }
  }
  return "elsewhere";
}

}  // namespace differential
