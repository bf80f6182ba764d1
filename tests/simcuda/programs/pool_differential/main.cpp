// Makes the same calls for the same seed, in threads that take turns, and prints what each gave: result codes and values that do not
// depend on where memory lies. Whatever serves the calls, the output must be the same byte for byte.
//
//   cuda_pool_differential SEED CALLS [segments]    segments: nothing that asks how memory can be shared between processes, or how much is free
//
// Addresses are told by the number of their allocation and the offset in it; identities of buffers and handles for other processes by when they were first seen. An
// address that was freed is asked for at once or never: later it may be another allocation's, or not.
#include <thread>

#include "turns.h"

using namespace differential;

namespace {

constexpr Operation kOperations[] = {{260, "allocate", allocate_device},
                                     {100, "allocate pitched", allocate_pitched},
                                     {10, "allocate managed", allocate_managed},
                                     {30, "allocate async", allocate_async},
                                     {70, "allocate pinned", allocate_pinned},
                                     {8, "register", register_own},
                                     {12, "array", create_array},
                                     {6, "mipmapped", create_mipmapped},
                                     {10, "physical", create_physical},
                                     {420, "free", free_some},
                                     {40, "free wrongly", free_wrongly},
                                     {100, "query", query_some},
                                     {60, "memory", ask_memory},
                                     {60, "write and read", write_and_read},
                                     {40, "queue", queue_only},
                                     {4, "sync memops", set_sync_memops},
                                     {20, "current", ask_current},
                                     {1, "break", break_context},
                                     {8, "create context", create_context},
                                     {6, "end context", end_some_context},
                                     {60, "switch", switch_context},
                                     {4, "peer", enable_peer}};

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
    const Operation& operation = some_operation(kOperations, std::size(kOperations));
    line = std::to_string(i) + " thread " + text_of(thread_of_call) + " in " + std::to_string(current[thread_of_call]) +
           ": " + operation.name;
    turns.take(thread_of_call, operation.run);
    std::puts(line.c_str());
  }
  return 0;
}
