// Memory that a framework's cache allocates on the device, page-locked and on the host, and the same by functions of other names: each
// block lost, kept and freed. `framework_cache cache` or `twin`; the names are those of PyTorch's functions.
extern "C" {
#include "leak_device.h"
}

static int (*free_device)(device_address);

// What both do.
#define CALL_DRIVER(call)     \
  do {                        \
    if ((call) != 0) abort(); \
  } while (false)
#define ALLOCATORS                                                                       \
  struct DeviceCachingAllocator {                                                        \
    struct Record {                                                                      \
      device_address address;                                                            \
    };                                                                                   \
    static OWN_FRAME Record* record_block(device_address address) {                      \
      auto* record = new Record{address};                                                \
      use(record);                                                                       \
      return record;                                                                     \
    }                                                                                    \
    static OWN_FRAME device_address malloc(size_t bytes, device_address (*callback)()) { \
      device_address address = callback == nullptr ? 0 : callback();                     \
      CALL_DRIVER(allocate_device(&address, bytes));                                     \
      return address;                                                                    \
    }                                                                                    \
  };                                                                                     \
  struct NativeCachingAllocator {                                                        \
    static OWN_FRAME device_address allocate(size_t bytes) {                             \
      const device_address address = DeviceCachingAllocator::malloc(bytes, nullptr);     \
      use(&address);                                                                     \
      return address;                                                                    \
    }                                                                                    \
    static OWN_FRAME device_address allocate_uncached(size_t bytes) {                    \
      device_address address = 0;                                                        \
      CALL_DRIVER(allocate_device(&address, bytes));                                     \
      return address;                                                                    \
    }                                                                                    \
  };
#define PINNED_ALLOCATOR                                        \
  struct CUDACachingHostAllocatorImpl {                         \
    static OWN_FRAME void* allocate_host_memory(size_t bytes) { \
      void* block = nullptr;                                    \
      CALL_DRIVER(allocate_pinned(&block, bytes, 0));           \
      return block;                                             \
    }                                                           \
  };

namespace c10::cuda::CUDACachingAllocator::Native {
ALLOCATORS
}
namespace at::cuda {
namespace {
PINNED_ALLOCATOR
}
}  // namespace at::cuda
namespace twin {
ALLOCATORS
PINNED_ALLOCATOR
}  // namespace twin

constexpr size_t kMiB = 1 << 20;

static void* volatile kept_record;
static void* volatile kept_pinned;
static volatile device_address kept_on_device;

// What the program does below the cache's functions is its own.
static OWN_FRAME device_address leak_in_callback() {
  device_address address = 0;
  CALL_DRIVER(allocate_device(&address, 11 * kMiB));
  return address;
}

// Sizes tell the blocks apart.
template <class Native, class Device, class Pinned>
static OWN_FRAME void allocate_all() {
  use((void*)Native::allocate(2 * kMiB));
  kept_on_device = Native::allocate(3 * kMiB);
  CALL_DRIVER(free_device(Native::allocate(5 * kMiB)));
  use(Pinned::allocate_host_memory(4 * kMiB));
  kept_pinned = Pinned::allocate_host_memory(6 * kMiB);
  use(Device::record_block(Native::allocate(8 * kMiB)));  // a lost record alone leads to it
  kept_record = Device::record_block(0);
  use((void*)Native::allocate_uncached(7 * kMiB));
  use((void*)Device::malloc(12 * kMiB, leak_in_callback));
}

int main(int argc, char** argv) {
  namespace pytorch = c10::cuda::CUDACachingAllocator::Native;
  start_device();
  free_device = (int (*)(device_address))dlsym(dlopen("libcuda.so.1", RTLD_NOW), "cuMemFree_v2");
  if (argc > 1 && strcmp(argv[1], "cache") == 0) {
    allocate_all<pytorch::NativeCachingAllocator, pytorch::DeviceCachingAllocator,
                 at::cuda::CUDACachingHostAllocatorImpl>();
  } else {
    allocate_all<twin::NativeCachingAllocator, twin::DeviceCachingAllocator, twin::CUDACachingHostAllocatorImpl>();
  }
  scrub();
  return 0;
}
