// Makes the same calls for the same seed, in threads that take turns, and prints what each gave: result codes and values that do not
// depend on where memory lies. Whatever serves the calls, the output must be the same byte for byte.
//
//   cuda_pool_differential SEED CALLS [segments]    segments: nothing that asks how memory can be shared between processes, or how much is free
//
// Addresses are told by the number of their allocation and the offset in it; identities of buffers and handles for other processes by when they were first seen. An
// address that was freed is asked for at once or never: later it may be another allocation's, or not.
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "must.h"

namespace {

constexpr size_t kThreads = 3;
constexpr int kNone = -1;

// ---- threads that take turns ----

class Turns {
 public:
  Turns() {
    for (size_t i = 0; i < kThreads; ++i) threads_.emplace_back([this, i] { run(i); });
  }
  ~Turns() {
    take(kThreads, {});
    for (std::thread& thread : threads_) thread.join();
  }
  // Has the thread do it, and waits.
  void take(size_t thread, std::function<void()> what) {
    std::unique_lock lock(mutex_);
    what_ = std::move(what);
    next_ = thread;
    changed_.notify_all();
    if (thread < kThreads) changed_.wait(lock, [this] { return next_ == kNobody; });
  }

 private:
  static constexpr size_t kNobody = kThreads + 1;
  void run(size_t number) {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return next_ == number || next_ == kThreads; });
      if (next_ == kThreads) return;
      what_();
      next_ = kNobody;
      changed_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  size_t next_ = kNobody;
  std::function<void()> what_;
  std::vector<std::thread> threads_;
};

// ---- what there is ----

enum class Kind : uint8_t { device, pitched, managed, async, pinned, registered, array, mipmapped, physical };
constexpr const char* kKindNames[] = {"device",     "pitched", "managed",   "async",   "pinned",
                                      "registered", "array",   "mipmapped", "physical"};

struct Item {
  Kind kind;
  int number;
  int context;
  uintptr_t address;  // or the handle
  size_t bytes;
  bool has_address() const { return kind < Kind::array; }
};

struct ContextSlot {
  CUcontext handle = nullptr;
  CUstream stream = nullptr;
  bool is_primary = false;
  int device = 0;
};

std::mt19937 random_source;
unsigned below(size_t count) { return static_cast<unsigned>(random_source() % count); }
bool one_in(unsigned count) { return below(count) == 0; }

std::vector<Item> items;
std::vector<ContextSlot> contexts(5);  // two primary ones, and places for three more
int current[kThreads] = {kNone, kNone, kNone};
size_t thread_of_call;
int last_number = 0;
std::map<unsigned long long, size_t> buffer_ids;
std::map<std::string, size_t> handles;  // for other processes
bool is_in_segments = false;

int slot_of(CUcontext handle) {
  if (handle == nullptr) return kNone;
  for (size_t i = 0; i < contexts.size(); ++i) {
    if (contexts[i].handle == handle) return static_cast<int>(i);
  }
  return -2;
}

// ---- what is printed ----

std::string line;
void say(const std::string& text) { line += " " + text; }
void say(const char* name, CUresult result) { say(std::string(name) + "=" + std::to_string(result)); }
std::string text_of(size_t value) { return std::to_string(value); }

// Of an address that a call gave: where it lies in the item that it is asked of, or in any.
std::string place_of(uintptr_t address) {
  if (address == 0) return "null";
  for (const Item& item : items) {
    if (item.has_address() && address >= item.address && address < item.address + item.bytes) {
      return "#" + std::to_string(item.number) + "+" + text_of(address - item.address);
    }
  }
  return "elsewhere";
}

// ---- queries ----

void ask_attribute(uintptr_t address, int attribute) {
  uint64_t data[8] = {};  // room for any of them
  const CUresult result = cuPointerGetAttribute(data, static_cast<CUpointer_attribute>(attribute), address);
  std::string text = "a" + std::to_string(attribute) + "=" + std::to_string(result);
  if (result == CUDA_SUCCESS) {
    switch (attribute) {
      case CU_POINTER_ATTRIBUTE_CONTEXT:
        text += ":" + std::to_string(slot_of(reinterpret_cast<CUcontext>(data[0])));
        break;
      case CU_POINTER_ATTRIBUTE_DEVICE_POINTER:
      case CU_POINTER_ATTRIBUTE_HOST_POINTER:
      case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR:
        text += ":" + place_of(data[0]);
        break;
      case CU_POINTER_ATTRIBUTE_BUFFER_ID:
        text += ":" + text_of(buffer_ids.emplace(data[0], buffer_ids.size()).first->second);
        break;
      case CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE:
        text += data[0] == 0 ? ":none" : ":some";
        break;
      default:
        text += ":" + text_of(data[0]);
    }
  }
  say(text);
}

