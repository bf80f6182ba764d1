// Holds and loses as many blocks as it is asked to, by named functions: two runs differ by what a test plants. -DMOVED puts code in
// front, so that all addresses are others.
#include "leak_device.h"

#ifdef MOVED
__attribute__((noinline, used)) int unrelated(int value) {
  for (int i = 0; i < value; ++i) value ^= i * 7 + rand();
  return value;
}
#endif

namespace {

void* volatile held[4096];
int held_count;

__attribute__((noinline)) void hold(size_t bytes) {
  void* block = malloc(bytes);
  memset(block, 1, bytes);
  held[held_count++] = block;
}

__attribute__((noinline)) void grow_cache(int blocks) {
  for (int i = 0; i < blocks; ++i) hold(1000);
}

__attribute__((noinline)) void keep_table(int blocks) {
  for (int i = 0; i < blocks; ++i) hold(500);
}

inline void inlined_store(int blocks) {
  for (int i = 0; i < blocks; ++i) hold(300);
}

__attribute__((noinline)) void through_inlined(int blocks) { inlined_store(blocks); }

__attribute__((noinline)) void lose(int blocks) {
  for (int i = 0; i < blocks; ++i) memset(malloc(64), 2, 64);
}

__attribute__((noinline)) void recurse(int depth) {
  if (depth == 0) return hold(200);
  recurse(depth - 1);
  asm volatile("" : : : "memory");  // no tail call
}

__attribute__((noinline)) void hold_on_device(int kilobytes) {
  start_device();
  held[held_count++] = reinterpret_cast<void*>(on_device(static_cast<size_t>(kilobytes) * 1024));
}

__attribute__((noinline)) void hold_pinned(int kilobytes) {
  start_device();
  void* address = nullptr;
  if (allocate_pinned(&address, static_cast<size_t>(kilobytes) * 1024, 0) != 0) abort();
  held[held_count++] = address;
}

__attribute__((noinline)) void free_twice(int times) {
  for (int i = 0; i < times; ++i) {
    void* volatile block = malloc(48);
    free(block);
    free(block);
  }
}

struct Step {
  const char* name;
  void (*run)(int);
};
constexpr Step kSteps[] = {{"cache", grow_cache},   {"table", keep_table}, {"store", through_inlined},
                           {"lose", lose},          {"recurse", recurse},  {"device", hold_on_device},
                           {"pinned", hold_pinned}, {"twice", free_twice}};

}  // namespace

// Each argument NAME=NUMBER runs that step.
int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const char* equals = strchr(argv[i], '=');
    if (equals == nullptr) return 2;
    for (const Step& step : kSteps) {
      if (strncmp(step.name, argv[i], static_cast<size_t>(equals - argv[i])) == 0) step.run(atoi(equals + 1));
    }
  }
  scrub();
  return 0;
}
