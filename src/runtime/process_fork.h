// What a fork means to Weir: the child reports itself and does not repeat the parent's blocks.
#pragma once

namespace weir::runtime {

// Registers with the libc's fork. From process_start.
void register_for_fork();

// _Fork: fork without the registered functions.
int run_fork_without_handlers();

// daemon(): the parent ends inside the libc, where no export is met, so its report is written before.
int run_daemon(int no_chdir, int no_close);

}  // namespace weir::runtime
