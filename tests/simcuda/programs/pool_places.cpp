// Uses CUDA's memory in places where a pool is easily wrong; its output must be the same whatever serves the memory.
//
//   cuda_pool_places CASE
//
// fork       child and parent go on after a fork          at_exit   frees in handlers and destructors after main
// idle_exit  ends with much that was freed                ends      contexts end with live and freed memory, and begin again
// green      green contexts come and go                   last      a green context is the last user of its primary one
// async      cuMemFreeAsync of what cuMemAlloc gave       elsewhere another context or device is current at a free, or none
// twice      two threads free the same memory at once     sizes     10,000 sizes
// contexts   8 threads, a context each                    switching the mode changes all the time (weir_set)
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <initializer_list>
#include <iterator>
#include <thread>
#include <vector>

#include "../../../include/weir/weir.h"
#include "must.h"

namespace {

constexpr size_t kBytes = 3 * kMiB;

CUdeviceptr take(size_t bytes) {
  CUdeviceptr address = 0;
  MUST(cuMemAlloc_v2(&address, bytes));
  return address;
}

void* take_pinned(size_t bytes) {
  void* address = nullptr;
  MUST(cuMemHostAlloc(&address, bytes, CU_MEMHOSTALLOC_PORTABLE));
  return address;
}

// Blocks that were used and freed, for a pool to have some.
void leave_idle(int count) {
  std::vector<CUdeviceptr> blocks;
  std::vector<void*> pinned;
  for (int i = 0; i < count; ++i) blocks.push_back(take(kBytes)), pinned.push_back(take_pinned(4096));
  for (const CUdeviceptr block : blocks) MUST(cuMemFree_v2(block));
  for (void* block : pinned) MUST(cuMemFreeHost(block));
}

bool holds(CUdeviceptr block, size_t bytes, unsigned char value) {
  unsigned char ends[2] = {};
  MUST(cuMemcpyDtoH_v2(&ends[0], block, 1));
  MUST(cuMemcpyDtoH_v2(&ends[1], block + bytes - 1, 1));
  return ends[0] == value && ends[1] == value;
}

// Whether memory that was just given can be used: it is mapped, and its size is right.
void show_use(const char* when, CUdeviceptr block, size_t bytes) {
  size_t range = 0;
  CUdeviceptr start = 0;
  CUcontext of = nullptr, current = nullptr;
  const CUresult set = cuMemsetD8_v2(block, 7, bytes);
  MUST(cuMemGetAddressRange_v2(&start, &range, block));
  MUST(cuPointerGetAttribute(&of, CU_POINTER_ATTRIBUTE_CONTEXT, block));
  MUST(cuCtxGetCurrent(&current));
  std::printf("%s: set %d, holds %d, start %d, bytes %zu, of this context %d\n", when, set, holds(block, bytes, 7),
              start == block, range, of == current);
}

// Of the current device; what small blocks of a segment share with others is left out.
void show_used() {
  size_t free_bytes = 0, total_bytes = 0;
  MUST(cuMemGetInfo_v2(&free_bytes, &total_bytes));
  std::printf("used %zu MiB\n", (total_bytes - free_bytes) / (3 * kMiB) * 3);
}

// The results of calls in their order.
void show(const char* what, std::initializer_list<int> results) {
  std::printf("%s:", what);
  for (const int result : results) std::printf(" %d", result);
  std::printf("\n");
}

// ---- fork ----

// What the child asks for the driver gives, as far as it can: nothing of its parent's is given away.
void live_as_child() {
  CUdeviceptr given = 0;
  std::printf("child: %d\n", cuMemAlloc_v2(&given, kBytes));
  std::fflush(stdout);
  std::exit(3);
}

void after_fork() {
  enter(0);
  leave_idle(5);
  const CUdeviceptr live = take(kBytes), other = take(4096);
  MUST(cuMemsetD8_v2(live, 5, kBytes));
  MUST(cuCtxSynchronize());
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) live_as_child();
  int status = 0;
  waitpid(child, &status, 0);
  std::printf("parent: child ended with %d, live holds %d\n", WEXITSTATUS(status), holds(live, kBytes, 5));
  MUST(cuMemFree_v2(live));
  MUST(cuMemFree_v2(other));
  leave_idle(5);
  show_used();
}

