// Stress of one shared part each: several threads at once, for ThreadSanitizer to watch and for the results to be checked.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

namespace weir::stress {

inline constexpr int kThreads = 4;

#define EXPECT(condition)                                                          \
  do {                                                                             \
    if (!(condition)) {                                                            \
      std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
      std::exit(1);                                                                \
    }                                                                              \
  } while (0)

// Runs body(0) ... body(kThreads - 1), each on a thread of its own, at the same time.
template <class Body>
void in_threads(Body body) {
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back(body, i);
  for (std::thread& thread : threads) thread.join();
}

void stress_arena();
void stress_foreign_table();
void stress_live_set();
void stress_counters();
void stress_mapping_table();
void stress_stack_table();
void stress_capture();

}  // namespace weir::stress
