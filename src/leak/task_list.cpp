#include "leak/task_list.h"

#include <sys/stat.h>

#include "core/system_call.h"

namespace weir::leak {
namespace {

constexpr char kTasks[] = "/proc/self/task";

// As the kernel lays it out; the name follows, 0-terminated.
struct Entry {
  uint64_t inode;
  int64_t offset;
  uint16_t bytes;
  uint8_t type;
  char name[1];
};

// 0 for "." and "..".
int number_of(const char* name) {
  int number = 0;
  for (; *name >= '0' && *name <= '9'; ++name) number = number * 10 + (*name - '0');
  return *name == '\0' ? number : 0;
}

void visit_entries(const char* buffer, size_t bytes, void (*visit)(void*, int), void* context) {
  for (size_t at = 0; at < bytes;) {
    const auto* entry = reinterpret_cast<const Entry*>(buffer + at);
    const int task = number_of(entry->name);
    if (task != 0) visit(context, task);
    at += entry->bytes;
  }
}

}  // namespace

size_t thread_count() {
  // A folder's own two links, and one for each thread.
  constexpr size_t kOwnLinks = 2;
  struct stat status {};
  const long result =
      core::system_call(SYS_newfstatat, AT_FDCWD, core::as_argument(kTasks), core::as_argument(&status));
  return core::failed(result) || status.st_nlink <= kOwnLinks ? 0 : status.st_nlink - kOwnLinks;
}

bool for_each_task(void (*visit)(void* context, int task), void* context) {
  const int fd = core::open_file(kTasks, O_RDONLY | O_DIRECTORY);
  if (fd < 0) return false;
  alignas(Entry) char buffer[8192];
  long got = 0;
  while ((got = core::system_call(SYS_getdents64, fd, core::as_argument(buffer), sizeof buffer)) > 0) {
    visit_entries(buffer, static_cast<size_t>(got), visit, context);
  }
  core::close_file(fd);
  return got == 0;
}

}  // namespace weir::leak
