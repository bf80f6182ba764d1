// Ends by abort: the report is written before the process dies of SIGABRT, and not where the program catches that
// signal and lives on. What handlers, parents and core dumps see is as without Weir.
#pragma once

namespace weir::runtime {

[[noreturn]] void run_abort();

// A failed assertion ends inside the libc: its message, then its own abort.
[[noreturn]] void run_assert_fail(const char* assertion, const char* file, unsigned line, const char* function);
[[noreturn]] void run_assert_perror_fail(int error, const char* file, unsigned line, const char* function);

}  // namespace weir::runtime
