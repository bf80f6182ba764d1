#include "runtime/process_symbolize.h"

#include <link.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/elf_image.h"
#include "core/large_table.h"
#include "core/print.h"
#include "core/system_call.h"
#include "options/options.h"
#include "runtime/process.h"

namespace weir::runtime {
namespace {

constexpr size_t kHelperStackBytes = size_t{64} << 10;
constexpr long kKernelSignalSetBytes = 8;
constexpr int kSignals = 64;
constexpr int kNotExecuted = 127;

WEIR_LARGE_TABLE char command_path[kMaxPathBytes];  // "" where it was not found

// Everything the helper needs, made before it is started: it shares the dying process's memory until it executes.
struct Helper {
  const char* arguments[6];
  const char** environment = nullptr;
  char* inner_stack = nullptr;
  char* outer_stack = nullptr;
};

bool is_executable(const char* path) {
  return core::system_call(SYS_faccessat, AT_FDCWD, core::as_argument(path), X_OK) == 0;
}

bool is_for_weir(const char* variable) {
  return strncmp(variable, "WEIR=", 5) == 0 || strncmp(variable, "WEIR_", 5) == 0 ||
         strncmp(variable, "LD_PRELOAD=", 11) == 0;
}

size_t environment_count() {
  size_t count = 0;
  while (environ != nullptr && environ[count] != nullptr) ++count;
  return count;
}

// The host's environment without what would trace the helper too.
void copy_environment(size_t count, const char** kept) {
  size_t used = 0;
  for (size_t i = 0; i < count; ++i) {
    if (!is_for_weir(environ[i])) kept[used++] = environ[i];
  }
}

void take_null_device() {
  const long fd = core::system_call(SYS_openat, AT_FDCWD, core::as_argument("/dev/null"), O_RDWR);
  for (int standard = 0; standard <= 2; ++standard) {
    if (core::failed(fd)) {
      core::close_file(standard);
    } else {
      core::system_call(SYS_dup2, fd, standard);
    }
  }
  core::system_call(SYS_close_range, 3, static_cast<long>(~0U), 0);
}

void reset_signals() {
  const uint64_t none = 0;
  const uint64_t default_action[4] = {};
  for (int number = 1; number <= kSignals; ++number) {
    core::system_call(SYS_rt_sigaction, number, core::as_argument(default_action), 0, kKernelSignalSetBytes);
  }
  core::system_call(SYS_rt_sigprocmask, SIG_SETMASK, core::as_argument(&none), 0, kKernelSignalSetBytes);
}

// In the helper. Only raw system calls: memory and thread-local storage are the dying process's.
int become_symbolizer(void* argument) {
  const auto* helper = static_cast<const Helper*>(argument);
  core::system_call(SYS_setsid);
  core::system_call(SYS_chdir, core::as_argument("/"));
  take_null_device();
  reset_signals();
  core::system_call(SYS_execve, core::as_argument(helper->arguments[0]), core::as_argument(helper->arguments),
                    core::as_argument(helper->environment));
  core::system_call(SYS_exit_group, kNotExecuted);
  return kNotExecuted;
}

constexpr int kShareUntilExec = CLONE_VM | CLONE_VFORK;  // and no signal at its end

// In the intermediate child: its end makes the helper an orphan.
int start_helper(void* argument) {
  const auto* helper = static_cast<const Helper*>(argument);
  clone(become_symbolizer, helper->inner_stack, kShareUntilExec, argument);
  core::system_call(SYS_exit_group, 0);
  return 0;
}

constexpr int kNotWaitedFor = 255;
constexpr int kWaitRounds = 12'000;  // about a minute: debug information of some programs is large
constexpr timespec kWaitRound{0, 5'000'000};

// In the intermediate child: the helper's exit status, or kNotWaitedFor.
int status_of_helper(int helper_pid) {
  for (int rounds = 0; rounds < kWaitRounds; ++rounds) {
    int status = 0;
    const long ended = core::system_call(SYS_wait4, helper_pid, core::as_argument(&status), WNOHANG, 0);
    if (ended == helper_pid) return WIFEXITED(status) ? WEXITSTATUS(status) : kNotWaitedFor;
    if (core::failed(ended)) return kNotWaitedFor;
    core::system_call(SYS_nanosleep, core::as_argument(&kWaitRound), 0);
  }
  core::system_call(SYS_kill, helper_pid, SIGKILL);
  core::system_call(SYS_wait4, helper_pid, 0, 0, 0);
  return kNotWaitedFor;
}

// In the intermediate child: the helper, once it has executed, is a child like any other. Of whom SIGCHLD is ignored nothing could be
// waited for.
int start_helper_and_wait(void* argument) {
  const auto* helper = static_cast<const Helper*>(argument);
  take_null_device();
  const uint64_t default_action[4] = {};
  core::system_call(SYS_rt_sigaction, SIGCHLD, core::as_argument(default_action), 0, kKernelSignalSetBytes);
  const int pid = clone(become_symbolizer, helper->inner_stack, kShareUntilExec, argument);
  core::system_call(SYS_exit_group, pid > 0 ? status_of_helper(pid) : kNotWaitedFor);
  return kNotWaitedFor;
}

// Waits for the intermediate child; its status.
int run_intermediate(int (*start)(void*), Helper* helper) {
  const int intermediate = clone(start, helper->outer_stack, kShareUntilExec, helper);
  int status = 0;
  const long ended =
      intermediate > 0 ? core::system_call(SYS_wait4, intermediate, core::as_argument(&status), __WCLONE, 0) : -1;
  return ended == intermediate && WIFEXITED(status) ? WEXITSTATUS(status) : kNotWaitedFor;
}

// Runs the command with these arguments, by way of `start`. kNotWaitedFor where memory is out.
int run_helper(int (*start)(void*), Helper helper) {
  const size_t count = environment_count();
  const size_t bytes = 2 * kHelperStackBytes + (count + 1) * sizeof(char*);
  auto* memory = static_cast<char*>(core::map_anonymous(bytes));
  if (memory == nullptr) return kNotWaitedFor;
  helper.inner_stack = memory + kHelperStackBytes;
  helper.outer_stack = memory + 2 * kHelperStackBytes;
  helper.environment = reinterpret_cast<const char**>(helper.outer_stack);
  copy_environment(count, helper.environment);
  const int status = run_intermediate(start, &helper);
  core::unmap(memory, bytes);
  return status;
}

bool find_beside(const char* library, size_t folder_length, const char* relative) {
  core::TextBuffer path(command_path, sizeof command_path);
  if (library[0] != '/') path.text(facts().start_folder).character('/');
  path.text(library, folder_length).text(relative);
  if (!path.truncated() && is_executable(command_path)) return true;
  command_path[0] = '\0';
  return false;
}

bool find_command() {
  if (command_path[0] != '\0') return true;
  const link_map* own = core::module_at(reinterpret_cast<const void*>(&find_symbolizer));
  if (own == nullptr || own->l_name == nullptr) return false;
  const char* slash = strrchr(own->l_name, '/');
  const size_t folder_length = slash == nullptr ? 0 : static_cast<size_t>(slash - own->l_name) + 1;
  // Side by side in the build tree; below lib/<architecture>/ where a distribution installs.
  return find_beside(own->l_name, folder_length, "../bin/weir") ||
         find_beside(own->l_name, folder_length, "../../bin/weir");
}

}  // namespace

void find_symbolizer() {
  const options::Options& chosen = options::current();
  if (chosen.symbolize == options::kSymbolizeExit || chosen.exit_code != 0) find_command();
}

void start_symbolizer(const core::Inside&, const char* report_path) {
  if (options::current().symbolize != options::kSymbolizeExit) return;
  if (command_path[0] == '\0') {
    core::print_line(
        "WEIR_SYMBOLIZE=exit: the weir command is not beside libweir.so; weir show adds the symbols later");
    return;
  }
  run_helper(&start_helper, {{command_path, "symbolize", report_path}});
}

LeakVerdict ask_for_verdict(const core::Inside&, const char* report_path) {
  constexpr int kLeaksLeft = 3;  // none of the command's own
  if (!find_command()) return LeakVerdict::unknown;
  const int status = run_helper(&start_helper_and_wait, {{command_path, "symbolize", "--exit-code", "3", report_path}});
  if (status == 0) return LeakVerdict::none_left;
  return status == kLeaksLeft ? LeakVerdict::some_left : LeakVerdict::unknown;
}

}  // namespace weir::runtime
