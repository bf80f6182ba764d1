// The functions that Weir's exports of the same name stand before: the next definition in the loader's search order,
// which is the libc's or another preload's. What libc exports under a private name too (__libc_malloc) needs no look-up
// and is not here.
#pragma once

#include <assert.h>
#include <dlfcn.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <wordexp.h>

// In the libc, but in no header of today's.
extern "C" sighandler_t bsd_signal(int signal, sighandler_t handler) noexcept;

namespace weir::runtime {

// The one list. Each name becomes an accessor host_NAME() that returns a pointer of the function's own type, or nullptr
// where no later module defines it.
#define WEIR_HOST_SYMBOLS(X) \
  X(_exit)                   \
  X(quick_exit)              \
  X(abort)                   \
  X(__assert_fail)           \
  X(__assert_perror_fail)    \
  X(daemon)                  \
  X(_Fork)                   \
  X(execve)                  \
  X(execv)                   \
  X(execvp)                  \
  X(execvpe)                 \
  X(execveat)                \
  X(fexecve)                 \
  X(prctl)                   \
  X(syscall)                 \
  X(mmap)                    \
  X(munmap)                  \
  X(mremap)                  \
  X(mprotect)                \
  X(madvise)                 \
  X(brk)                     \
  X(sbrk)                    \
  X(shmat)                   \
  X(shmdt)                   \
  X(dlopen)                  \
  X(sigprocmask)             \
  X(pthread_sigmask)         \
  X(sighold)                 \
  X(sigrelse)                \
  X(sigaction)               \
  X(signal)                  \
  X(bsd_signal)              \
  X(ssignal)                 \
  X(sysv_signal)             \
  X(__sysv_signal)           \
  X(sigset)                  \
  X(sigignore)               \
  X(siginterrupt)            \
  X(sigwait)                 \
  X(sigwaitinfo)             \
  X(sigtimedwait)            \
  X(signalfd)                \
  X(posix_spawn)             \
  X(posix_spawnp)            \
  X(system)                  \
  X(popen)                   \
  X(wordexp)

enum class HostSymbol : unsigned {
#define WEIR_HOST_SYMBOL(name) k##name,
  WEIR_HOST_SYMBOLS(WEIR_HOST_SYMBOL)
#undef WEIR_HOST_SYMBOL
      count
};

// The next definition of `name` after libweir.so, never libweir's own; nullptr where there is none. Asks the loader
// each time: takes its lock and may allocate (the call runs inside the re-entry guard). Any thread.
void* find_host_symbol(const char* name);

// The definition of `name` that the program itself or a preload ahead of Weir has: it hides libweir's export of that
// name. nullptr where libweir's is the first.
void* find_symbol_before_weir(const char* name);

// The next definition of `name` among the modules that the program started with, as find_host_symbol() finds it there, but without the
// loader: a free may ask, while a thread that has the loader's lock waits for this one. nullptr where there is none, or only by ifunc.
void* find_symbol_after_weir(const char* name);

// The same for the listed names, remembered once found; an answer of "none" is not remembered, because it may come too
// early.
void* host_symbol(HostSymbol symbol);

// The same where it has been found already, else nullptr. Cost: one load; never enters the loader.
void* known_host_symbol(HostSymbol symbol);

// Finds all listed names, so that later look-ups take no lock of the loader's. From the preload's constructor.
void resolve_host_symbols();

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"  // of names that programs use all the same
#define WEIR_HOST_SYMBOL(name) \
  inline auto host_##name() { return reinterpret_cast<decltype(&::name)>(host_symbol(HostSymbol::k##name)); }
WEIR_HOST_SYMBOLS(WEIR_HOST_SYMBOL)
#undef WEIR_HOST_SYMBOL
#pragma GCC diagnostic pop

}  // namespace weir::runtime
