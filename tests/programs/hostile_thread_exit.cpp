// Threads allocate and free in destructors of keys, in several rounds, and of thread_local objects; 54321 bytes are leaked in one.
#include <pthread.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace {

pthread_key_t key, late_key;
int rounds_seen;

// Set again in each round, as long as the libc allows.
void in_round(void* value) {
  char* block = static_cast<char*>(value);
  const int round = block[0];
  free(block);
  ++rounds_seen;
  block = static_cast<char*>(malloc(3000));
  memset(block, 0, 3000);
  block[0] = static_cast<char>(round + 1);
  if (round < 3) {
    pthread_setspecific(key, block);
  } else {
    free(block);
    volatile char* leak = static_cast<char*>(malloc(54321));
    leak[0] = 1;
  }
}

void late(void* value) {
  free(value);
  for (size_t i = 1; i < 100; ++i) free(calloc(i, i));
}

struct Owner {
  std::vector<std::string> texts;
  ~Owner() {
    for (int i = 0; i < 100; ++i) texts.push_back(std::string(static_cast<size_t>(i), 'x'));
    texts.clear();
    texts.shrink_to_fit();
  }
};
thread_local Owner owner;

void work() {
  owner.texts.emplace_back(500, 'y');
  pthread_setspecific(late_key, malloc(77));
}

}  // namespace

int main() {
  pthread_key_create(&key, in_round);
  for (int i = 0; i < 50; ++i) pthread_key_create(&late_key, late);
  for (int i = 0; i < 20; ++i) std::thread(work).join();
  std::thread([] {
    work();
    pthread_setspecific(key, calloc(1, 100));
  }).join();
  printf("rounds %d\n", rounds_seen);
  return 3;
}
