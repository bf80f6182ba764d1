// Shows leak checks asked for by several threads at once while others allocate all the time: each ends, and nobody is accused.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <atomic>

#include "../../include/weir/weir.h"

extern "C" int __lsan_do_recoverable_leak_check() __attribute__((weak));

namespace {

constexpr int kAllocating = 4, kAsking = 3, kChecks = 20;
std::atomic<bool> is_over{false};
std::atomic<int> lost_count{0}, calls{0}, answers{0};

// Holds up to 50 blocks in a list whose head is this thread's alone; the blocks change all the time.
void* allocate_all_the_time(void*) {
  struct Node {
    Node* next;
    char rest[40];
  };
  Node* head = nullptr;
  for (int held = 0; !is_over;) {
    if (held < 50) {
      auto* node = static_cast<Node*>(malloc(sizeof(Node)));
      node->next = head;
      head = node;
      ++held;
      continue;
    }
    for (; head != nullptr; --held) {
      Node* next = head->next;
      free(head);
      head = next;
    }
  }
  while (head != nullptr) {
    Node* next = head->next;
    free(head);
    head = next;
  }
  return nullptr;
}

int count_lost(const weir_leak* leak, void*) {
  if (leak->leak_class == WEIR_LEAK_DEFINITE || leak->leak_class == WEIR_LEAK_INDIRECT) lost_count += leak->count;
  return 0;
}

void* ask(void*) {
  for (int i = 0; i < kChecks; ++i) {
    if (weir_check_leaks(&count_lost, nullptr) > 0) ++calls;
    answers += __lsan_do_recoverable_leak_check();
  }
  return nullptr;
}

}  // namespace

int main() {
  pthread_t allocating[kAllocating], asking[kAsking];
  for (pthread_t& thread : allocating) pthread_create(&thread, nullptr, allocate_all_the_time, nullptr);
  for (pthread_t& thread : asking) pthread_create(&thread, nullptr, ask, nullptr);
  for (pthread_t thread : asking) pthread_join(thread, nullptr);
  is_over = true;
  for (pthread_t thread : allocating) pthread_join(thread, nullptr);
  printf("checks %d lost %d answers %d\n", calls.load(), lost_count.load(), answers.load());
  return 0;
}
