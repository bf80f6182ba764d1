// What a seccomp filter may do to a process, told from its instructions.
#pragma once

namespace weir::runtime {

// True where the filter that `program` (a sock_fprog in the host's memory) describes can kill or signal the process for
// a system call; a filter whose worst answer is an error number cannot. True also where the program cannot be read: the
// pointer may be anything, and is read by the kernel.
bool may_kill(const void* program);

}  // namespace weir::runtime
