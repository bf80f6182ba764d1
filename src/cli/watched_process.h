// A running process's figures as they are at this moment, for `weir top` and `weir export --watch`.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "cli/control_target.h"

namespace weir::cli {

struct WatchedFigures {
  std::chrono::steady_clock::time_point when;
  bool is_new = false;  // the process has answered; else they are those of its last answer
  uint64_t resident_bytes = 0;
  std::vector<control::PoolFigures> pools;  // the host's first
};

class WatchedProcess {
 public:
  // Throws as ControlTarget does.
  explicit WatchedProcess(int pid) : pid_(pid), target_(pid, IfWithoutPage::wake) {}

  // Asks the process, which is woken where it sleeps. Throws Error where it has ended.
  WatchedFigures read();
  ControlTarget& target() { return target_; }
  const ControlTarget& target() const { return target_; }
  int pid() const { return pid_; }
  std::string program() const;  // its name, as the kernel has it

 private:
  const int pid_;
  ControlTarget target_;
};

// Waits for the next of steps of `interval`, counted from the first call. False where INT or TERM came.
class Steps {
 public:
  explicit Steps(std::chrono::milliseconds interval);
  bool wait();

 private:
  const std::chrono::milliseconds interval_;
  std::chrono::steady_clock::time_point next_;
};

}  // namespace weir::cli
