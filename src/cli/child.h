// Running a program in the foreground and waiting for it.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace weir::cli {

struct Invocation {
  std::string path;                                // the file to execute
  std::vector<std::string> arguments;              // from argv[0] on
  std::map<std::string, std::string> environment;  // added to this process's own
};

// Becomes the program. Throws Error(kExitNotFound or kExitNotExecutable) where it cannot.
[[noreturn]] void become(const Invocation& invocation);

// Runs the program as a child and waits for it; INT, TERM, HUP, QUIT, USR1 and USR2 sent to this process are passed on, but
// not those that the terminal sends to the child as well. The program's exit code, or 128 + the signal that killed it.
// Throws Error as become does.
int run_and_wait(const Invocation& invocation);

}  // namespace weir::cli
