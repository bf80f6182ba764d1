// Which process of a family a report path belongs to.
#pragma once

namespace weir::runtime {

// True where a path pattern gives every process a name of its own: it has %p or %n, or is a folder.
bool names_each_process(const char* pattern);

// True where libweir.so is mapped in process `pid`: asked of the parent. No environment variable carries the answer, so
// that a program that prints its environment prints what it prints without Weir. False where the process cannot be
// looked at. Reads /proc/PID/maps: only for patterns that do not name each process, and under WEIR_FOLLOW=off.
bool runs_under_weir(int pid);

}  // namespace weir::runtime
