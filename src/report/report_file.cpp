#include "report/report_file.h"

#include <errno.h>
#include <linux/fs.h>
#include <sys/resource.h>

#include <cstring>

#include "core/clock.h"
#include "core/print.h"
#include "core/system_call.h"

namespace weir::report {
namespace {

constexpr int kFileMode = 0600;
constexpr int kFolderMode = 0777;
constexpr int kFirstSafeDescriptor = 3;
constexpr int kTemporaryAttempts = 100;
constexpr uint64_t kNameAttempts = 100'000;

// 0 or a positive errno.
int errno_of(long result) { return core::failed(result) ? static_cast<int>(-result) : 0; }

int rename_over(const char* from, const char* to) {
  return errno_of(core::system_call(SYS_rename, core::as_argument(from), core::as_argument(to)));
}

void remove_file(const char* path) { core::system_call(SYS_unlink, core::as_argument(path)); }

int make_folder(const char* path) {
  return errno_of(core::system_call(SYS_mkdir, core::as_argument(path), kFolderMode));
}

// The descriptor itself, or its duplicate outside the standard ones.
int above_standard(int fd) {
  if (fd < 0 || fd >= kFirstSafeDescriptor) return fd;
  const long duplicate = core::system_call(SYS_fcntl, fd, F_DUPFD_CLOEXEC, kFirstSafeDescriptor);
  core::close_file(fd);
  return static_cast<int>(duplicate);
}

}  // namespace

uint64_t ReportFile::size_limit() {
  struct rlimit limit {};
  const long result = core::system_call(SYS_prlimit64, 0, RLIMIT_FSIZE, 0, core::as_argument(&limit));
  return core::failed(result) ? UINT64_MAX : limit.rlim_cur;
}

int ReportFile::expand(const FileRequest& request, uint64_t counter) {
  core::TextBuffer path(path_, sizeof path_);
  if (request.replaced_path != nullptr) {
    path.text(request.replaced_path);
    return 0;
  }
  return expand_pattern(request.pattern, request.facts, counter, path) ? 0 : ENAMETOOLONG;
}

// Only what is missing is made: the last part first, its parents where that fails for want of them.
int ReportFile::create_folders() {
  char* const last_slash = strrchr(path_, '/');
  if (last_slash == nullptr || last_slash == path_) return 0;
  *last_slash = '\0';
  int error = make_folder(path_);
  if (error == ENOENT) {
    for (char* slash = strchr(path_ + 1, '/'); slash != nullptr; slash = strchr(slash + 1, '/')) {
      *slash = '\0';
      make_folder(path_);  // a parent that cannot be made shows at its child
      *slash = '/';
    }
    error = make_folder(path_);
  }
  *last_slash = '/';
  return error == EEXIST ? 0 : error;
}

int ReportFile::create_temporary() {
  const char* last_slash = strrchr(path_, '/');
  const size_t folder_length = last_slash == nullptr ? 0 : static_cast<size_t>(last_slash - path_) + 1;
  const uint64_t start = core::read_cycles();
  for (int attempt = 0; attempt < kTemporaryAttempts; ++attempt) {
    core::TextBuffer name(temporary_, sizeof temporary_);
    name.text(path_, folder_length).text(".weir.").decimal(static_cast<uint64_t>(core::current_pid()));
    name.character('.').hex(start + static_cast<uint64_t>(attempt)).text(".tmp");
    if (name.truncated()) return ENAMETOOLONG;
    const int fd = core::open_file(temporary_, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, kFileMode);
    if (fd == -EEXIST || fd == -EINTR) continue;
    fd_ = above_standard(fd);
    if (fd_ >= 0) return 0;
    if (fd >= 0) remove_file(temporary_);
    return -fd_;
  }
  return EEXIST;
}

int ReportFile::open(const FileRequest& request) {
  fd_ = -1;
  int error = expand(request, 0);
  if (error == 0) error = create_temporary();
  if (error != ENOENT) return error;
  error = create_folders();
  return error != 0 ? error : create_temporary();
}

// Where the file system knows no RENAME_NOREPLACE, a second link does the same.
int ReportFile::place_without_overwriting() {
  const long renamed = core::system_call(SYS_renameat2, AT_FDCWD, core::as_argument(temporary_), AT_FDCWD,
                                         core::as_argument(path_), RENAME_NOREPLACE);
  const int error = errno_of(renamed);
  if (error != EINVAL && error != ENOSYS && error != EOPNOTSUPP) return error;
  const long linked =
      core::system_call(SYS_linkat, AT_FDCWD, core::as_argument(temporary_), AT_FDCWD, core::as_argument(path_), 0);
  if (!core::failed(linked)) remove_file(temporary_);
  return errno_of(linked);
}

int ReportFile::commit(const FileRequest& request) {
  const int close_error = errno_of(core::system_call(SYS_close, fd_));  // a network file system may say only now: full
  fd_ = -1;
  const bool replaces = request.replaced_path != nullptr || (request.overwrite && !has_counter(request.pattern));
  int error = close_error == 0 ? EEXIST : close_error;
  for (uint64_t counter = 0; error == EEXIST && counter < kNameAttempts; ++counter) {
    error = expand(request, counter);
    if (error == 0) error = replaces ? rename_over(temporary_, path_) : place_without_overwriting();
  }
  if (error != 0) remove_file(temporary_);
  return error;
}

void ReportFile::discard() {
  core::close_file(fd_);
  fd_ = -1;
  remove_file(temporary_);
}

}  // namespace weir::report
