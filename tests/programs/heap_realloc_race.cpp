// Shows that a block leaves the live set before its memory can be another thread's: reallocs that move, while others allocate.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <atomic>
#include <thread>
#include <vector>

constexpr int kThreads = 4;
constexpr int kRounds = 150'000;
std::atomic<void*> exchange[64];

// Blocks go from thread to thread, so that each is reallocated by another thread than the one whose pool page it lies in:
// the page's owner hands the memory out again at once.
void work(int id) {
  unsigned random = static_cast<unsigned>(id) * 7919 + 1;
  for (int i = 0; i < kRounds; ++i) {
    random = random * 1103515245 + 12345;
    void* block = exchange[(random >> 16) % 64].exchange(malloc(64));
    if (block == nullptr) continue;
    block = realloc(block, 4000 + random % 64);
    if (block == nullptr) abort();
    block = realloc(block, 64);
    if (block == nullptr) abort();
    free(block);
  }
}

int main() {
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) threads.emplace_back(work, t);
  for (auto& thread : threads) thread.join();
  for (auto& slot : exchange) free(slot.load());
  puts("done");
  return 0;
}
