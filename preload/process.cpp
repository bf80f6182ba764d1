// The exports by which Weir learns how a process ends, and the constructor by which it starts.
#include "runtime/process.h"

#include <alloca.h>
#include <stdarg.h>
#include <stddef.h>

#include "runtime/host_symbols.h"
#include "runtime/process_abort.h"
#include "runtime/process_end.h"
#include "runtime/process_exec.h"
#include "runtime/process_fork.h"
#include "runtime/process_seccomp.h"

#define WEIR_EXPORTED extern "C" __attribute__((visibility("default")))

namespace runtime = weir::runtime;

namespace {

// 101: before any constructor with a priority of its own.
__attribute__((constructor(101))) void start(int argc, char** argv, char** envp) {
  runtime::process_start(argc, argv, envp);
}

// execl's list: the arguments from `first` to the null pointer that ends them. Returns how many, without that pointer.
size_t argument_count(const char* first, va_list rest) {
  size_t count = 0;
  for (const char* argument = first; argument != nullptr; argument = va_arg(rest, const char*)) ++count;
  return count;
}

void collect_arguments(const char* first, va_list rest, char** argv) {
  for (const char* argument = first;; argument = va_arg(rest, const char*)) {
    *argv++ = const_cast<char*>(argument);
    if (argument == nullptr) return;
  }
}

}  // namespace

// Declares argv on the stack from a function's `first` and `...`; leaves `rest` behind the null pointer, where execle's
// environment stands.
#define WEIR_ARGUMENTS_TO(argv, rest, first)                                                    \
  va_list rest;                                                                                 \
  va_start(rest, first);                                                                        \
  auto** argv = static_cast<char**>(alloca((argument_count(first, rest) + 1) * sizeof(char*))); \
  va_end(rest);                                                                                 \
  va_start(rest, first);                                                                        \
  collect_arguments(first, rest, argv)

WEIR_EXPORTED void _exit(int status) {
  runtime::host__exit()(runtime::process_end("_exit", status & 0xff));
  __builtin_unreachable();
}

WEIR_EXPORTED void _Exit(int status) {
  runtime::host__exit()(runtime::process_end("_exit", status & 0xff));
  __builtin_unreachable();
}

WEIR_EXPORTED void quick_exit(int status) noexcept {
  runtime::note_quick_exit(status);
  runtime::host_quick_exit()(status);
  __builtin_unreachable();
}

WEIR_EXPORTED void abort() noexcept { runtime::run_abort(); }

WEIR_EXPORTED void __assert_fail(const char* assertion, const char* file, unsigned line,
                                 const char* function) noexcept {
  runtime::run_assert_fail(assertion, file, line, function);
}

WEIR_EXPORTED void __assert_perror_fail(int error, const char* file, unsigned line, const char* function) noexcept {
  runtime::run_assert_perror_fail(error, file, line, function);
}

WEIR_EXPORTED int daemon(int no_chdir, int no_close) noexcept { return runtime::run_daemon(no_chdir, no_close); }
WEIR_EXPORTED pid_t _Fork() noexcept { return runtime::run_fork_without_handlers(); }

WEIR_EXPORTED int execve(const char* path, char* const argv[], char* const envp[]) noexcept {
  return runtime::run_execve(path, argv, envp);
}
WEIR_EXPORTED int execv(const char* path, char* const argv[]) noexcept { return runtime::run_execv(path, argv); }
WEIR_EXPORTED int execvp(const char* file, char* const argv[]) noexcept { return runtime::run_execvp(file, argv); }
WEIR_EXPORTED int execvpe(const char* file, char* const argv[], char* const envp[]) noexcept {
  return runtime::run_execvpe(file, argv, envp);
}
WEIR_EXPORTED int execveat(int folder, const char* path, char* const argv[], char* const envp[], int flags) noexcept {
  return runtime::run_execveat(folder, path, argv, envp, flags);
}
WEIR_EXPORTED int fexecve(int fd, char* const argv[], char* const envp[]) noexcept {
  return runtime::run_fexecve(fd, argv, envp);
}

WEIR_EXPORTED int execl(const char* path, const char* first, ...) noexcept {
  WEIR_ARGUMENTS_TO(argv, rest, first);
  va_end(rest);
  return runtime::run_execv(path, argv);
}

WEIR_EXPORTED int execlp(const char* file, const char* first, ...) noexcept {
  WEIR_ARGUMENTS_TO(argv, rest, first);
  va_end(rest);
  return runtime::run_execvp(file, argv);
}

WEIR_EXPORTED int execle(const char* path, const char* first, ...) noexcept {
  WEIR_ARGUMENTS_TO(argv, rest, first);
  auto* environment = va_arg(rest, char* const*);
  va_end(rest);
  return runtime::run_execve(path, argv, environment);
}

WEIR_EXPORTED int prctl(int option, ...) noexcept {
  va_list rest;
  va_start(rest, option);
  const auto a = va_arg(rest, unsigned long);
  const auto b = va_arg(rest, unsigned long);
  const auto c = va_arg(rest, unsigned long);
  const auto d = va_arg(rest, unsigned long);
  va_end(rest);
  return static_cast<int>(runtime::run_prctl(option, a, b, c, d));
}

// Declared here without <unistd.h>'s `...`: the six arguments are passed on whether the call has them or not, as the
// libc does, and the forward is a plain jump, so that a call that returns twice returns to its caller.
extern "C" __attribute__((visibility("default"))) long weir_syscall(long number, long a, long b, long c, long d, long e,
                                                                    long f) asm("syscall");
long weir_syscall(long number, long a, long b, long c, long d, long e, long f) {
  return runtime::run_syscall(number, a, b, c, d, e, f);
}
