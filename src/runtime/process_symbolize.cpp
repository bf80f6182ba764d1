#include "runtime/process_symbolize.h"

#include <dlfcn.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/arena.h"
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

char command_path[kMaxPathBytes];  // "" where it was not found

// Everything the helper needs, made before it is started: it shares the dying process's memory until it executes.
struct Helper {
  const char* arguments[4];
  const char** environment;
  char* inner_stack;
};

bool is_executable(const char* path) {
  return core::system_call(SYS_faccessat, AT_FDCWD, core::as_argument(path), X_OK) == 0;
}

bool is_for_weir(const char* variable) {
  return strncmp(variable, "WEIR=", 5) == 0 || strncmp(variable, "WEIR_", 5) == 0 ||
         strncmp(variable, "LD_PRELOAD=", 11) == 0;
}

// The host's environment without what would trace the helper too. nullptr where memory is out.
const char** helper_environment() {
  size_t count = 0;
  while (environ != nullptr && environ[count] != nullptr) ++count;
  auto** kept = core::arena_array<const char*>(count + 1);
  if (kept == nullptr) return nullptr;
  size_t used = 0;
  for (size_t i = 0; i < count; ++i) {
    if (!is_for_weir(environ[i])) kept[used++] = environ[i];
  }
  return kept;
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

void run_detached(Helper* helper, char* outer_stack) {
  const int intermediate = clone(start_helper, outer_stack, kShareUntilExec, helper);
  if (intermediate > 0) core::system_call(SYS_wait4, intermediate, 0, __WCLONE, 0);
}

bool find_beside(const char* library, size_t folder_length, const char* relative) {
  core::TextBuffer path(command_path, sizeof command_path);
  if (library[0] != '/') path.text(facts().start_folder).character('/');
  path.text(library, folder_length).text(relative);
  if (!path.truncated() && is_executable(command_path)) return true;
  command_path[0] = '\0';
  return false;
}

}  // namespace

void find_symbolizer() {
  if (options::current().symbolize != options::kSymbolizeExit) return;
  Dl_info own{};
  if (dladdr(reinterpret_cast<const void*>(&find_symbolizer), &own) == 0 || own.dli_fname == nullptr) return;
  const char* slash = strrchr(own.dli_fname, '/');
  const size_t folder_length = slash == nullptr ? 0 : static_cast<size_t>(slash - own.dli_fname) + 1;
  // Side by side in the build tree; below lib/<architecture>/ where a distribution installs.
  if (find_beside(own.dli_fname, folder_length, "../bin/weir")) return;
  find_beside(own.dli_fname, folder_length, "../../bin/weir");
}

void start_symbolizer(const core::Inside&, const char* report_path) {
  if (options::current().symbolize != options::kSymbolizeExit) return;
  if (command_path[0] == '\0') {
    core::print_line(
        "WEIR_SYMBOLIZE=exit: the weir command is not beside libweir.so; weir show adds the symbols later");
    return;
  }
  auto* stacks = core::arena_array<char>(2 * kHelperStackBytes);
  Helper helper{{command_path, "symbolize", report_path, nullptr}, helper_environment(), nullptr};
  if (stacks == nullptr || helper.environment == nullptr) return;
  helper.inner_stack = stacks + kHelperStackBytes;
  run_detached(&helper, stacks + 2 * kHelperStackBytes);
}

}  // namespace weir::runtime
