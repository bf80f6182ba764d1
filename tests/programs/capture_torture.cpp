// Stacks hard to capture: throws, alloca, realigned frames, longjmp, coroutines, signals, reloaded libraries, recursion.
#include <alloca.h>
#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <ucontext.h>
#include <unistd.h>
#include <x86intrin.h>

#include <atomic>
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
  for (uintptr_t i = 0; i < kThreads; ++i)
    pthread_create(&threads[i], nullptr, run_thread, reinterpret_cast<void*>(i + 1));
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
class Libraries {
 public:
  using Allocate = void (*)(unsigned long);

  bool ready() {
    char self[4096] = {};
    if (readlink("/proc/self/exe", self, sizeof self - 1) <= 0 || mkdtemp(directory_) == nullptr) return false;
    *strrchr(self, '/') = 0;
    modules_ = std::string(self) + "/modules/capture_module_";
    path_ = std::string(directory_) + "/module.so";
    return true;
  }
  Allocate open(bool large) {
    unlink(path_.c_str());
    if (symlink((modules_ + (large ? "large.so" : "small.so")).c_str(), path_.c_str()) != 0) return nullptr;
    library_ = dlopen(path_.c_str(), RTLD_NOW);
    if (library_ == nullptr) return fprintf(stderr, "%s\n", dlerror()), nullptr;
    return reinterpret_cast<Allocate>(dlsym(library_, "module_allocate"));
  }
  void close() { dlclose(library_); }
  ~Libraries() {
    unlink(path_.c_str());
    rmdir(directory_);
  }

 private:
  char directory_[32] = "/tmp/capture_torture.XXXXXX";
  std::string modules_, path_;
  void* library_ = nullptr;
};

int run_reloads(Libraries& libraries) {
  int same_address = 0;
  Libraries::Allocate last = nullptr;
  for (int i = 0; i < 60; ++i) {
    const Libraries::Allocate allocate = libraries.open(i % 2 != 0);
    if (allocate == nullptr) return 1;
    same_address += allocate == last;
    last = allocate;
    for (unsigned long k = 0; k < 5; ++k) allocate(10 + k);
    libraries.close();
  }
  if (same_address < 30) fprintf(stderr, "only %d of 60 reloads at the same address\n", same_address);
  return same_address < 30;
}

__attribute__((noinline)) void allocate_padded(Libraries::Allocate allocate, size_t padding) {
  char* pad = static_cast<char*>(alloca(padding));
  asm volatile("" ::"r"(pad) : "memory");
  allocate(24);
  asm volatile("" ::"r"(pad) : "memory");
}

std::atomic<int> swap_stage;
Libraries::Allocate swapped;

// Between its two calls this thread calls nothing: what the first one left on the stack is still there at the second, which
// comes out at the same stack pointer, in other code at the same address.
void* allocate_around_swap(void*) {
  while (swap_stage.load() != 1) {
  }
  allocate_padded(swapped, 16);
  swap_stage.store(2);
  while (swap_stage.load() != 3) {
  }
  allocate_padded(swapped, 0);
  return nullptr;
}

int run_swaps(Libraries& libraries) {
  for (int i = 0; i < 10; ++i) {
    pthread_t thread;
    swap_stage.store(0);
    pthread_create(&thread, nullptr, allocate_around_swap, nullptr);
    const Libraries::Allocate small = swapped = libraries.open(false);
    if (small == nullptr) return 1;
    swap_stage.store(1);
    while (swap_stage.load() != 2) sched_yield();
    libraries.close();
    swapped = libraries.open(true);
    if (swapped != small) fputs("the second library came to another address\n", stderr);
    swap_stage.store(3);
    pthread_join(thread, nullptr);
    libraries.close();
  }
  return 0;
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
  Libraries libraries;
  const int failed = !libraries.ready() || run_reloads(libraries) != 0 || run_swaps(libraries) != 0;
  recurse(1500);
  recurse(1500);
  run_thread(reinterpret_cast<void*>(9));
  puts("done");
  return failed;
}
