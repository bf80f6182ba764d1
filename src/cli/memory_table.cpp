#include "cli/memory_table.h"

#include <algorithm>

#include "cli/json_access.h"

namespace weir::cli {
namespace {

constexpr size_t kLabelWidth = 10;
constexpr size_t kColumnWidth = 12;

uint64_t difference(uint64_t larger, uint64_t smaller) { return larger > smaller ? larger - smaller : 0; }

MemoryRow host_row(const Json& host) {
  const Json& pool = child(host, "pool");
  const bool is_tracked = !host.contains("tracked") || is_true(host, "tracked");
  const uint64_t block_bytes =
      is_tracked ? figure(child(host, "totals"), "live_bytes") : figure(pool, "allocated_bytes");
  MemoryRow row;
  row.name = "host";
  row.total_bytes = figure(child(host, "process_memory"), "rss_bytes");
  row.live_bytes = block_bytes + figure(child(child(host, "mmap"), "totals"), "resident_bytes");
  row.cached_bytes = figure(pool, "cached_bytes");
  row.fragment_bytes = difference(figure(pool, "active_bytes"), block_bytes);
  row.other_bytes = difference(row.total_bytes, row.known_bytes());
  return row;
}

void take_pool(MemoryRow& row, const PoolFigures& pool) {
  row.live_bytes = std::max(row.live_bytes, pool.live_bytes);  // more where tracking is off
  row.cached_bytes = pool.cached_bytes;
  row.quarantine_bytes = pool.quarantined_bytes;
  row.fragment_bytes = difference(pool.allocated_bytes, pool.live_bytes);
}

// The driver was asked now and then, all else is of the end: what it had taken beside the program and the pool is carried over.
MemoryRow device_row(const CudaDevice& device) {
  MemoryRow row;
  row.name = "device " + device.index;
  row.live_bytes = device.live_bytes;
  take_pool(row, device.pool);
  row.other_bytes = difference(device.driver_and_context_bytes, row.fragment_bytes);
  row.total_bytes = row.known_bytes() + row.other_bytes;
  return row;
}

MemoryRow pinned_row(const CudaDigest& cuda) {
  MemoryRow row;
  PoolFigures pool;
  for (const CudaDevice& device : cuda.devices()) {
    pool.add(device.pinned_pool);
    for (const CudaKind& kind : device.kinds) {
      if (kind.name == "pinned") row.live_bytes += kind.live_bytes;
    }
  }
  row.name = "pinned";
  take_pool(row, pool);
  row.total_bytes = row.known_bytes();
  return row;
}

std::string right(const std::string& text) {
  return std::string(kColumnWidth > text.size() ? kColumnWidth - text.size() : 0, ' ') + text;
}

std::string amount(uint64_t bytes) { return right(bytes == 0 ? "-" : human_bytes(bytes)); }

void write_row(SummaryPage& page, const MemoryRow& row) {
  std::string label = row.name;
  label.resize(std::max(label.size(), kLabelWidth), ' ');
  page.line("  " + page.style().dim(label) + amount(row.total_bytes) + amount(row.live_bytes) +
            amount(row.cached_bytes) + amount(row.quarantine_bytes) + amount(row.fragment_bytes) +
            amount(row.other_bytes));
}

void write_head(SummaryPage& page) {
  std::string head(2 + kLabelWidth, ' ');
  for (const char* column : {"in use", "live", "cached", "quarantine", "fragments", "other"}) head += right(column);
  page.line(page.style().dim(head));
}

void write_legend(SummaryPage& page, const Json& host) {
  page.line(
      page.style().dim("  live: the program's; cached: idle in a pool; fragments: what pages and rounding leave over"));
  page.line(
      page.style().dim("  other: contexts, driver, other processes; on the host code, stacks and Weir's records (" +
                       human_bytes(figure(host, "metadata_bytes")) + ")"));
}

}  // namespace

std::vector<MemoryRow> memory_rows(const Json& host, const CudaDigest& cuda) {
  std::vector<MemoryRow> rows = {host_row(host)};
  for (const CudaDevice& device : cuda.devices()) {
    const MemoryRow row = device_row(device);
    if (!device.index.empty() && row.total_bytes > 0) rows.push_back(row);
  }
  const MemoryRow pinned = pinned_row(cuda);
  if (pinned.total_bytes > 0) rows.push_back(pinned);
  return rows;
}

void write_memory_table(SummaryPage& page, const Json& host, const CudaDigest& cuda) {
  const std::vector<MemoryRow> rows = memory_rows(host, cuda);
  if (rows.size() == 1) return;  // the host's figures stand above
  page.heading("Where the memory was at exit");
  write_head(page);
  for (const MemoryRow& row : rows) write_row(page, row);
  write_legend(page, host);
}

}  // namespace weir::cli
