// exec: the old program's report is written before, because nothing of it is left after. It has its final name at once,
// since the new program may be one that Weir is not loaded into; where the exec fails it is removed again.
//
// Each function does what the libc's of that name does, errno included.
#pragma once

#include <cstddef>

namespace weir::runtime {

int run_execve(const char* path, char* const* argv, char* const* environment);
int run_execv(const char* path, char* const* argv);
int run_execvp(const char* file, char* const* argv);
int run_execvpe(const char* file, char* const* argv, char* const* environment);
int run_execveat(int folder, const char* path, char* const* argv, char* const* environment, int flags);
int run_fexecve(int fd, char* const* argv, char* const* environment);

// Copies `text` without the entries of a preload list (separated by ':' or ' ') that name libweir.so. Returns the bytes
// written with the final zero, or 0 where `capacity` does not hold them.
size_t preload_without_weir(const char* text, char* result, size_t capacity);

}  // namespace weir::runtime
