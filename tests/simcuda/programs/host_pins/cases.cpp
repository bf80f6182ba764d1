// One case each of what a program may do with blocks that it copies.
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "device.h"

namespace host_pins {
namespace {

// Also right before a free, where the compiler knows that nobody reads it.
void set(unsigned char* start, unsigned char value, size_t bytes) {
  memset(start, value, bytes);
  asm volatile("" : : "r"(start) : "memory");
}

unsigned char* filled(size_t bytes, unsigned char value) {
  auto* const start = static_cast<unsigned char*>(malloc(bytes));
  set(start, value, bytes);
  return start;
}

std::atomic<bool> may_go_on{false};
void wait_for_program(void*) {
  while (!may_go_on.load()) usleep(100);
}

// The stream waits for the program, which copies a little of a block meanwhile: such a copy does not wait.
void small_copies() {
  unsigned char* const block = filled(4 * kMiB, 5);
  MUST(cuMemcpyHtoD_v2(memory, block, 4 * kMiB));
  MUST(cuLaunchHostFunc(stream, wait_for_program, nullptr));
  MUST(cuMemcpyHtoDAsync_v2(memory, block, 64 << 10, stream));
  MUST(cuMemcpyAsync(memory + kMiB, reinterpret_cast<CUdeviceptr>(block), 1000, stream));
  set(block, 6, 4 * kMiB);
  may_go_on = true;
  MUST(cuStreamSynchronize(stream));
  std::printf("%u %u\n", sum_on_device(memory, 64 << 10), sum_on_device(memory + kMiB, 1000));
  free(block);
}

// Copies, frees and allocates the same over and over.
void loop() {
  for (unsigned char round = 0; round < 50; ++round) {
    unsigned char* const block = filled(2 * kMiB, round);
    MUST(cuLaunchHostFunc(stream, delay, nullptr));
    MUST(cuMemcpyHtoDAsync_v2(memory, block, 2 * kMiB, stream));
    set(block, 255, 2 * kMiB);
    free(block);
    std::printf("%u\n", sum_on_device(memory, 2 * kMiB));
  }
}

// Many at once, freed together.
void many() {
  std::vector<unsigned char*> all;
  for (int i = 0; i < 24; ++i) all.push_back(filled(20 * kMiB, static_cast<unsigned char>(i)));
  for (unsigned char* block : all) MUST(cuMemcpyHtoD_v2(memory, block, 20 * kMiB));
  for (unsigned char* block : all) free(block);
  CUdeviceptr address = 0;
  MUST(cuMemAlloc_v2(&address, kMiB));
  MUST(cuMemFree_v2(address));
  std::puts("done");
}

// A block that was copied before becomes a node's, and is registered by the program between the graph's launches.
void graph() {
  unsigned char* const block = filled(4 * kMiB, 1);
  CUgraph made = nullptr;
  CUgraphExec executable = nullptr;
  MUST(cuMemcpyHtoD_v2(memory, block, 4 * kMiB));
  MUST(cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_GLOBAL));
  MUST(cuMemcpyHtoDAsync_v2(memory, block, 4 * kMiB, stream));
  MUST(cuStreamEndCapture(stream, &made));
  MUST(cuGraphInstantiateWithFlags(&executable, made, 0));
  for (unsigned char round = 2; round < 5; ++round) {
    set(block, round, 4 * kMiB);
    MUST(cuGraphLaunch(executable, stream));
    std::printf("%u\n", sum_on_device(memory, 4 * kMiB));
    MUST(cuMemHostRegister_v2(block, 4 * kMiB, 0));
    MUST(cuMemHostUnregister(block));
  }
}

// The end of the context comes while blocks are registered and while others are aside.
void contexts() {
  unsigned char* const live = filled(20 * kMiB, 1);
  unsigned char* const freed = filled(20 * kMiB, 2);
  MUST(cuMemcpyHtoD_v2(memory, live, 20 * kMiB));
  MUST(cuMemcpyHtoD_v2(memory, freed, 20 * kMiB));
  free(freed);
  MUST(cuDevicePrimaryCtxReset_v2(0));
  MUST(cuCtxSetCurrent(context));
  enter_context();
  MUST(cuMemcpyHtoD_v2(memory, live, 20 * kMiB));
  free(live);
  unsigned char* const other = filled(20 * kMiB, 3);
  MUST(cuMemcpyHtoD_v2(memory, other, 20 * kMiB));
  std::printf("%u\n", sum_on_device(memory, 20 * kMiB));
}

// More than there is: whatever was registered is of no avail to anybody.
void out_of_memory() {
  unsigned char* const live = filled(4 * kMiB, 1);
  unsigned char* const freed = filled(20 * kMiB, 2);
  MUST(cuMemcpyHtoD_v2(memory, live, 4 * kMiB));
  MUST(cuMemcpyHtoD_v2(memory, freed, 20 * kMiB));
  free(freed);
  CUdeviceptr address = 0;
  std::printf("%d\n", cuMemAlloc_v2(&address, size_t{1} << 50));
  set(live, 3, 4 * kMiB);
  MUST(cuMemcpyHtoDAsync_v2(memory, live, 4 * kMiB, stream));
  set(live, 4, 4 * kMiB);
  std::printf("%u\n", sum_on_device(memory, 4 * kMiB));
}

unsigned char* block_of_handler;
void free_in_handler(int) { free(block_of_handler); }

void handler() {
  signal(SIGUSR1, free_in_handler);
  for (int i = 0; i < 3; ++i) {
    block_of_handler = filled(20 * kMiB, 9);
    MUST(cuMemcpyHtoD_v2(memory, block_of_handler, 20 * kMiB));
    raise(SIGUSR1);
    CUdeviceptr address = 0;
    MUST(cuMemAlloc_v2(&address, kMiB));
    MUST(cuMemFree_v2(address));
  }
  std::puts("done");
}

// Threads copy their own blocks, and one that all share, while others free and register theirs.
void threads() {
  unsigned char* const shared = filled(8 * kMiB, 77);
  std::vector<std::thread> all;
  std::atomic<int> wrong{0};
  for (unsigned number = 0; number < 4; ++number) {
    all.emplace_back([&, number] {
      MUST(cuCtxSetCurrent(context));
      CUstream own = nullptr;
      CUdeviceptr place = 0;
      std::mt19937 random(number);
      std::vector<unsigned char> back(2 * kMiB);
      MUST(cuStreamCreate(&own, CU_STREAM_NON_BLOCKING));
      MUST(cuMemAlloc_v2(&place, 8 * kMiB));
      for (unsigned round = 0; round < 60; ++round) {
        const auto value = static_cast<unsigned char>(random());
        unsigned char* const block = filled(2 * kMiB, value);
        MUST(cuMemcpyHtoDAsync_v2(place, block, 2 * kMiB, own));
        set(block, 0, 2 * kMiB);
        MUST(cuMemcpyDtoHAsync_v2(block, place, 2 * kMiB, own));
        wrong += block[0] != value || block[2 * kMiB - 1] != value;
        if (random() % 4 == 0) {
          MUST(cuMemHostRegister_v2(block, 2 * kMiB, 0));
          MUST(cuMemHostUnregister(block));
        }
        free(block);
        MUST(cuMemcpyHtoDAsync_v2(place, shared, 8 * kMiB, own));
        MUST(cuMemcpyDtoH_v2(back.data(), place + 6 * kMiB, 2 * kMiB));
        wrong += back[0] != 77;
        if (random() % 8 == 0) {
          CUdeviceptr other = 0;
          MUST(cuMemAlloc_v2(&other, kMiB));
          MUST(cuMemFree_v2(other));
        }
      }
    });
  }
  for (std::thread& thread : all) thread.join();
  std::printf("%d wrong\n", wrong.load());
}

struct Case {
  const char* name;
  void (*run)();
};
constexpr Case kCases[] = {{"small", small_copies},
                           {"loop", loop},
                           {"many", many},
                           {"graph", graph},
                           {"contexts", contexts},
                           {"handler", handler},
                           {"out of memory", out_of_memory},
                           {"threads", threads}};

}  // namespace

bool run_case(const char* name) {
  for (const Case& one : kCases) {
    if (strcmp(name, one.name) != 0) continue;
    one.run();
    return true;
  }
  return false;
}

}  // namespace host_pins
