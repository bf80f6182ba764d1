#include "leak/thread_stop.h"

#include <fcntl.h>
#include <stdlib.h>

#include "core/system_call.h"

namespace weir::leak {

StoppedThreads::StoppedThreads(const core::Inside&, uint64_t) {
  struct [[gnu::packed]] Entry {
    uint64_t inode;
    int64_t offset;
    uint16_t length;
    uint8_t type;
    char name[1];
  };
  const int fd = core::open_file("/proc/self/task", O_RDONLY | O_DIRECTORY);
  if (fd < 0) return;
  char buffer[4096];
  const int self = core::current_tid();
  for (long count; (count = core::system_call(SYS_getdents64, fd, core::as_argument(buffer), sizeof buffer)) > 0;) {
    for (long at = 0; at < count;) {
      const auto* entry = reinterpret_cast<const Entry*>(buffer + at);
      int tid = 0;
      for (const char* digit = entry->name; *digit >= '0' && *digit <= '9'; ++digit) tid = tid * 10 + (*digit - '0');
      if (tid != 0 && tid != self) threads_.push({tid, false, 0, 0, {}, nullptr, 0});
      at += entry->length;
    }
  }
  core::close_file(fd);
}
StoppedThreads::~StoppedThreads() = default;

}  // namespace weir::leak
