// Stacks that are hard to capture: throws, alloca, realigned frames, longjmp, coroutines, signals, threads, reloaded libraries, deep recursion.
#include <alloca.h>
#include <dlfcn.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <ucontext.h>
#include <unistd.h>
#include <x86intrin.h>

#include <map>
#include <stdexcept>
#include <string>

namespace {

thread_local unsigned random_state = 12345;
thread_local jmp_buf jump_back;
void* volatile sink;

unsigned next_random() {
  random_state = random_state * 1103515245 + 12345;
  return random_state >> 16;
}

void allocate_once(size_t bytes) {
  void* block = malloc(bytes);
  sink = block;
  free(block);
}

// Recursion with alloca, growing strings, throws through any number of frames and their catches.
__attribute__((noinline)) std::string work(int depth) {
  char* buffer = static_cast<char*>(alloca(32 + next_random() % 300));
  snprintf(buffer, 30, "x%d", depth);
  allocate_once(10 + next_random() % 100);
  std::string text(buffer);
  text += std::string(20 + next_random() % 40, 'z');
  if (depth <= 0) {
    if (next_random() % 16 == 0) throw std::runtime_error("leaf error number " + std::to_string(next_random()));
    allocate_once(5);
    return text;
  }
  if (next_random() % 8 != 0) return text + work(depth - 1 - static_cast<int>(next_random() & 1));
  try {
    text += work(depth - 1);
  } catch (const std::exception& error) {
    text += error.what();
    if (next_random() % 4 == 0) throw;
  }
  return text;
}

struct alignas(64) Vectors {
  __m256 lanes[2];
};

// The compiler realigns the stack and keeps the CFA in a word of the frame (DRAP).
__attribute__((noinline, target("avx2"))) size_t realigned(unsigned bytes) {
  Vectors vectors[2];
  memset(vectors, 0, sizeof vectors);
  asm volatile("" ::"r"(vectors) : "memory");
  char* buffer = static_cast<char*>(alloca(bytes));
  asm volatile("" ::"r"(buffer) : "memory");
  allocate_once(bytes);
  std::map<int, std::string> values;
  for (int i = 0; i < 3; ++i) values[i] = work(2);
  asm volatile("" ::"r"(vectors) : "memory");
  return values.size();
}

__attribute__((noinline)) void jump_from(unsigned depth) {
  allocate_once(20 + depth);
  if (depth == 0) longjmp(jump_back, 1);
  jump_from(depth - 1);
  asm volatile("");
}

template <class Body>
void swallow(Body body) {
  try {
    body();
  } catch (const std::exception&) {
  }
}

void one_round(int round) {
  swallow([] { work(static_cast<int>(next_random() % 20)); });
  if (round % 10 != 0) return;
  swallow([] { realigned(16 + next_random() % 100); });
  if (setjmp(jump_back) == 0) jump_from(next_random() % 10);
}

int rounds_per_thread;

void* run_thread(void* seed) {
  random_state = static_cast<unsigned>(reinterpret_cast<uintptr_t>(seed)) * 7919;
  for (int i = 0; i < rounds_per_thread; ++i) one_round(i);
  return nullptr;
}

void run_threads() {
  constexpr int kThreads = 4;
  pthread_t threads[kThreads];
  for (uintptr_t i = 0; i < kThreads; ++i) pthread_create(&threads[i], nullptr, run_thread, reinterpret_cast<void*>(i + 1));
  for (pthread_t thread : threads) pthread_join(thread, nullptr);
}

constexpr int kCoroutines = 2;
constexpr size_t kCoroutineBytes = 256 * 1024;
ucontext_t coroutines[kCoroutines], scheduler;
char coroutine_stacks[kCoroutines][kCoroutineBytes];

void coroutine(int index) {
  for (;;) {
    swallow([index] { work(3 + index); });
    swapcontext(&coroutines[index], &scheduler);
  }
}

void run_coroutines() {
  for (int i = 0; i < kCoroutines; ++i) {
    getcontext(&coroutines[i]);
    coroutines[i].uc_stack.ss_sp = coroutine_stacks[i];
    coroutines[i].uc_stack.ss_size = kCoroutineBytes;
    coroutines[i].uc_link = &scheduler;
    makecontext(&coroutines[i], reinterpret_cast<void (*)()>(coroutine), 1, i);
  }
  for (int i = 0; i < 1000; ++i) swapcontext(&scheduler, &coroutines[i % kCoroutines]);
}

void on_signal(int) { allocate_once(33); }

__attribute__((noinline)) void raise_from(int depth) {
  if (depth == 0) {
    raise(SIGUSR1);
    raise(SIGUSR2);
  } else {
    raise_from(depth - 1);
  }
  asm volatile("");
}

void run_signals() {
  static char alternate[64 * 1024];
  stack_t stack{};
  stack.ss_sp = alternate;
  stack.ss_size = sizeof alternate;
  sigaltstack(&stack, nullptr);
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigaction(SIGUSR1, &action, nullptr);
  action.sa_flags = SA_ONSTACK;
  sigaction(SIGUSR2, &action, nullptr);
  for (int i = 0; i < 200; ++i) {
    raise_from(i % 7);
    one_round(i);
  }
}

// Two libraries with other frames take turns at one path, and mostly at one address.
int run_reloads() {
  char directory[] = "/tmp/capture_torture.XXXXXX";
  char self[4096] = {};
  if (readlink("/proc/self/exe", self, sizeof self - 1) <= 0 || mkdtemp(directory) == nullptr) return 1;
  *strrchr(self, '/') = 0;
  const std::string modules = std::string(self) + "/modules/capture_module_", path = std::string(directory) + "/module.so";
  int same_address = 0;
  void* last = nullptr;
  for (int i = 0; i < 60; ++i) {
    unlink(path.c_str());
    if (symlink((modules + (i % 2 != 0 ? "small.so" : "large.so")).c_str(), path.c_str()) != 0) return 1;
    void* library = dlopen(path.c_str(), RTLD_NOW);
    if (library == nullptr) return fprintf(stderr, "%s\n", dlerror()), 1;
    auto* allocate = reinterpret_cast<void (*)(unsigned long)>(dlsym(library, "module_allocate"));
    same_address += reinterpret_cast<void*>(allocate) == last;
    last = reinterpret_cast<void*>(allocate);
    for (unsigned long k = 0; k < 5; ++k) allocate(10 + k);
    dlclose(library);
  }
  unlink(path.c_str());
  rmdir(directory);
  if (same_address < 30) fprintf(stderr, "only %d of 60 reloads at the same address\n", same_address);
  return same_address < 30;
}

// Deeper than the 1,024 frames kept.
__attribute__((noinline)) void recurse(int depth) {
  if (depth % 64 == 0) allocate_once(24);
  if (depth > 0) recurse(depth - 1);
  asm volatile("");
}

}  // namespace

// Argument: thousands of rounds in each of 4 threads (about 40 allocations a round).
int main(int argc, char** argv) {
  rounds_per_thread = 1000 * (argc > 1 ? atoi(argv[1]) : 1);
  run_threads();
  run_coroutines();
  run_signals();
  const int failed = run_reloads();
  recurse(1500);
  recurse(1500);
  run_thread(reinterpret_cast<void*>(9));
  puts("done");
  return failed;
}
