// A program that confines itself: once a seccomp filter that kills is in place, a system call of Weir's could be the
// one. The report is therefore written just before, and later system calls that only Weir needs are left out. A filter
// that only answers with errors changes nothing.
#pragma once

namespace weir::runtime {

long run_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d);
long run_syscall(long number, long a, long b, long c, long d, long e, long f);

}  // namespace weir::runtime
