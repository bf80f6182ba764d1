#include "runtime/control_file.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cstring>

#include "core/confinement.h"
#include "core/own_memory.h"
#include "core/print.h"
#include "core/system_call.h"

namespace weir::runtime {
namespace {

using control::ControlPage;

constexpr int kOwnerOnly = 0600, kOwnersFolder = 0700, kOthersBits = 077;
constexpr size_t kLongestPath = 512;

char folder_path[kLongestPath];
char file_path[kLongestPath];  // "" where there is none
ControlPage* mapped_page;

long system_call_at(long number, const char* path, long a = 0) {
  return core::system_call(number, core::as_argument(path), a);
}

// ---- Where ----

// The environment that the process began with, as the kernel has it: the program may have changed its own, and reading that is not safe
// beside its other threads. What does not fit is passed by.
class StartEnvironment {
 public:
  StartEnvironment() : text_(static_cast<char*>(core::map_own(kMostBytes))) {
    const int fd = text_ == nullptr ? -1 : core::open_file("/proc/self/environ", O_RDONLY);
    if (fd < 0) return;
    read_all(fd);
    core::close_file(fd);
  }
  ~StartEnvironment() {
    if (text_ != nullptr) core::unmap_own(text_, kMostBytes);
  }
  StartEnvironment(const StartEnvironment&) = delete;
  StartEnvironment& operator=(const StartEnvironment&) = delete;

  // nullptr where it is not set.
  const char* value_of(const char* name) const {
    const size_t name_length = strlen(name);
    for (const char* entry = text_; entry < text_ + length_; entry += strlen(entry) + 1) {
      if (strncmp(entry, name, name_length) == 0 && entry[name_length] == '=') return entry + name_length + 1;
    }
    return nullptr;
  }

 private:
  static constexpr size_t kMostBytes = size_t{1} << 20;

  void read_all(int fd) {
    while (length_ < kMostBytes) {
      const long got = core::read_file(fd, text_ + length_, kMostBytes - length_);
      if (got <= 0) break;
      length_ += static_cast<size_t>(got);
    }
    while (length_ > 0 && text_[length_ - 1] != '\0') --length_;  // an entry that is cut
  }

  char* text_;
  size_t length_ = 0;
};

// 0 where /proc does not tell.
uint64_t pid_namespace() {
  struct stat status {};
  const long result = core::system_call(SYS_stat, core::as_argument("/proc/self/ns/pid"), core::as_argument(&status));
  return core::failed(result) ? 0 : status.st_ino;
}

bool name_folder(const char* base) {
  core::TextBuffer path(folder_path);
  path.text(base).character('/').text(control::kFolderPrefix);
  path.signed_decimal(core::system_call(SYS_geteuid));
  return base[0] == '/' && !path.truncated();
}

bool name_file() {
  core::TextBuffer path(file_path);
  path.text(folder_path).character('/').signed_decimal(core::current_pid()).character('-').decimal(pid_namespace());
  path.text(control::kFileSuffix);
  return !path.truncated();
}

// ---- The folder ----

// Whether it is the user's own, and no other's to write in or to look into.
bool is_owners_folder(int fd) {
  struct stat status {};
  if (core::failed(core::system_call(SYS_fstat, fd, core::as_argument(&status)))) return false;
  return S_ISDIR(status.st_mode) && (status.st_mode & kOthersBits) == 0 &&
         status.st_uid == static_cast<uid_t>(core::system_call(SYS_geteuid));
}

// The descriptor of the folder at folder_path, made where it is not there yet; negative where it cannot be used.
int open_folder() {
  const bool is_new = system_call_at(SYS_mkdir, folder_path, kOwnersFolder) == 0;
  const int fd = core::open_file(folder_path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (fd < 0) return fd;
  if (is_new) core::system_call(SYS_fchmod, fd, kOwnersFolder);  // the umask may have taken something away
  if (is_owners_folder(fd)) return fd;
  core::close_file(fd);
  return -EPERM;
}

// ---- The file ----

int create_file(int folder, const char* name) {
  constexpr int kFlags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  const auto create = [&] {
    return static_cast<int>(core::system_call(SYS_openat, folder, core::as_argument(name), kFlags, kOwnerOnly));
  };
  const int fd = create();
  if (fd != -EEXIST) return fd;
  // Of what this process was before an exec, or of a dead one that had its number.
  core::system_call(SYS_unlinkat, folder, core::as_argument(name), 0);
  return create();
}

// All its memory is taken now: to write to a page that the file system has no room for would end the process.
bool has_memory(int fd) {
  constexpr long kBytes = sizeof(ControlPage);
  core::system_call(SYS_fchmod, fd, kOwnerOnly);
  return !core::failed(core::system_call(SYS_fallocate, fd, 0, 0, kBytes));
}

ControlPage* map_file(int fd) {
  const long result =
      core::system_call(SYS_mmap, 0, sizeof(ControlPage), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
  return core::failed(result) ? nullptr : reinterpret_cast<ControlPage*>(result);
}

ControlPage* make_in_folder(int folder) {
  const char* name = strrchr(file_path, '/') + 1;
  const int fd = create_file(folder, name);
  if (fd < 0) return nullptr;
  ControlPage* page = has_memory(fd) ? map_file(fd) : nullptr;
  core::close_file(fd);
  if (page == nullptr) core::system_call(SYS_unlinkat, folder, core::as_argument(name), 0);
  return page;
}

ControlPage* make_below(const char* base) {
  if (!name_folder(base) || !name_file()) return nullptr;
  constexpr int kAttempts = 2;  // another process may remove the empty folder in between
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const int folder = open_folder();
    if (folder < 0) return nullptr;
    ControlPage* page = make_in_folder(folder);
    core::close_file(folder);
    if (page != nullptr) return page;
  }
  return nullptr;
}

ControlPage* make_anywhere() {
  const StartEnvironment environment;
  for (const char* variable : control::kFolderVariables) {
    const char* base = environment.value_of(variable);
    ControlPage* page = base == nullptr ? nullptr : make_below(base);
    if (page != nullptr) return page;
  }
  return make_below(control::kLastFolder);
}

void write_head(ControlPage* page) {
  page->version = control::kVersion;
  page->page_bytes = sizeof(ControlPage);
  page->pid = core::current_pid();
  page->magic.store(control::kMagic, std::memory_order_release);
}

}  // namespace

ControlPage* make_control_file() {
  if (core::system_calls_restricted()) return nullptr;
  mapped_page = make_anywhere();
  if (mapped_page != nullptr) {
    write_head(mapped_page);
  } else {
    file_path[0] = '\0';
  }
  return mapped_page;
}

void remove_control_file() {
  if (file_path[0] == '\0' || core::system_calls_restricted()) return;
  system_call_at(SYS_unlink, file_path);
  system_call_at(SYS_rmdir, folder_path);
  file_path[0] = '\0';
}

void forget_control_file(bool unmap) {
  file_path[0] = '\0';
  if (unmap && mapped_page != nullptr && !core::system_calls_restricted()) {
    core::unmap(mapped_page, sizeof(ControlPage));
  }
  mapped_page = nullptr;
}

}  // namespace weir::runtime
