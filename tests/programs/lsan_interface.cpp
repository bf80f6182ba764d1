// Shows LeakSanitizer's interface: blocks that the program excuses, by themselves, in a scope and through realloc, are no leaks; others are.
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>

extern "C" {
void __lsan_ignore_object(const void*) __attribute__((weak));
void __lsan_disable() __attribute__((weak));
void __lsan_enable() __attribute__((weak));
void __lsan_register_root_region(const void*, size_t) __attribute__((weak));
void __lsan_unregister_root_region(const void*, size_t) __attribute__((weak));
int __lsan_do_recoverable_leak_check() __attribute__((weak));
}

namespace {

void* volatile sink;

// One function for each kind of block, so that the report tells them apart.
[[gnu::noinline]] char* ignored_block() { return static_cast<char*>(malloc(101)); }
[[gnu::noinline]] char* lost_block() { return static_cast<char*>(malloc(102)); }
[[gnu::noinline]] char* block_in_scope() { return static_cast<char*>(malloc(103)); }
[[gnu::noinline]] char* block_after_scope() { return static_cast<char*>(malloc(104)); }
[[gnu::noinline]] char* grown_block(char* block) { return static_cast<char*>(realloc(block, 5000)); }
[[gnu::noinline]] char* reused_address() { return static_cast<char*>(malloc(105)); }
[[gnu::noinline]] char* block_of_other_thread() { return static_cast<char*>(malloc(106)); }
[[gnu::noinline]] int* new_in_scope() { return new int[30]; }
[[gnu::noinline]] char** lost_holder() { return static_cast<char**>(malloc(64)); }
[[gnu::noinline]] char* held_by_region() { return static_cast<char*>(malloc(108)); }
[[gnu::noinline]] char* temporary_in_scope() { return static_cast<char*>(malloc(107)); }

sem_t go, done;

void* other_thread(void*) {
  sem_wait(&go);
  sink = block_of_other_thread();
  sem_post(&done);
  return nullptr;
}

}  // namespace

int main() {
  if (__lsan_disable == nullptr) {
    puts("absent");
    return 0;
  }
  pthread_t thread;
  sem_init(&go, 0, 0);
  sem_init(&done, 0, 0);
  pthread_create(&thread, nullptr, other_thread, nullptr);
  for (int i = 0; i < 4; ++i) __lsan_ignore_object(ignored_block());
  __lsan_ignore_object(ignored_block() + 50);  // in the pool an address inside will do
  for (int i = 0; i < 5; ++i) sink = lost_block();
  __lsan_disable();
  __lsan_disable();
  for (int i = 0; i < 5; ++i) sink = block_in_scope();
  __lsan_enable();
  sink = block_in_scope();
  sink = new_in_scope();
  for (int i = 0; i < 1000; ++i) free(temporary_in_scope());
  char* grown = block_in_scope();
  sem_post(&go);  // the other thread's blocks are its own affair
  sem_wait(&done);
  __lsan_enable();
  sink = grown_block(grown);
  for (int i = 0; i < 5; ++i) sink = block_after_scope();
  // A block that was excused and freed excuses no later one at its address.
  char* first = reused_address();
  __lsan_ignore_object(first);
  free(first);
  for (int i = 0; i < 3; ++i) sink = reused_address();
  // A region that no other root leads to: memory of a block that is lost itself.
  char** holder = lost_holder();
  holder[1] = held_by_region();
  __lsan_register_root_region(holder, 64);
  holder = nullptr;
  __lsan_register_root_region(const_cast<void**>(&sink), sizeof sink);
  __lsan_unregister_root_region(const_cast<void**>(&sink), sizeof sink);
  __lsan_unregister_root_region(const_cast<void**>(&sink), 4);
  __lsan_ignore_object(const_cast<void**>(&sink));  // no block
  __lsan_ignore_object(nullptr);
  __lsan_enable();  // one too many
  pthread_join(thread, nullptr);
  sink = nullptr;
  fprintf(stderr, "leaks %d\n", __lsan_do_recoverable_leak_check());
  return 0;
}
