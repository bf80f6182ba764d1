#include "runtime/seccomp_filter.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/uio.h>

#include <cstddef>

#include "core/system_call.h"

namespace weir::runtime {
namespace {

constexpr size_t kInstructionsAtOnce = 64;

bool copy_from_host(const void* source, void* target, size_t bytes) {
  const iovec local{target, bytes};
  const iovec remote{const_cast<void*>(source), bytes};
  return core::system_call(SYS_process_vm_readv, core::current_pid(), core::as_argument(&local), 1,
                           core::as_argument(&remote), 1, 0) == static_cast<long>(bytes);
}

bool is_lethal(const sock_filter& instruction) {
  if (BPF_CLASS(instruction.code) != BPF_RET) return false;
  if (BPF_RVAL(instruction.code) != BPF_K) return true;  // an answer that is computed
  switch (instruction.k & SECCOMP_RET_ACTION_FULL) {
    case SECCOMP_RET_ALLOW:
    case SECCOMP_RET_LOG:
    case SECCOMP_RET_ERRNO:
    case SECCOMP_RET_TRACE:
    case SECCOMP_RET_USER_NOTIF:
      return false;
    default:
      return true;
  }
}

}  // namespace

bool may_kill(const void* program) {
  sock_fprog header{};
  if (!copy_from_host(program, &header, sizeof header)) return true;
  sock_filter instructions[kInstructionsAtOnce];
  for (size_t done = 0; done < header.len;) {
    const size_t left = header.len - done;
    const size_t count = left < kInstructionsAtOnce ? left : kInstructionsAtOnce;
    if (!copy_from_host(header.filter + done, instructions, count * sizeof *instructions)) return true;
    for (size_t i = 0; i < count; ++i) {
      if (is_lethal(instructions[i])) return true;
    }
    done += count;
  }
  return false;
}

}  // namespace weir::runtime
