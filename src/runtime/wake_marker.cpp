#include "runtime/wake_marker.h"

#include <errno.h>
#include <link.h>
#include <sys/file.h>
#include <sys/mman.h>

#include <atomic>

#include "control/wake_marker.h"
#include "core/elf_image.h"
#include "core/large_table.h"
#include "core/print.h"
#include "core/system_call.h"
#include "leak/futex.h"
#include "runtime/process.h"

namespace weir::runtime {
namespace {

using control::kMarkerPageBytes;
using control::kMostMarkerPages;

WEIR_LARGE_TABLE alignas(kMarkerPageBytes) char marker[kMostMarkerPages * kMarkerPageBytes];
std::atomic<int> shown{0};
WEIR_LARGE_TABLE char library_path[kMaxPathBytes];  // "" where it is not known

void protect(size_t pages, long rights) {
  core::system_call(SYS_mprotect, core::as_argument(marker), static_cast<long>(pages * kMarkerPageBytes), rights);
}

}  // namespace

void show_waking_signal(int signal) {
  if (shown.exchange(signal, std::memory_order_acq_rel) != 0) protect(kMostMarkerPages, PROT_READ | PROT_WRITE);
  if (signal != 0) protect(control::marker_pages(signal), PROT_WRITE);
}

bool shows_waking_signal() { return shown.load(std::memory_order_acquire) != 0; }

void find_library_file() {
  const link_map* own = core::module_at(reinterpret_cast<const void*>(&find_library_file));
  if (own == nullptr || own->l_name == nullptr) return;
  core::TextBuffer path(library_path, sizeof library_path);
  if (own->l_name[0] != '/') path.text(facts().start_folder).character('/');
  path.text(own->l_name);
  if (path.truncated()) library_path[0] = '\0';
}

void wait_for_wakers() {
  constexpr uint64_t kMostNs = 50'000'000, kLookNs = 200'000;
  const int fd = library_path[0] == '\0' ? -1 : core::open_file(library_path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  for (leak::Patience patience(kMostNs); !patience.is_over(); leak::sleep_ns(kLookNs)) {
    if (core::system_call(SYS_flock, fd, LOCK_SH | LOCK_NB) != -EWOULDBLOCK) break;
  }
  core::close_file(fd);
}

}  // namespace weir::runtime
