#include "cli/wake.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <vector>

#include "control/wake_marker.h"

namespace weir::cli {
namespace {

namespace fs = std::filesystem;

struct ThreadStatus {
  char state = '?';
  uint64_t blocked = 0;
  uint64_t caught = 0;  // signals that have a handler
};

ThreadStatus status_in(const fs::path& folder) {
  ThreadStatus found;
  std::ifstream file(folder / "status");
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::string key = line.substr(0, colon), value = line.substr(colon + 1);
    if (key == "State") found.state = value.size() > 1 ? value[1] : '?';
    if (key == "SigBlk") found.blocked = std::strtoull(value.c_str(), nullptr, 16);
    if (key == "SigCgt") found.caught = std::strtoull(value.c_str(), nullptr, 16);
  }
  return found;
}

// Empty where a thread can take the signal.
std::string why_not_taken(int pid, int signal) {
  constexpr char kStates[] = "RS";  // runs, sleeps
  const uint64_t bit = uint64_t{1} << (signal - 1);
  bool is_stopped = false, is_deaf = false;
  std::error_code error;
  for (const fs::directory_entry& task : fs::directory_iterator("/proc/" + std::to_string(pid) + "/task", error)) {
    const ThreadStatus status = status_in(task.path());
    if ((status.caught & bit) == 0) continue;
    if (std::strchr(kStates, status.state) != nullptr && (status.blocked & bit) == 0) return {};
    is_stopped = is_stopped || status.state == 'T' || status.state == 't';
    is_deaf = is_deaf || status.state == 'D';
  }
  if (is_stopped) return "it is stopped";
  if (is_deaf) return "it sleeps in a call that no signal ends";
  return "all its threads block the signal by which it could be woken";
}

// False where nothing was sent.
bool send(int pid, int signal) {
  siginfo_t info{};
  info.si_signo = signal;
  info.si_code = SI_QUEUE;
  info.si_pid = getpid();
  info.si_uid = getuid();
  info.si_value.sival_ptr = reinterpret_cast<void*>(control::kWakeValue);
  return syscall(SYS_rt_sigqueueinfo, pid, signal, &info) == 0;
}

// While it lives the process does not take the handler away.
class Sending {
 public:
  explicit Sending(control::Waking& waking) : waking_(waking) {
    waking_.is_sending.store(1, std::memory_order_seq_cst);
  }
  ~Sending() { waking_.is_sending.store(0, std::memory_order_seq_cst); }
  Sending(const Sending&) = delete;
  Sending& operator=(const Sending&) = delete;

 private:
  control::Waking& waking_;
};

}  // namespace

std::string wake(int pid, control::Waking& waking) {
  const Sending sending(waking);
  const auto signal = static_cast<int>(waking.signal.load(std::memory_order_seq_cst));
  if (signal < 1 || signal > SIGRTMAX) return "the program uses every signal by which it could be woken";
  if (waking.on_their_way() != 0) {
    return "it has not yet met the signal that was sent to wake it";
  }
  const std::string why_not = why_not_taken(pid, signal);
  if (!why_not.empty()) return why_not;
  waking.sent_count.fetch_add(1, std::memory_order_seq_cst);
  if (send(pid, signal)) return {};
  const std::string why = std::strerror(errno);
  waking.sent_count.fetch_sub(1, std::memory_order_seq_cst);
  return "it cannot be woken: " + why;
}

namespace {

struct MappedRange {
  uintptr_t start = 0, end = 0;
  std::string rights, path;
};

std::vector<MappedRange> ranges_of(int pid) {
  std::vector<MappedRange> ranges;
  std::ifstream maps("/proc/" + std::to_string(pid) + "/maps");
  for (std::string line; std::getline(maps, line);) {
    MappedRange range;
    std::istringstream words(line);
    std::string offset, device, inode;
    char dash = 0;
    words >> std::hex >> range.start >> dash >> range.end >> range.rights >> offset >> device >> inode >> std::ws;
    std::getline(words, range.path);
    ranges.push_back(range);
  }
  return ranges;
}

bool is_library(const std::string& path) { return path.ends_with("/libweir.so"); }

struct Marker {
  std::string library;  // the file; empty where the library is not mapped
  int signal = 0;       // 0: none is shown
};

Marker marker_of(int pid) {
  Marker marker;
  uintptr_t end = 0;  // of what is the library's
  for (const MappedRange& range : ranges_of(pid)) {
    if (is_library(range.path)) {
      marker.library = range.path;
    } else if (range.start != end || !range.path.empty()) {
      continue;
    } else if (range.rights == control::kMarkerRights) {
      marker.signal = control::signal_of_marker(range.end - range.start);
    }
    end = range.end;
  }
  return marker;
}

// While it lives no process of this library executes another program, or gives its handler up, without waiting for it.
class LibraryLock {
 public:
  LibraryLock(int pid, const std::string& path) {
    const std::string inside = "/proc/" + std::to_string(pid) + "/root" + path;
    for (const std::string& candidate : {inside, path}) {
      if (fd_ < 0) fd_ = open(candidate.c_str(), O_RDONLY | O_CLOEXEC);
    }
    for (int look = 0; fd_ >= 0 && !is_locked_ && look < kLooks; ++look) {
      is_locked_ = flock(fd_, LOCK_EX | LOCK_NB) == 0;
      if (!is_locked_) usleep(kBetweenLooksUs);
    }
  }
  ~LibraryLock() {
    if (fd_ >= 0) close(fd_);
  }
  LibraryLock(const LibraryLock&) = delete;
  LibraryLock& operator=(const LibraryLock&) = delete;

  bool is_locked() const { return is_locked_; }

 private:
  static constexpr int kLooks = 200, kBetweenLooksUs = 500;

  int fd_ = -1;
  bool is_locked_ = false;
};

}  // namespace

std::string wake_without_page(int pid) {
  const std::string library = marker_of(pid).library;
  if (library.empty()) return "it does not run under Weir";
  const LibraryLock lock(pid, library);
  if (!lock.is_locked()) return library + " cannot be locked, so it cannot be woken";
  const int signal = marker_of(pid).signal;  // now that it may not change its mind
  if (signal <= control::kBelowFirstSignal || signal > SIGRTMAX) {
    return "there is no signal by which it could be woken: it runs under WEIR_CTL=off, or the program uses them all";
  }
  const std::string why_not = why_not_taken(pid, signal);
  if (!why_not.empty()) return why_not;
  return send(pid, signal) ? std::string() : "it cannot be woken: " + std::string(std::strerror(errno));
}

}  // namespace weir::cli
