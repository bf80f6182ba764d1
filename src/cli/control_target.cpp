#include "cli/control_target.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "cli/error.h"
#include "cli/json_access.h"
#include "cli/wake.h"

namespace weir::cli {
namespace {

namespace fs = std::filesystem;
using control::ControlPage;
using Clock = std::chrono::steady_clock;

constexpr int kExitNotReached = 1;
constexpr std::chrono::milliseconds kBetweenLooks{5}, kBeforeWaking{30}, kBetweenWakings{20};

[[noreturn]] void cannot(const std::string& why) { throw Error(kExitNotReached, why); }

std::string proc_file(int pid, const char* name) { return "/proc/" + std::to_string(pid) + "/" + name; }

std::string named(int pid) { return "process " + std::to_string(pid); }

// ---- Looking at a process ----

constexpr char kDeleted[] = " (deleted)";  // what the kernel writes behind the name of a file that is no more

// The paths in the text of /proc/PID/maps.
std::vector<std::string> mapped_files_in(std::istream& maps) {
  std::vector<std::string> paths;
  for (std::string line; std::getline(maps, line);) {
    std::istringstream words(line);
    std::string range, rights, offset, device, inode, path;
    words >> range >> rights >> offset >> device >> inode >> std::ws;
    if (std::getline(words, path)) paths.push_back(path);
  }
  return paths;
}

std::vector<std::string> mapped_files_of(int pid) {
  std::ifstream maps(proc_file(pid, "maps"));
  const std::vector<std::string> files = mapped_files_in(maps);
  if (!files.empty()) return files;
  struct stat status {};
  if (stat(proc_file(pid, "").c_str(), &status) != 0) cannot("there is no " + named(pid));
  if (geteuid() != 0 && status.st_uid != geteuid()) cannot(named(pid) + " belongs to another user");
  if (!maps.is_open()) cannot(named(pid) + " may not be looked into: it, or the system, forbids it");
  cannot(named(pid) + " has ended, or is none of a program");  // a zombie, or the kernel's own
}

bool is_library(const std::string& path) { return path.find("/libweir.so") != std::string::npos; }

bool is_control_file(const std::string& mapped) {
  const fs::path path = mapped.substr(0, mapped.find(kDeleted));
  return path.extension() == control::kFileSuffix &&
         path.parent_path().filename().string().starts_with(control::kFolderPrefix);
}

// The number that a process of another namespace has there: the last one of "NSpid:". Its own elsewhere.
int inner_pid_of(int pid) {
  std::ifstream status(proc_file(pid, "status"));
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with("NSpid:")) continue;
    std::istringstream numbers(line.substr(line.find(':') + 1));
    for (int number; numbers >> number;) pid = number;
  }
  return pid;
}

// ---- Stale files ----

std::vector<fs::path> control_folders() {
  std::vector<fs::path> folders;
  const std::string name = control::kFolderPrefix + std::to_string(geteuid());
  for (const char* variable : control::kFolderVariables) {
    const char* base = std::getenv(variable);
    if (base != nullptr && *base == '/') folders.push_back(fs::path(base) / name);
  }
  folders.push_back(fs::path(control::kLastFolder) / name);
  return folders;
}

// "4711-4026531836.ctl" of this namespace: 4711; 0 of another one, and for another name.
int pid_of_name(const std::string& name) {
  struct stat status {};
  char* end = nullptr;
  const long pid = std::strtol(name.c_str(), &end, 10);
  if (pid <= 0 || *end != '-' || stat("/proc/self/ns/pid", &status) != 0) return 0;
  return std::string(end + 1) == std::to_string(status.st_ino) + control::kFileSuffix ? static_cast<int>(pid) : 0;
}

// A process that makes its file has not mapped it for a moment.
bool is_new(const fs::path& file) {
  constexpr time_t kSeconds = 60;
  struct stat status {};
  return stat(file.c_str(), &status) != 0 || std::time(nullptr) - status.st_mtime < kSeconds;
}

bool is_stale(const fs::path& file) {
  const int pid = pid_of_name(file.filename().string());
  if (pid == 0) return false;
  std::ifstream maps(proc_file(pid, "maps"));
  if (!maps) return !fs::exists(proc_file(pid, ""));
  for (const std::string& mapped : mapped_files_in(maps)) {
    if (mapped == file) return false;
  }
  return !is_new(file);
}

}  // namespace

std::string reachable_path(const SnapshotAnswer& answer, int pid) {
  std::error_code ignored;
  if (fs::exists(answer.path, ignored)) return answer.path;
  const std::string inside = proc_file(pid, "root") + answer.path;
  return fs::exists(inside, ignored) ? inside : answer.path;
}

