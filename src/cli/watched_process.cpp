#include "cli/watched_process.h"

#include <unistd.h>

#include <csignal>
#include <fstream>
#include <thread>

namespace weir::cli {
namespace {

volatile std::sig_atomic_t is_stopped = 0;

void stop(int) { is_stopped = 1; }

uint64_t resident_bytes_of(int pid) {
  std::ifstream statm("/proc/" + std::to_string(pid) + "/statm");
  uint64_t size = 0, resident = 0;
  statm >> size >> resident;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

WatchedFigures WatchedProcess::read() {
  constexpr std::chrono::milliseconds kWait{1000};
  WatchedFigures figures;
  figures.is_new = target_.ask(control::Action::stats, 0, kWait, IfAsleep::wake).has_value();
  figures.when = std::chrono::steady_clock::now();
  figures.resident_bytes = resident_bytes_of(pid_);
  figures.pools = target_.figures().pools;
  return figures;
}

std::string WatchedProcess::program() const {
  std::ifstream file("/proc/" + std::to_string(pid_) + "/comm");
  std::string name;
  std::getline(file, name);
  return name;
}

Steps::Steps(std::chrono::milliseconds interval) : interval_(interval), next_(std::chrono::steady_clock::now()) {
  struct sigaction action {};
  action.sa_handler = stop;  // without SA_RESTART: a wait ends at once
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool Steps::wait() {
  constexpr std::chrono::milliseconds kLook{50};
  const auto now = std::chrono::steady_clock::now();
  next_ = std::max(next_ + interval_, now);
  while (is_stopped == 0 && std::chrono::steady_clock::now() < next_)
    std::this_thread::sleep_for(
        std::min<std::chrono::steady_clock::duration>(kLook, next_ - std::chrono::steady_clock::now()));
  return is_stopped == 0;
}

}  // namespace weir::cli
