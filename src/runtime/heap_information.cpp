#include "runtime/heap_information.h"

#include <errno.h>

#include "core/guard.h"
#include "core/print.h"
#include "core/system_call.h"
#include "pool/host_pool.h"
#include "pool/pool_memory.h"
#include "pool/pool_statistics.h"
#include "runtime/process.h"
#include "track/totals.h"

namespace weir::runtime {
namespace {

constexpr size_t kTextBytes = 1024;

struct HeapFigures {
  pool::PoolStatistics pool;
  track::HostTotals totals;
};

HeapFigures read_figures() {
  core::Guard guard;
  return {pool::read_pool_statistics(), track::read_totals()};
}

}  // namespace

struct mallinfo2 heap_information() {
  const HeapFigures figures = read_figures();
  struct mallinfo2 answer {};
  answer.arena = figures.pool.capacity_bytes;
  answer.ordblks = figures.totals.all.live_count();
  answer.uordblks = figures.pool.enabled ? figures.pool.allocated_bytes : figures.totals.all.live_bytes();
  answer.fordblks = figures.pool.inactive_bytes + figures.pool.cached_bytes;
  answer.keepcost = figures.pool.cached_bytes;
  return answer;
}

int write_heap_information(int options, FILE* stream) {
  if (options != 0) return EINVAL;
  const HeapFigures figures = read_figures();
  char storage[kTextBytes];
  core::TextBuffer text(storage);
  text.text("<malloc version=\"1\">\n<heap nr=\"0\">\n</heap>\n<system type=\"current\" size=\"");
  text.decimal(figures.pool.capacity_bytes).text("\"/>\n<system type=\"max\" size=\"");
  text.decimal(figures.pool.reserved_peak_bytes).text("\"/>\n<aspace type=\"total\" size=\"");
  text.decimal(figures.pool.reserved_bytes).text("\"/>\n</malloc>\n");
  return fputs(text.c_str(), stream) < 0 ? -1 : 0;
}

void print_heap_statistics() {
  const HeapFigures figures = read_figures();
  char storage[kTextBytes];
  core::TextBuffer text(storage);
  text.text("Arena 0:\nsystem bytes     = ").decimal(figures.pool.capacity_bytes);
  text.text("\nin use bytes     = ").decimal(figures.totals.all.live_bytes());
  text.text("\nTotal (incl. mmap):\nsystem bytes     = ").decimal(figures.pool.reserved_bytes);
  text.text("\nin use bytes     = ").decimal(figures.totals.all.live_bytes()).character('\n');
  core::write_file(2, text.c_str(), text.length());
}

bool trim_heap() {
  if (!ensure_started()) return false;
  core::Guard guard;
  if (!guard.entered()) return false;
  const uint64_t before = pool::memory_counters().purge_count;
  pool::trim_pool(guard.token());
  return pool::memory_counters().purge_count > before;
}

}  // namespace weir::runtime