std::string pool_name(int pool) {
  if (pool == WEIR_HOST_POOL) return "host";
  return pool == WEIR_PINNED_POOL ? "pinned" : "device " + std::to_string(pool);
}

ControlTarget::ControlTarget(int pid, IfWithoutPage if_without_page) : pid_(pid), inner_pid_(inner_pid_of(pid)) {
  std::string why = find_page();
  if (page_ == nullptr && if_without_page == IfWithoutPage::wake && why.empty()) why = wake_for_page();
  if (page_ != nullptr) return;
  if (!why.empty()) cannot(named(pid_) + why);
  cannot(named(pid_) +
         " has made no call of CUDA's yet that Weir sees, nor allocated since its first 25 ms, or runs under "
         "WEIR_CTL=off: it cannot be asked");
}

// What stands in the way, empty where there is no page yet, or it was found.
std::string ControlTarget::find_page() {
  bool has_library = false, is_removed = false;
  for (const std::string& path : mapped_files_of(pid_)) {
    has_library = has_library || is_library(path);
    if (!is_control_file(path)) continue;
    if (open_page(path)) return {};
    is_removed = is_removed || path.ends_with(kDeleted);
  }
  if (!has_library) return " does not run under Weir";
  return is_removed ? " can no longer be asked: it ends, has confined itself, or its file was removed" : "";
}

// Its handler makes the page, unless it has interrupted Weir: then it is woken again.
std::string ControlTarget::wake_for_page() {
  constexpr int kAttempts = 20, kVainAttempts = 3, kLooks = 20;
  std::string why_not;
  for (int attempt = 0, vain = 0; attempt < kAttempts && vain < kVainAttempts; ++attempt) {
    why_not = wake_without_page(pid_);
    vain += why_not.empty() ? 0 : 1;
    for (int look = 0; look < kLooks; ++look) {
      const std::string why = find_page();
      if (page_ != nullptr || !why.empty()) return why;
      std::this_thread::sleep_for(kBetweenLooks);
    }
  }
  return why_not.empty() ? "" : " cannot be asked: it has allocated nothing since its first 25 ms, and " + why_not;
}

ControlTarget::~ControlTarget() {
  if (page_ != nullptr) munmap(page_, sizeof *page_);
  if (fd_ >= 0) close(fd_);
}

// False where it is not this process's own: a forked child may still have its parent's.
bool ControlTarget::open_page(const std::string& path) {
  const std::string inside = proc_file(pid_, "root") + path;  // the process may have another root
  for (const std::string& candidate : {path, inside}) {
    const int fd = open(candidate.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) continue;
    struct stat status {};
    const bool is_it = fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
                       (status.st_mode & (S_IRWXG | S_IRWXO)) == 0 &&
                       status.st_size == static_cast<off_t>(sizeof(ControlPage));
    void* memory = is_it ? mmap(nullptr, sizeof(ControlPage), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
    auto* page = memory == MAP_FAILED ? nullptr : static_cast<ControlPage*>(memory);
    if (page != nullptr && page->pid == inner_pid_) {
      fd_ = fd;
      page_ = page;
      check_page();
      return true;
    }
    if (page != nullptr) munmap(page, sizeof *page);
    close(fd);
  }
  return false;
}

void ControlTarget::check_page() const {
  const bool is_whole = page_->magic.load(std::memory_order_acquire) == control::kMagic;
  if (!is_whole || page_->version != control::kVersion || page_->page_bytes != sizeof(ControlPage)) {
    cannot(named(pid_) + " runs under another version of Weir");
  }
}

bool ControlTarget::is_running() const {
  std::ifstream status(proc_file(pid_, "status"));
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("State:")) return line.find('Z') == std::string::npos && line.find('X') == std::string::npos;
  }
  return false;
}

std::optional<ControlAnswer> ControlTarget::ask(control::Action action, uint64_t argument,
                                                std::chrono::milliseconds wait, IfAsleep if_asleep) {
  const Clock::time_point end = Clock::now() + wait;
  lock(end);
  control::Request& request = page_->request(action);
  const uint32_t number = raise(action, argument);
  Clock::time_point next_wake = Clock::now() + kBeforeWaking;
  for (;;) {
    if (request.answered_number.load(std::memory_order_acquire) == number) {
      release();
      return ControlAnswer{request.outcome.load(std::memory_order_relaxed),
                           request.bytes.load(std::memory_order_relaxed)};
    }
    if (!is_running()) cannot(named(pid_) + " has ended meanwhile");
    if (Clock::now() >= end) {
      release();
      return std::nullopt;
    }
    if (if_asleep == IfAsleep::wake && Clock::now() >= next_wake) {
      wake(pid_, page_->waking);
      next_wake = Clock::now() + kBetweenWakings;
    }
    std::this_thread::sleep_for(kBetweenLooks);
  }
}

