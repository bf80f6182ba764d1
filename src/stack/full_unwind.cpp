#include "stack/full_unwind.h"

#define UNW_LOCAL_ONLY
#include <errno.h>
#include <libunwind.h>
#include <link.h>

#include <iterator>

#include "core/confinement.h"
#include "core/spin_lock.h"
#include "core/system_call.h"
#include "stack/rule_cache.h"
#include "stack/table_pages.h"

namespace weir::stack {
namespace {

// libunwind's own locks cannot be made free again in a forked child; this one around all of it can tell whether they
// were held.
core::SpinLock libunwind_lock;
bool usable = true;
bool prepared = false;

// Without libunwind's cache: it takes no lock of its own, holds nothing of an unloaded library, and never confuses an
// interrupted address with an equal return address.
void prepare() {
  if (prepared) return;
  unw_set_caching_policy(unw_local_addr_space, UNW_CACHE_NONE);
  prepared = true;
}

// The program's errno is as it was; libunwind's begins at 0, as it reads it after calls that succeed.
class ErrnoKept {
 public:
  ErrnoKept() : before_(errno) { errno = 0; }
  ~ErrnoKept() { errno = before_; }
  ErrnoKept(const ErrnoKept&) = delete;
  ErrnoKept& operator=(const ErrnoKept&) = delete;

 private:
  int before_;
};

// The kernel reads the set before it refuses to do with it what no one can: EFAULT, or EINVAL where the memory can be
// read.
bool can_read(const void* address) {
  constexpr long kNothingToDo = -1;
  if (core::system_calls_restricted()) return false;
  return core::system_call(SYS_rt_sigprocmask, kNothingToDo, core::as_argument(address), 0, sizeof(uint64_t)) ==
         -EINVAL;
}

struct Position {
  uintptr_t ip, sp;
};

Position position_of(unw_cursor_t* cursor) {
  unw_word_t ip = 0, sp = 0;
  unw_get_reg(cursor, UNW_REG_IP, &ip);
  unw_get_reg(cursor, UNW_REG_SP, &sp);
  return {ip, sp};
}

bool step_out_of_weir(unw_cursor_t* cursor, const Registers& caller) {
  Position at = position_of(cursor);
  while (at.sp < caller.sp) {
    if (unw_step(cursor) <= 0) return false;
    at = position_of(cursor);
  }
  return at.sp == caller.sp && at.ip == caller.ip;
}

// Whether libunwind is not to be asked for the caller of this frame: where the tables say nothing it guesses, and asks
// the kernel about each guess.
bool ends_at(uintptr_t ip, bool exact, UnwindEnd* end) {
  const UnwindRule rule = exact ? find_exact_rule(ip).rule : find_rule(ip).rule;
  *end = rule.kind == RuleKind::entry ? UnwindEnd::complete : UnwindEnd::no_info;
  return rule.kind == RuleKind::entry || rule.kind == RuleKind::no_info;
}

UnwindEnd unwind_from(unw_cursor_t* cursor, FrameSink sink, void* context) {
  for (bool exact = false;;) {
    const Position at = position_of(cursor);
    if (at.ip == 0) return UnwindEnd::complete;
    if (!sink(context, at.ip, at.sp, exact)) return UnwindEnd::truncated;
    UnwindEnd end;
    if (ends_at(at.ip, exact, &end)) return end;
    const int stepped = unw_step(cursor);
    exact = unw_is_signal_frame(cursor) > 0;  // said of the frame that the step has left
    if (stepped <= 0) return stepped == 0 ? UnwindEnd::complete : UnwindEnd::truncated;
  }
}

bool read_frame(unw_cursor_t* cursor, ProgramFrame* frame) {
  constexpr int kKept[] = {UNW_X86_64_RBX, UNW_X86_64_RBP, UNW_X86_64_R12,
                           UNW_X86_64_R13, UNW_X86_64_R14, UNW_X86_64_R15};
  frame->sp = position_of(cursor).sp;
  for (size_t i = 0; i < std::size(kKept); ++i) {
    unw_word_t value = 0;
    if (unw_get_reg(cursor, kKept[i], &value) < 0) return false;
    frame->registers[i] = value;
  }
  return true;
}

bool is_in_function(unw_cursor_t* cursor, uintptr_t function) {
  unw_proc_info_t info;
  return unw_get_proc_info(cursor, &info) == 0 && info.start_ip == function;
}

// Leaves the cursor at the caller of the function, if only functions of its own module stand below: the libc calls what runs at the end
// from exit(); what the program calls from there is at work still.
bool step_to_caller_of(unw_cursor_t* cursor, uintptr_t function) {
  LoadedModule module;
  if (!find_loaded_module(function, &module)) return false;
  for (;;) {
    const uintptr_t ip = position_of(cursor).ip;
    if (ip < module.start || ip >= module.end) return false;
    const bool is_there = is_in_function(cursor, function);
    if (unw_step(cursor) <= 0) return false;
    if (is_there) return true;
  }
  return false;
}

// Their pages would count as the process's memory beside what a leak check or a report takes.
void give_back_tables_of(uintptr_t code) {
  LoadedModule module;
  if (find_loaded_module(code, &module)) give_back(table_pages_of(module));
}

}  // namespace

[[gnu::noinline]] bool find_program_frame(uintptr_t own_start, uintptr_t own_end, uintptr_t end_function,
                                          ProgramFrame* frame) {
  if (core::system_calls_restricted()) return false;
  core::LockScope scope(libunwind_lock);
  if (!usable) return false;
  const ErrnoKept kept;
  prepare();
  unw_context_t registers;
  unw_cursor_t cursor;
  unw_getcontext(&registers);
  if (unw_init_local(&cursor, &registers) != 0) return false;
  while (position_of(&cursor).ip - own_start < own_end - own_start) {
    if (unw_step(&cursor) <= 0) return false;
  }
  unw_cursor_t at_end = cursor;
  const bool found = read_frame(step_to_caller_of(&at_end, end_function) ? &at_end : &cursor, frame);
  give_back_tables_of(end_function);
  give_back_tables_of(own_start);
  return found;
}

[[gnu::noinline]] UnwindEnd full_unwind(const Registers& caller, FrameSink sink, void* context) {
  if (core::system_calls_restricted())
    return UnwindEnd::unavailable;  // libunwind asks the kernel what memory is mapped
  core::LockScope scope(libunwind_lock);
  if (!usable) return UnwindEnd::unavailable;
  const ErrnoKept kept;
  prepare();
  unw_context_t registers;
  unw_cursor_t cursor;
  unw_getcontext(&registers);
  if (unw_init_local(&cursor, &registers) != 0 || !step_out_of_weir(&cursor, caller)) return UnwindEnd::unavailable;
  return unwind_from(&cursor, sink, context);
}

void full_unwind_reset_after_fork() {
  if (libunwind_lock.try_lock()) {
    libunwind_lock.unlock();
  } else {
    usable = false;
    libunwind_lock.reset_after_fork();
  }
}

}  // namespace weir::stack