bool is_about_sharing(int attribute) {
  return attribute == CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE ||
         attribute == CU_POINTER_ATTRIBUTE_ALLOWED_HANDLE_TYPES || attribute == CU_POINTER_ATTRIBUTE_P2P_TOKENS;
}

void ask_all_attributes(uintptr_t address) {
  for (int attribute = 1; attribute <= CU_POINTER_ATTRIBUTE_IS_HW_DECOMPRESS_CAPABLE; ++attribute) {
    if (is_in_segments && is_about_sharing(attribute)) continue;
    ask_attribute(address, attribute);
  }
}

void ask_several(uintptr_t address) {
  CUpointer_attribute attributes[] = {CU_POINTER_ATTRIBUTE_MEMORY_TYPE, CU_POINTER_ATTRIBUTE_RANGE_START_ADDR,
                                      CU_POINTER_ATTRIBUTE_RANGE_SIZE,  CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL,
                                      CU_POINTER_ATTRIBUTE_BUFFER_ID,   CU_POINTER_ATTRIBUTE_CONTEXT};
  uint64_t data[std::size(attributes)] = {};
  void* places[std::size(attributes)];
  for (size_t i = 0; i < std::size(attributes); ++i) places[i] = &data[i];
  const CUresult result = cuPointerGetAttributes(std::size(attributes), attributes, places, address);
  say("attributes", result);
  if (result != CUDA_SUCCESS) return;
  say(text_of(data[0]) + "," + place_of(data[1]) + "," + text_of(data[2]) + "," + text_of(data[3] & 0xffffffff));
  say(data[4] == 0 ? "no id" : "id " + text_of(buffer_ids.emplace(data[4], buffer_ids.size()).first->second));
  say("context " + std::to_string(slot_of(reinterpret_cast<CUcontext>(data[5]))));
}

void ask_range(uintptr_t address) {
  CUdeviceptr base = 0;
  size_t bytes = 0;
  const CUresult result = cuMemGetAddressRange_v2(&base, &bytes, address);
  say("range", result);
  if (result == CUDA_SUCCESS) say(place_of(base) + "," + text_of(bytes));
  if (one_in(4)) say("no range", cuMemGetAddressRange_v2(nullptr, nullptr, address));
}

void ask_host(uintptr_t address) {
  CUdeviceptr device = 0;
  unsigned flags = 0;
  const CUresult result = cuMemHostGetDevicePointer_v2(&device, reinterpret_cast<void*>(address), 0);
  say("device pointer", result);
  if (result == CUDA_SUCCESS) say(place_of(device));
  const CUresult flags_result = cuMemHostGetFlags(&flags, reinterpret_cast<void*>(address));
  say("flags", flags_result);
  if (flags_result == CUDA_SUCCESS) say(text_of(flags));
}

void ask_sharing(uintptr_t address) {
  if (is_in_segments) return;
  CUipcMemHandle handle{};
  CUdeviceptr opened = 0;
  const CUresult result = cuIpcGetMemHandle(&handle, address);
  say("share", result);
  if (result != CUDA_SUCCESS) return;
  // Memory that was freed since has another handle.
  say("handle " + text_of(handles.emplace(std::string(handle.reserved, sizeof handle), handles.size()).first->second));
  say("open", cuIpcOpenMemHandle_v2(&opened, handle, CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS));
}

void ask_all(uintptr_t address) {
  ask_range(address);
  ask_all_attributes(address);
  ask_several(address);
  ask_host(address);
}

// How much memory the program may still have. An equal figure says that idle memory counts as free.
void ask_memory() {
  if (is_in_segments) return;
  size_t free_bytes = 0, total_bytes = 0;
  const CUresult result = cuMemGetInfo_v2(&free_bytes, &total_bytes);
  say("memory", result);
  if (result == CUDA_SUCCESS) say(text_of(free_bytes) + "/" + text_of(total_bytes));
}

void ask_current() {
  CUcontext context = nullptr;
  CUdevice device = 0;
  say("current", cuCtxGetCurrent(&context));
  say(std::to_string(slot_of(context)));
  const CUresult result = cuCtxGetDevice(&device);
  say("device", result);
  if (result == CUDA_SUCCESS) say(std::to_string(device));
}

// ---- allocations ----

