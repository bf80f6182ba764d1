#include "runtime/process_exec.h"

#include <alloca.h>
#include <unistd.h>

#include <cstring>

#include "core/system_call.h"
#include "leak/parking.h"
#include "options/options.h"
#include "runtime/control_opening.h"
#include "runtime/host_symbols.h"
#include "runtime/parking_signal.h"
#include "runtime/process.h"
#include "runtime/process_end.h"
#include "runtime/waking.h"

namespace weir::runtime {
namespace {

constexpr char kPreloadVariable[] = "LD_PRELOAD=";
constexpr size_t kPreloadNameBytes = sizeof kPreloadVariable - 1;
constexpr char kLibraryName[] = "libweir.so";
constexpr size_t kMaxPreloadBytes = 4096;
constexpr size_t kMaxScrubbedVariables = size_t{1} << 14;  // 128 KiB of the stack

// Also where a filter that kills is in place, which the new program would not know of: Weir's start could break its
// rules.
bool stops_following() {
  return process_stage.load(std::memory_order_acquire) == Stage::tracking &&
         (!options::current().follow || system_calls_restricted());
}

bool names_weir(const char* entry, size_t length) {
  const size_t name = sizeof kLibraryName - 1;
  if (length < name || memcmp(entry + length - name, kLibraryName, name) != 0) return false;
  return length == name || entry[length - name - 1] == '/';
}

size_t variable_count(char* const* environment) {
  size_t count = 0;
  while (environment != nullptr && environment[count] != nullptr) ++count;
  return count;
}

// Copies the environment's pointers into `slots`, with LD_PRELOAD, where present, replaced by a text in `preload` that
// does not name Weir, or left out where nothing else is in it.
void scrub(char* const* environment, char** slots, char* preload) {
  for (; *environment != nullptr; ++environment) {
    *slots = *environment;
    if (strncmp(*environment, kPreloadVariable, kPreloadNameBytes) == 0) {
      memcpy(preload, kPreloadVariable, kPreloadNameBytes);
      const size_t rest = preload_without_weir(*environment + kPreloadNameBytes, preload + kPreloadNameBytes,
                                               kMaxPreloadBytes - kPreloadNameBytes);
      if (rest == 1) continue;
      if (rest > 1) *slots = preload;
    }
    ++slots;
  }
  *slots = nullptr;
}

// The environment for the new program: as given, but without Weir where it is not to be followed. Lives on the caller's
// stack.
#define WEIR_FOLLOWED_ENVIRONMENT(followed, environment)                                              \
  char* const* followed = (environment);                                                              \
  if (stops_following()) {                                                                            \
    const size_t variables = variable_count(environment);                                             \
    if (variables > 0 && variables < kMaxScrubbedVariables) {                                         \
      auto** slots = static_cast<char**>(alloca((variables + 1) * sizeof(char*) + kMaxPreloadBytes)); \
      scrub(environment, slots, reinterpret_cast<char*>(slots + variables + 1));                      \
      followed = slots;                                                                               \
    }                                                                                                 \
  }

// Shells try one folder of PATH after the other: a file that cannot be executed costs no report.
bool may_succeed(int folder, const char* path) {
  if (path == nullptr || system_calls_restricted()) return false;
  return core::system_call(SYS_faccessat, folder, core::as_argument(path), X_OK) == 0;
}

// A file name without a slash is looked for along PATH by the libc: whether it is there shows only afterwards.
bool may_be_found(const char* file) {
  return file != nullptr && *file != '\0' && (strchr(file, '/') == nullptr || may_succeed(AT_FDCWD, file));
}

// The new program gets the mask that the old one asked for, and no signal that was meant for the old one's threads. A child of vfork
// shares the memory in which rounds are held off, and nobody sends it any.
template <class Call>
int with_true_mask(const Call& call) {
  const TrueMask mask;
  return call();
}

template <class Call>
int with_own_signals(const Call& call) {
  const leak::RoundsHeldOff held_off;
  const TrueMask mask;
  const int signal = leak::parking_signal();
  if (signal != 0) leak::take_back_pending(signal);
  return call();
}

// Nobody is to ask the new program by the old one's page. Where it does not come to be, there is a new page in time.
template <class Call>
int without_control(bool worth_closing, const Call& call) {
  if (system_calls_restricted() || !is_own_process()) return with_true_mask(call);
  const WakingHeldOff waking_held_off;  // guard: waking-held-off
  if (worth_closing) close_control();
  const int result = with_own_signals(call);
  if (worth_closing) reopen_control();
  return result;
}

template <class Call>
int with_report(bool worth_reporting, const Call& call) {
  const bool ended = worth_reporting && early_end("exec");
  const int result = without_control(ended, call);  // comes back only where it failed
  if (ended) undo_early_end();
  return result;
}

}  // namespace

size_t preload_without_weir(const char* text, char* result, size_t capacity) {
  size_t used = 0;
  while (*text != '\0') {
    const size_t length = strcspn(text, ": ");
    const size_t separated = length + (text[length] != '\0' ? 1 : 0);
    if (length > 0 && !names_weir(text, length)) {
      if (used + length + 2 > capacity) return 0;
      if (used > 0) result[used++] = ':';
      memcpy(result + used, text, length);
      used += length;
    }
    text += separated;
  }
  if (used >= capacity) return 0;
  result[used] = '\0';
  return used + 1;
}

int run_execve(const char* path, char* const* argv, char* const* environment) {
  WEIR_FOLLOWED_ENVIRONMENT(followed, environment)
  return with_report(may_succeed(AT_FDCWD, path), [&] { return host_execve()(path, argv, followed); });
}

int run_execv(const char* path, char* const* argv) {
  if (stops_following()) return run_execve(path, argv, environ);
  return with_report(may_succeed(AT_FDCWD, path), [&] { return host_execv()(path, argv); });
}

int run_execvp(const char* file, char* const* argv) {
  if (stops_following()) return run_execvpe(file, argv, environ);
  return with_report(may_be_found(file), [&] { return host_execvp()(file, argv); });
}

int run_execvpe(const char* file, char* const* argv, char* const* environment) {
  WEIR_FOLLOWED_ENVIRONMENT(followed, environment)
  return with_report(may_be_found(file), [&] { return host_execvpe()(file, argv, followed); });
}

int run_execveat(int folder, const char* path, char* const* argv, char* const* environment, int flags) {
  WEIR_FOLLOWED_ENVIRONMENT(followed, environment)
  const bool worth_reporting = path != nullptr && (*path == '\0' || may_succeed(folder, path));
  return with_report(worth_reporting, [&] { return host_execveat()(folder, path, argv, followed, flags); });
}

int run_fexecve(int fd, char* const* argv, char* const* environment) {
  WEIR_FOLLOWED_ENVIRONMENT(followed, environment)
  return with_report(fd >= 0, [&] { return host_fexecve()(fd, argv, followed); });
}

}  // namespace weir::runtime
