// The exports about signals: one forward each. Those in which the libc may cancel the thread are not noexcept.
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <wordexp.h>

#include "runtime/host_symbols.h"
#include "runtime/signal_masks.h"

#define WEIR_EXPORTED extern "C" __attribute__((visibility("default")))

namespace runtime = weir::runtime;

WEIR_EXPORTED int sigprocmask(int how, const sigset_t* set, sigset_t* old) noexcept {
  return runtime::run_sigprocmask(how, set, old);
}
WEIR_EXPORTED int pthread_sigmask(int how, const sigset_t* set, sigset_t* old) noexcept {
  return runtime::run_pthread_sigmask(how, set, old);
}
WEIR_EXPORTED int sighold(int signal) noexcept { return runtime::run_sighold(signal); }
WEIR_EXPORTED int sigrelse(int signal) noexcept { return runtime::run_sigrelse(signal); }

WEIR_EXPORTED int sigaction(int signal, const struct sigaction* action, struct sigaction* old) noexcept {
  return runtime::run_sigaction(signal, action, old);
}
WEIR_EXPORTED sighandler_t signal(int number, sighandler_t handler) noexcept {
  return runtime::run_signal(runtime::host_signal(), number, handler);
}
WEIR_EXPORTED sighandler_t bsd_signal(int number, sighandler_t handler) noexcept {
  return runtime::run_signal(runtime::host_bsd_signal(), number, handler);
}
WEIR_EXPORTED sighandler_t ssignal(int number, sighandler_t handler) noexcept {
  return runtime::run_signal(runtime::host_ssignal(), number, handler);
}
WEIR_EXPORTED sighandler_t sysv_signal(int number, sighandler_t handler) noexcept {
  return runtime::run_signal(runtime::host_sysv_signal(), number, handler);
}
WEIR_EXPORTED sighandler_t __sysv_signal(int number, sighandler_t handler) noexcept {
  return runtime::run_signal(runtime::host___sysv_signal(), number, handler);
}
WEIR_EXPORTED sighandler_t sigset(int number, sighandler_t disposition) noexcept {
  return runtime::run_sigset(number, disposition);
}
WEIR_EXPORTED int sigignore(int number) noexcept { return runtime::run_sigignore(number); }
WEIR_EXPORTED int siginterrupt(int number, int interrupt) noexcept {
  return runtime::run_siginterrupt(number, interrupt);
}

WEIR_EXPORTED int sigwait(const sigset_t* set, int* number) { return runtime::run_sigwait(set, number); }
WEIR_EXPORTED int sigwaitinfo(const sigset_t* set, siginfo_t* info) { return runtime::run_sigwaitinfo(set, info); }
WEIR_EXPORTED int sigtimedwait(const sigset_t* set, siginfo_t* info, const timespec* timeout) {
  return runtime::run_sigtimedwait(set, info, timeout);
}
WEIR_EXPORTED int signalfd(int fd, const sigset_t* set, int flags) noexcept {
  return runtime::run_signalfd(fd, set, flags);
}

WEIR_EXPORTED int posix_spawn(pid_t* pid, const char* path, const posix_spawn_file_actions_t* actions,
                              const posix_spawnattr_t* attributes, char* const argv[], char* const envp[]) {
  return runtime::run_posix_spawn(pid, path, actions, attributes, argv, envp);
}
WEIR_EXPORTED int posix_spawnp(pid_t* pid, const char* file, const posix_spawn_file_actions_t* actions,
                               const posix_spawnattr_t* attributes, char* const argv[], char* const envp[]) {
  return runtime::run_posix_spawnp(pid, file, actions, attributes, argv, envp);
}
WEIR_EXPORTED int system(const char* command) { return runtime::run_system(command); }
WEIR_EXPORTED FILE* popen(const char* command, const char* mode) { return runtime::run_popen(command, mode); }
WEIR_EXPORTED int wordexp(const char* words, wordexp_t* expansion, int flags) {
  return runtime::run_wordexp(words, expansion, flags);
}