// ---- After main ----

CUdeviceptr of_handler, of_destructor;
void* pinned_of_handler;

struct FreesAtTheEnd {
  ~FreesAtTheEnd() {
    if (of_destructor == 0) return;
    CUdeviceptr more = 0;
    show("destructor, again, allocates",
         {cuMemFree_v2(of_destructor), cuMemFree_v2(of_destructor), cuMemAlloc_v2(&more, kBytes)});
    std::fflush(stdout);
  }
} frees_at_the_end;

void at_exit() {
  enter(0);
  leave_idle(3);
  of_handler = take(kBytes);
  of_destructor = take(4096);
  pinned_of_handler = take_pinned(4096);
  std::atexit([] {
    show("handler", {cuMemFree_v2(of_handler), cuMemFreeHost(pinned_of_handler)});
    std::fflush(stdout);
  });
  std::exit(5);
}

void idle_exit() {
  enter(0);
  for (int i = 0; i < 10; ++i) leave_idle(10);
}

// ---- Contexts ----

void ends() {
  for (int round = 0; round < 20; ++round) {
    enter(0);
    leave_idle(4);
    const CUdeviceptr live = take(kBytes);
    show_use("primary", live, kBytes);
    MUST(cuDevicePrimaryCtxReset_v2(0));

    CUcontext context = nullptr;
    MUST(cuCtxCreate_v2(&context, 0, 0));
    show_used();
    show("free what has ended", {cuMemFree_v2(live)});
    leave_idle(4);
    show_use("created", take(kBytes), kBytes);
    show_use("created", take(4096), 4096);
    MUST(cuCtxDestroy_v2(context));

    MUST(cuCtxCreate_v2(&context, 0, 0));
    show_use("created anew", take(kBytes), kBytes);
    MUST(cuCtxDestroy_v2(context));
    enter(0);
    show_used();
    while (cuDevicePrimaryCtxRelease_v2(0) == CUDA_SUCCESS) {
    }
  }
}

CUgreenCtx make_green(CUcontext* context) {
  CUdevResource all;
  CUdevResourceDesc description = nullptr;
  CUgreenCtx green = nullptr;
  MUST(cuDeviceGetDevResource(0, &all, CU_DEV_RESOURCE_TYPE_SM));
  MUST(cuDevResourceGenerateDesc(&description, &all, 1));
  MUST(cuGreenCtxCreate(&green, description, 0, CU_GREEN_CTX_DEFAULT_STREAM));
  MUST(cuCtxFromGreenCtx(context, green));
  return green;
}

void green() {
  const CUcontext primary = enter(0);
  leave_idle(4);
  for (int round = 0; round < 10; ++round) {
    CUcontext context = nullptr, other = nullptr;
    const CUgreenCtx one = make_green(&context), two = make_green(&other);
    MUST(cuCtxSetCurrent(context));
    leave_idle(3);
    const CUdeviceptr block = take(kBytes), later = take(kBytes);
    MUST(cuMemsetD8_v2(block, 9, kBytes));
    MUST(cuCtxSetCurrent(other));
    leave_idle(3);
    show("in another", {cuMemFree_v2(later)});
    MUST(cuGreenCtxDestroy(two));
    MUST(cuCtxSetCurrent(context));
    leave_idle(3);
    MUST(cuCtxSetCurrent(primary));
    MUST(cuGreenCtxDestroy(one));
    show("holds, free, again", {holds(block, kBytes, 9), cuMemFree_v2(block), cuMemFree_v2(block)});
    const CUdeviceptr next = take(kBytes);
    show_use("primary", next, kBytes);
    MUST(cuMemFree_v2(next));
  }
  show_used();
}

