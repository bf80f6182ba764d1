// Eight threads that allocate, move and free all the time, on small stacks where the argument says so: what only blocks hold stays found.
#include <limits.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstring>

#include "leak.h"

namespace {

std::atomic<bool> is_over{false};
std::atomic<int> wrong{0};

struct List {
  size_t count, capacity;
  uint32_t** items;  // blocks that nothing else points to
};

// A list that grows by realloc: while a block moves, its items are held by it alone.
OWN_FRAME List* build(unsigned seed) {
  auto* list = static_cast<List*>(malloc(sizeof(List)));
  *list = {0, 0, nullptr};
  for (uint32_t i = 0; i < 100 + seed % 50; ++i) {
    if (list->count == list->capacity) {
      list->capacity = list->capacity == 0 ? 2 : list->capacity + list->capacity / 3 + 1;
      list->items = static_cast<uint32_t**>(realloc(list->items, list->capacity * sizeof(void*)));
    }
    auto* item = static_cast<uint32_t*>(malloc(16 + i % 100));
    *item = i;
    list->items[list->count++] = item;
  }
  return list;
}

void take_down(List* list) {
  for (size_t i = 0; i < list->count; ++i) {
    if (*list->items[i] != i) ++wrong;
    free(list->items[i]);
  }
  free(list->items);
  free(list);
}

void* run(void*) {
  for (unsigned round = 0; !is_over; ++round) take_down(build(round));
  return nullptr;
}

OWN_FRAME void lose() {
  for (int i = 0; i < 7; ++i) use(block_of(64));
}

}  // namespace

int main(int count, char** arguments) {
  constexpr int kThreads = 8;
  constexpr size_t kSmallStack = 16 << 10;  // the least there is; the libc takes some of it for the thread itself
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  if (count > 1 && strcmp(arguments[1], "small") == 0) pthread_attr_setstacksize(&attributes, kSmallStack);
  lose();
  scrub();
  pthread_t threads[kThreads];
  for (pthread_t& thread : threads) {
    if (pthread_create(&thread, &attributes, run, nullptr) != 0) return 1;
  }
  usleep(300'000);
  if (write(1, "running\n", 8) != 8) return 1;
  char byte;
  if (read(0, &byte, 1) != 0) return 1;
  is_over = true;
  for (const pthread_t thread : threads) pthread_join(thread, nullptr);
  puts(wrong == 0 ? "all blocks were right" : "blocks were damaged");
  return 0;
}