// Half of them of few sizes, so that what was freed is asked for again.
size_t some_size() {
  constexpr size_t kOften[] = {1, 700, 3000, 70'000, kMiB, 3 * kMiB};
  if (one_in(2)) return kOften[below(std::size(kOften))];
  const unsigned kind = below(40);
  if (kind == 0) return 0;
  if (kind == 1) return size_t{1} << 40;
  if (kind == 2) return 64 * kMiB;
  if (kind < 16) return 1 + below(5000);
  if (kind < 26) return 1 + below(kMiB);
  if (kind < 34) return (1 + below(6)) * kMiB + below(3) - 1;
  return 1 + below(24 * kMiB);
}

void add(Kind kind, uintptr_t address, size_t bytes) {
  items.push_back({kind, ++last_number, current[thread_of_call], address, bytes});
  say("#" + std::to_string(last_number));
}

void allocate_device() {
  const size_t bytes = some_size();
  CUdeviceptr address = 0;
  say("bytes " + text_of(bytes));
  const CUresult result = cuMemAlloc_v2(&address, bytes);
  say("result", result);
  if (result != CUDA_SUCCESS) return;
  add(Kind::device, address, bytes);
  say("aligned " + std::to_string(address % 512 == 0));
}

void allocate_pitched() {
  const size_t width = 1 + below(5000), height = 1 + below(500);
  CUdeviceptr address = 0;
  size_t pitch = 0;
  say(text_of(width) + "x" + text_of(height));
  const CUresult result = cuMemAllocPitch_v2(&address, &pitch, width, height, 4);
  say("result", result);
  if (result != CUDA_SUCCESS) return;
  say("pitch " + text_of(pitch));
  add(Kind::pitched, address, pitch * height);
}

void allocate_managed() {
  const size_t bytes = some_size() % (4 * kMiB);
  CUdeviceptr address = 0;
  const CUresult result = cuMemAllocManaged(&address, bytes, CU_MEM_ATTACH_GLOBAL);
  say("bytes " + text_of(bytes));
  say("result", result);
  if (result == CUDA_SUCCESS) add(Kind::managed, address, bytes);
}

void allocate_async() {
  if (current[thread_of_call] == kNone) return;
  const size_t bytes = some_size();
  const CUstream stream = contexts[static_cast<size_t>(current[thread_of_call])].stream;
  CUdeviceptr address = 0;
  const CUresult result = cuMemAllocAsync(&address, bytes, stream);
  say("bytes " + text_of(bytes));
  say("result", result);
  if (result != CUDA_SUCCESS) return;
  say("synchronise", cuStreamSynchronize(stream));
  add(Kind::async, address, bytes);
}

void allocate_pinned() {
  constexpr unsigned kFlags[] = {
      0, 0, 0, CU_MEMHOSTALLOC_PORTABLE, CU_MEMHOSTALLOC_DEVICEMAP, CU_MEMHOSTALLOC_WRITECOMBINED};
  const size_t bytes = some_size() % (16 * kMiB);
  void* address = nullptr;
  const unsigned flags = kFlags[below(std::size(kFlags))];
  const bool plain = one_in(4);
  const CUresult result = plain ? cuMemAllocHost_v2(&address, bytes) : cuMemHostAlloc(&address, bytes, flags);
  say("bytes " + text_of(bytes) + (plain ? " plain" : " flags " + text_of(flags)));
  say("result", result);
  if (result == CUDA_SUCCESS) add(Kind::pinned, reinterpret_cast<uintptr_t>(address), bytes);
}

// The program's own memory: a part of a buffer that is there for good.
alignas(4096) char own_memory[16][8192];
void register_own() {
  char* const memory = own_memory[below(16)];
  const CUresult result = cuMemHostRegister_v2(memory, sizeof own_memory[0], 0);
  say("result", result);
  if (result == CUDA_SUCCESS) add(Kind::registered, reinterpret_cast<uintptr_t>(memory), sizeof own_memory[0]);
}

void create_array() {
  const CUDA_ARRAY3D_DESCRIPTOR shape{1 + below(2000), 1 + below(1000), 0, CU_AD_FORMAT_FLOAT, 1, 0};
  CUarray array = nullptr;
  const CUresult result = cuArray3DCreate_v2(&array, &shape);
  say(text_of(shape.Width) + "x" + text_of(shape.Height));
  say("result", result);
  if (result == CUDA_SUCCESS) add(Kind::array, reinterpret_cast<uintptr_t>(array), 0);
}

void create_mipmapped() {
  const CUDA_ARRAY3D_DESCRIPTOR shape{1 + below(2000), 1 + below(1000), 0, CU_AD_FORMAT_FLOAT, 1, 0};
  CUmipmappedArray array = nullptr;
  const CUresult result = cuMipmappedArrayCreate(&array, &shape, 3);
  say(text_of(shape.Width) + "x" + text_of(shape.Height));
  say("result", result);
  if (result == CUDA_SUCCESS) add(Kind::mipmapped, reinterpret_cast<uintptr_t>(array), 0);
}

void create_physical() {
  CUmemAllocationProp wish{};
  wish.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  wish.location = {CU_MEM_LOCATION_TYPE_DEVICE, {static_cast<int>(below(2))}};
  const size_t bytes = (1 + below(8)) * 2 * kMiB;
  CUmemGenericAllocationHandle handle = 0;
  const CUresult result = cuMemCreate(&handle, bytes, &wish, 0);
  say("bytes " + text_of(bytes) + " of " + std::to_string(wish.location.id));
  say("result", result);
  if (result != CUDA_SUCCESS) return;
  add(Kind::physical, handle, bytes);
  items.back().context = kNone;
}

// ---- frees ----

CUstream stream_of_thread() {
  const int slot = current[thread_of_call];
  return slot == kNone ? nullptr : contexts[static_cast<size_t>(slot)].stream;
}

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
  const bool in_stream = item.context == current[thread_of_call] &&
                         (item.kind == Kind::async ? !one_in(3) : item.kind == Kind::device && one_in(10));
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

void free_some() {
  if (!items.empty()) free_item(below(items.size()));
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

// ---- uses ----

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
  if (one_in(8)) ask_sharing(item.address);
}

void write_and_read() {
  if (items.empty()) return;
  const Item& item = items[below(items.size())];
  const int slot = current[thread_of_call];
  if (!item.has_address() || item.kind == Kind::registered || (slot != kNone && slot != item.context)) return;
  const size_t bytes = std::min<size_t>(item.bytes, 1 + below(4096));
  const auto value = static_cast<unsigned char>(below(256));
  std::vector<unsigned char> back(bytes);
  say("#" + std::to_string(item.number) + " " + text_of(bytes));
  const CUresult set = cuMemsetD8Async(item.address, value, bytes, stream_of_thread());
  say("set", set);
  say("synchronise", one_in(2) ? cuCtxSynchronize() : cuStreamSynchronize(stream_of_thread()));
  const CUresult copied = cuMemcpyDtoH_v2(back.data(), item.address, bytes);
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

// ---- contexts ----

void forget_items_of(int slot) {
  std::erase_if(items, [&](const Item& item) { return item.context == slot; });
}

void add_stream(ContextSlot& slot) { MUST(cuStreamCreate(&slot.stream, CU_STREAM_NON_BLOCKING)); }

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

struct Operation {
  unsigned weight;
  const char* name;
  void (*run)();
};
constexpr Operation kOperations[] = {{260, "allocate", allocate_device},
                                     {20, "allocate pitched", allocate_pitched},
                                     {10, "allocate managed", allocate_managed},
                                     {30, "allocate async", allocate_async},
                                     {70, "allocate pinned", allocate_pinned},
                                     {8, "register", register_own},
                                     {12, "array", create_array},
                                     {6, "mipmapped", create_mipmapped},
                                     {10, "physical", create_physical},
                                     {300, "free", free_some},
                                     {40, "free wrongly", free_wrongly},
                                     {100, "query", query_some},
                                     {60, "memory", ask_memory},
                                     {60, "write and read", write_and_read},
                                     {40, "queue", queue_only},
                                     {20, "sync memops", set_sync_memops},
                                     {20, "current", ask_current},
                                     {1, "break", break_context},
                                     {8, "create context", create_context},
                                     {6, "end context", end_some_context},
                                     {60, "switch", switch_context},
                                     {4, "peer", enable_peer}};

const Operation& some_operation() {
  unsigned sum = 0;
  for (const Operation& operation : kOperations) sum += operation.weight;
  unsigned at = below(sum);
  for (const Operation& operation : kOperations) {
    if (at < operation.weight) return operation;
    at -= operation.weight;
  }
  return kOperations[0];
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 3) return 2;
  random_source.seed(static_cast<unsigned>(strtoul(arguments[1], nullptr, 0)));
  const unsigned long calls = strtoul(arguments[2], nullptr, 0);
  is_in_segments = count > 3;
  MUST(cuInit(0));
  Turns turns;
  for (size_t thread = 0; thread < kThreads; ++thread) {
    turns.take(thread, [thread] {
      if (thread < 2) make_primary(static_cast<int>(thread));
      current[thread] = thread < 2 ? static_cast<int>(thread) : kNone;
    });
  }
  for (unsigned long i = 0; i < calls; ++i) {
    thread_of_call = below(kThreads);
    const Operation& operation = some_operation();
    line = std::to_string(i) + " thread " + text_of(thread_of_call) + " in " + std::to_string(current[thread_of_call]) +
           ": " + operation.name;
    turns.take(thread_of_call, operation.run);
    std::puts(line.c_str());
  }
  return 0;
}