// The primary context ends with the green one that holds it, and what was allocated in it too.
void last() {
  for (int round = 0; round < 10; ++round) {
    CUcontext context = nullptr, primary = nullptr;
    MUST(cuDevicePrimaryCtxRetain(&primary, 0));
    const CUgreenCtx one = make_green(&context);
    MUST(cuDevicePrimaryCtxRelease_v2(0));
    MUST(cuCtxSetCurrent(context));
    leave_idle(4);
    take(kBytes);
    MUST(cuCtxSetCurrent(nullptr));
    MUST(cuGreenCtxDestroy(one));
    MUST(cuDevicePrimaryCtxRetain(&primary, 0));
    MUST(cuCtxSetCurrent(primary));
    show_used();
    for (int i = 0; i < 4; ++i) show_use("anew", take(kBytes), kBytes);
    MUST(cuDevicePrimaryCtxRelease_v2(0));
  }
}

void async() {
  enter(0);
  leave_idle(3);
  CUstream stream = nullptr;
  MUST(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  for (int round = 0; round < 10; ++round) {
    const CUdeviceptr block = take(kBytes);
    const CUresult first = cuMemFreeAsync(block, stream);
    MUST(cuStreamSynchronize(stream));
    show("async, again, then", {first, cuMemFreeAsync(block, stream), cuMemFree_v2(block)});
    const CUdeviceptr freed = take(kBytes);
    MUST(cuMemFree_v2(freed));
    show("freed", {cuMemFreeAsync(freed, stream)});
  }
  show_used();
}

void elsewhere() {
  const CUcontext first = enter(0);
  leave_idle(3);
  const CUdeviceptr block = take(kBytes), other_block = take(kBytes), third = take(kBytes);
  void* const pinned = take_pinned(4096);
  CUcontext own = nullptr;
  MUST(cuCtxCreate_v2(&own, 0, 0));
  show("another context", {cuMemFree_v2(block), cuMemFreeHost(pinned)});
  const CUdeviceptr of_own = take(kBytes);
  show_use("own", of_own, kBytes);
  const CUcontext second = enter(1);
  show("another device, again", {cuMemFree_v2(other_block), cuMemFree_v2(other_block)});
  show_use("second device", take(kBytes), kBytes);
  show_used();
  CUcontext current = nullptr;
  while (cuCtxGetCurrent(&current) == CUDA_SUCCESS && current != nullptr) MUST(cuCtxPopCurrent_v2(&current));
  CUdeviceptr none = 0;
  void* no_host = nullptr;
  show("no context: allocate, allocate pinned, free",
       {cuMemAlloc_v2(&none, kBytes), cuMemHostAlloc(&no_host, 4096, 0), cuMemFree_v2(third)});
  MUST(cuCtxSetCurrent(first));
  MUST(cuCtxDestroy_v2(own));
  show("free what has ended", {cuMemFree_v2(of_own)});
  show_use("first", take(kBytes), kBytes);
  MUST(cuCtxPushCurrent_v2(second));
  show_use("pushed", take(kBytes), kBytes);
  CUcontext popped = nullptr;
  MUST(cuCtxPopCurrent_v2(&popped));
  show_use("popped", take(kBytes), kBytes);
  show_used();
}

// ---- Threads ----

void twice() {
  constexpr int kRounds = 500;
  const CUcontext context = enter(0);
  std::atomic<int> round{-1}, arrived{0}, freed{0}, refused{0};
  CUdeviceptr block = 0;
  const auto work = [&] {
    MUST(cuCtxSetCurrent(context));
    for (int i = 0; i < kRounds; ++i) {
      while (round.load() < i) std::this_thread::yield();
      ++(cuMemFree_v2(block) == CUDA_SUCCESS ? freed : refused);
      ++arrived;
    }
  };
  std::thread one(work), two(work);
  for (int i = 0; i < kRounds; ++i) {
    block = take(4096);
    arrived = 0;
    round = i;
    while (arrived.load() < 2) std::this_thread::yield();
  }
  one.join();
  two.join();
  show("freed, refused", {freed.load(), refused.load()});
  show_used();
}

void sizes() {
  constexpr size_t kSizes = 10'000;
  enter(0);
  unsigned wrong = 0;
  for (int round = 0; round < 2; ++round) {
    std::vector<CUdeviceptr> blocks;
    for (size_t i = 1; i <= kSizes; ++i) {
      const size_t bytes = i * 97;
      blocks.push_back(take(bytes));
      MUST(cuMemsetD8_v2(blocks.back(), static_cast<unsigned char>(i), bytes));
    }
    for (size_t i = 1; i <= kSizes; ++i) {
      wrong += !holds(blocks[i - 1], i * 97, static_cast<unsigned char>(i));
      MUST(cuMemFree_v2(blocks[i - 1]));
    }
  }
  show("wrong", {static_cast<int>(wrong)});
  show_used();
}

// Blocks of one thread that come and go, each with a value of its own in it. Returns how many were wrong.
unsigned use_blocks(unsigned thread, int rounds) {
  constexpr size_t kSizes[] = {512, 5000, kMiB, kBytes};
  unsigned wrong = 0;
  for (int round = 0; round < rounds; ++round) {
    CUdeviceptr blocks[std::size(kSizes)];
    for (size_t i = 0; i < std::size(kSizes); ++i) {
      blocks[i] = take(kSizes[i]);
      MUST(cuMemsetD8_v2(blocks[i], static_cast<unsigned char>(thread * 16 + i), kSizes[i]));
    }
    void* const pinned = take_pinned(5000);
    memset(pinned, static_cast<int>(thread), 5000);
    for (size_t i = 0; i < std::size(kSizes); ++i) {
      wrong += !holds(blocks[i], kSizes[i], static_cast<unsigned char>(thread * 16 + i));
      MUST(cuMemFree_v2(blocks[i]));
    }
    wrong += static_cast<unsigned char*>(pinned)[4999] != thread;
    MUST(cuMemFreeHost(pinned));
  }
  return wrong;
}

void contexts() {
  std::vector<std::thread> threads;
  std::atomic<unsigned> wrong{0};
  for (unsigned i = 0; i < 8; ++i) {
    threads.emplace_back([&wrong, i] {
      for (int turn = 0; turn < 3; ++turn) {
        CUcontext context = nullptr;
        MUST(cuCtxCreate_v2(&context, 0, static_cast<int>(i % 2)));
        wrong += use_blocks(i, 50);
        take(kBytes);
        MUST(cuCtxDestroy_v2(context));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  enter(0);
  show("wrong", {static_cast<int>(wrong.load())});
  show_used();
}

void switching() {
  const CUcontext context = enter(0);
  std::vector<std::thread> threads;
  std::atomic<unsigned> wrong{0};
  std::atomic<int> running{4};
  for (unsigned i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      MUST(cuCtxSetCurrent(context));
      wrong += use_blocks(i, 200);
      --running;
    });
  }
  constexpr const char* kModes[] = {"strict", "on", "off"};
  for (int i = 0; running.load() != 0; ++i) {
    const bool was_set = weir_set("WEIR_CUDA_POOL", kModes[i % 3]) == 0;
    wrong += was_set != (weir_present() != 0);
    if (i % 7 == 0) weir_trim(0);
    std::this_thread::sleep_for(std::chrono::microseconds(300));
  }
  for (std::thread& thread : threads) thread.join();
  show("wrong", {static_cast<int>(wrong.load())});
  show_used();
}

struct Case {
  const char* name;
  void (*run)();
};
constexpr Case kCases[] = {{"fork", after_fork}, {"at_exit", at_exit},     {"idle_exit", idle_exit},
                           {"ends", ends},       {"green", green},         {"last", last},
                           {"async", async},     {"elsewhere", elsewhere}, {"twice", twice},
                           {"sizes", sizes},     {"contexts", contexts},   {"switching", switching}};

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) return 2;
  MUST(cuInit(0));
  for (const Case& one : kCases) {
    if (strcmp(arguments[1], one.name) == 0) {
      one.run();
      return 0;
    }
  }
  return 2;
}
