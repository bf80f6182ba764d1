#include <sys/auxv.h>
#include <unistd.h>

#include <cstring>

#include "core/arena.h"
#include "core/guard.h"
#include "core/large_table.h"
#include "core/print.h"
#include "core/system_call.h"
#include "leak/noted_threads.h"
#include "options/options.h"
#include "report/report_path.h"
#include "runtime/control_opening.h"
#include "runtime/host_allocator.h"
#include "runtime/host_symbols.h"
#include "runtime/parking_signal.h"
#include "runtime/process.h"
#include "runtime/process_end.h"
#include "runtime/process_first.h"
#include "runtime/process_fork.h"
#include "runtime/process_signals.h"
#include "runtime/process_symbolize.h"
#include "runtime/program_suppressions.h"
#include "runtime/runtime.h"
#include "runtime/waking.h"

// The initial stack as the kernel made it: argc, argv, 0, envp, 0. Set by the loader before anything else runs.
extern "C" __attribute__((weak)) void* __libc_stack_end;

namespace weir::runtime {

std::atomic<Stage> process_stage{Stage::fresh};
constinit ProcessFacts process_facts;

namespace {

WEIR_LARGE_TABLE char exe_path[kMaxPathBytes];
WEIR_LARGE_TABLE char folder_path[kMaxPathBytes];
WEIR_LARGE_TABLE const char* argument_pointers[kMaxArguments + 1];

struct InitialStack {
  long argc = 0;
  char** argv = nullptr;
  char** envp = nullptr;
};

constexpr long kSaneArgumentCount = 1 << 22;

InitialStack initial_stack() {
  if (&__libc_stack_end == nullptr || __libc_stack_end == nullptr) return {};
  auto* words = static_cast<long*>(__libc_stack_end);
  const long argc = words[0];
  if (argc < 0 || argc > kSaneArgumentCount || words[1 + argc] != 0) return {};
  auto** argv = reinterpret_cast<char**>(words + 1);
  return {argc, argv, argv + argc + 1};
}

void read_exe_path() {
  const long length = core::system_call(SYS_readlink, core::as_argument("/proc/self/exe"), core::as_argument(exe_path),
                                        static_cast<long>(sizeof exe_path - 1));
  exe_path[core::failed(length) ? 0 : length] = '\0';
  process_facts.exe = exe_path;
}

void read_start_folder() {
  const long length =
      core::system_call(SYS_getcwd, core::as_argument(folder_path), static_cast<long>(sizeof folder_path));
  // The kernel marks a folder out of reach with "(unreachable)".
  if (!core::failed(length) && folder_path[0] == '/') process_facts.start_folder = folder_path;
}

// argv's strings are the program's to overwrite, as programs that set their title do.
void copy_arguments(long argc, char** argv) {
  auto* storage = core::arena_array<char>(kMaxArgumentBytes);
  size_t used = 0;
  size_t count = 0;
  for (; storage != nullptr && argv != nullptr && count < static_cast<size_t>(argc) && count < kMaxArguments; ++count) {
    if (argv[count] == nullptr) break;
    const size_t bytes = strlen(argv[count]) + 1;
    if (bytes > kMaxArgumentBytes - used) break;
    memcpy(storage + used, argv[count], bytes);
    argument_pointers[count] = storage + used;
    used += bytes;
  }
  process_facts.argv = argument_pointers;
  process_facts.argc = count;
  process_facts.argv_truncated = count < static_cast<size_t>(argc);
}

void record_clock() {
  process_facts.start = core::read_clock_pair();
  process_facts.start_realtime_ns = core::realtime_ns();
  core::clock_origin_cycles = process_facts.start.cycles;
}

void record_ids() {
  process_facts.pid = core::current_pid();
  process_facts.ppid = static_cast<int>(core::system_call(SYS_getppid));
}

Stage stage_by_options() {
  const options::Options& chosen = options::current();
  if (!chosen.enabled) return Stage::off;
  const bool family_matters =
      !chosen.follow || (strcmp(chosen.report, "off") != 0 && !names_each_process(chosen.report));
  process_facts.is_first_process = !family_matters || !runs_under_weir(process_facts.ppid);
  return !chosen.follow && !process_facts.is_first_process ? Stage::off : Stage::tracking;
}

// The launcher's variables are the program's to change.
void copy_rank(const char* const* environment) {
  const char* rank = environment == nullptr ? nullptr : report::rank_in(environment);
  if (rank == nullptr) return;
  const size_t bytes = strlen(rank) + 1;
  auto* copy = core::arena_array<char>(bytes);
  if (copy != nullptr) memcpy(copy, rank, bytes);
  process_facts.rank = copy;
}

Stage start_from(const core::Inside& inside, const InitialStack& stack) {
  if (getauxval(AT_SECURE) != 0) return Stage::off;
  core::remember_standard_error();
  options::load(stack.envp);
  if (!options::current().enabled) return Stage::off;
  record_clock();
  record_ids();
  read_exe_path();
  read_start_folder();
  copy_arguments(stack.argc, stack.argv);
  copy_rank(stack.envp);
  const Stage stage = stage_by_options();
  if (stage == Stage::tracking) configure_runtime(inside);
  return stage;
}

bool start_once(const InitialStack& stack) {
  Stage expected = Stage::fresh;
  if (process_stage.compare_exchange_strong(expected, Stage::starting, std::memory_order_acq_rel)) {
    core::Guard guard;
    expected = start_from(guard.token(), stack);
    if (expected == Stage::off) resolve_host_allocator();
    process_stage.store(expected, std::memory_order_release);
  }
  return expected == Stage::tracking;
}

}  // namespace

bool start_lazily() {
  if (!core::thread_locals_ready) return false;
  const Stage stage = process_stage.load(std::memory_order_acquire);
  return stage == Stage::fresh ? start_once(initial_stack()) : stage == Stage::tracking;
}

bool is_own_process() { return core::current_pid() == process_facts.pid; }  // guard: vfork

void process_start(int argc, char** argv, char** envp) {
  resolve_host_symbols();
  if (!start_once({argc, argv, envp})) return;
  register_for_end();
  register_for_fork();
  choose_parking_signal();
  leak::learn_control_block();
  install_signal_handlers();
  begin_waking();
  find_symbolizer();
  read_program_suppressions();
  open_control_early();
}

}  // namespace weir::runtime
