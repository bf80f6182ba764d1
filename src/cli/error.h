// How a command says that it cannot go on.
#pragma once

#include <stdexcept>
#include <string>

namespace weir::cli {

// Exit codes of Weir's own; a run program's code passes through `weir run` unchanged.
inline constexpr int kExitBadReport = 2;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitOwnFailure = 125;  // as env, timeout and nohup have it
inline constexpr int kExitNotExecutable = 126;
inline constexpr int kExitNotFound = 127;
inline constexpr int kExitSignalBase = 128;
inline constexpr int kLargestExitCode = 255;

// One line for stderr, and the exit code.
class Error : public std::runtime_error {
 public:
  Error(int exit_code, const std::string& line) : std::runtime_error(line), exit_code_(exit_code) {}
  int exit_code() const { return exit_code_; }

 private:
  int exit_code_;
};

}  // namespace weir::cli