void ControlTarget::release() const { flock(fd_, LOCK_UN); }

void ControlTarget::lock(Clock::time_point end) const {
  while (flock(fd_, LOCK_EX | LOCK_NB) != 0) {
    if (!is_running()) cannot(named(pid_) + " has ended meanwhile");
    if (Clock::now() >= end) cannot("another weir command is asking " + named(pid_));
    std::this_thread::sleep_for(kBetweenLooks);
  }
}

uint32_t ControlTarget::raise(control::Action action, uint64_t argument) {
  control::Request& request = page_->request(action);
  request.argument.store(argument, std::memory_order_relaxed);
  const uint32_t number = request.asked_number.load(std::memory_order_relaxed) + 1;
  request.asked_number.store(number, std::memory_order_release);
  page_->attention.store(1, std::memory_order_seq_cst);
  return number;
}

SnapshotAnswer ControlTarget::ask_snapshot(const std::string& path, std::chrono::milliseconds wait,
                                           Thoroughness thoroughness) {
  const Clock::time_point end = Clock::now() + wait;
  lock(end);
  control::SnapshotPlace& place = page_->snapshot;
  if (path.size() >= sizeof place.asked_path) cannot(path + ": " + std::strerror(ENAMETOOLONG));
  std::memcpy(place.asked_path, path.c_str(), path.size() + 1);
  control::Request& request = page_->request(control::Action::snapshot);
  const uint32_t number = raise(control::Action::snapshot, thoroughness == Thoroughness::quick ? 1 : 0);
  Clock::time_point next_wake = Clock::now() + kBeforeWaking;
  std::string why_not = "it was not yet woken";
  for (;;) {
    if (request.answered_number.load(std::memory_order_acquire) == number) {
      release();
      return {true,
              request.outcome.load(std::memory_order_relaxed),
              std::string(place.path, strnlen(place.path, sizeof place.path)),
              place.error.load(std::memory_order_relaxed),
              {}};
    }
    if (!is_running()) cannot(named(pid_) + " has ended meanwhile");
    const bool is_begun = place.begun_number.load(std::memory_order_acquire) == number;
    if (!is_begun && Clock::now() >= next_wake) {
      why_not = wake(pid_, page_->waking);
      if (why_not.empty()) why_not = "it was woken inside of what it may not be interrupted in";
      next_wake = Clock::now() + kBetweenWakings;
    }
    if (!is_begun && Clock::now() >= end) {
      request.asked_number.store(request.answered_number.load(std::memory_order_relaxed), std::memory_order_release);
      release();
      return {false, control::Outcome::none, {}, 0, why_not};
    }
    std::this_thread::sleep_for(kBetweenLooks);
  }
}

ControlFigures ControlTarget::figures() const {
  constexpr int kMostAttempts = 200;  // a process that was stopped while it wrote never ends
  ControlFigures result{};
  for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
    const uint32_t version = page_->figures_version.load(std::memory_order_acquire);
    const size_t count = std::min<size_t>(page_->pool_count, control::kMostPools);
    result.mode = page_->mode;
    result.limitation.assign(page_->limitation, strnlen(page_->limitation, sizeof page_->limitation));
    result.pools.assign(page_->pools, page_->pools + count);
    std::atomic_thread_fence(std::memory_order_acquire);
    if (version % 2 == 0 && page_->figures_version.load(std::memory_order_relaxed) == version) return result;
    std::this_thread::sleep_for(kBetweenLooks);
  }
  return result;
}

std::string ControlTarget::name() const {
  std::string comm;
  std::ifstream file(proc_file(pid_, "comm"));
  std::getline(file, comm);
  return named(pid_) + (comm.empty() ? "" : " (" + printable(comm) + ")");
}

void remove_stale_control_files() {
  std::error_code ignored;
  for (const fs::path& folder : control_folders()) {
    struct stat status {};
    if (lstat(folder.c_str(), &status) != 0 || !S_ISDIR(status.st_mode) || status.st_uid != geteuid()) continue;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored)) {
      if (is_stale(entry.path())) fs::remove(entry.path(), ignored);
    }
    rmdir(folder.c_str());  // where it is empty
  }
}

}  // namespace weir::cli