// libunwind is built to call this in place of dl_iterate_phdr, whose lock may be held by a thread that waits for Weir.
// `data` is libunwind's dwarf_callback_data, whose first word is the program counter sought: only its module is shown.
extern "C" int weir_unwind_iterate_phdr(int (*callback)(dl_phdr_info*, size_t, void*), void* data) {
  weir::stack::LoadedModule module;
  if (!weir::stack::find_loaded_module(*static_cast<const uintptr_t*>(data), &module)) return 0;
  dl_phdr_info info{};
  info.dlpi_addr = module.base;
  info.dlpi_name = module.name;
  info.dlpi_phdr = module.headers.first;
  info.dlpi_phnum = static_cast<Elf64_Half>(module.headers.count);
  return callback(&info, sizeof info, data);
}

// libunwind asks whether memory can be read by writing it to a pipe; these take the pipe's place and open none.
extern "C" {
int weir_unwind_pipe2(int*, int) { return -1; }
ssize_t weir_unwind_read(int fd, void* buffer, size_t bytes) {
  return fd < 0 ? 1 : weir::core::read_file(fd, buffer, bytes);
}
int weir_unwind_mincore(void*, size_t, unsigned char*) { return 0; }
long weir_unwind_system_call(long, int, const void* address, size_t) { return weir::stack::can_read(address) ? 1 : -1; }
}
