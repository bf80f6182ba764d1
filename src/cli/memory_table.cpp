#include "cli/memory_table.h"

#include <algorithm>

#include "cli/json_access.h"

namespace weir::cli {
namespace {

constexpr size_t kLabelWidth = 10;
constexpr size_t kColumnWidth = 12;
constexpr const char* kMemoriesOnDevice[] = {"device", "async", "graph", "vmm", "array"};

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

bool is_on_device(const std::string& memory) {
  return std::find(std::begin(kMemoriesOnDevice), std::end(kMemoriesOnDevice), memory) != std::end(kMemoriesOnDevice);
}

// What a framework's cache holds is live to Weir: how much of it is idle, only the framework knows.
void tell_framework_caches(std::vector<MemoryRow>& rows, const FrameworkCacheSums& caches) {
  for (MemoryRow& row : rows) {
    row.framework_bytes = std::min(caches.bytes(row.name), row.live_bytes);
    row.live_bytes -= row.framework_bytes;
  }
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

// A column that few programs need is there for those alone.
void write_row(SummaryPage& page, const MemoryRow& row, bool has_framework) {
  std::string label = row.name;
  label.resize(std::max(label.size(), kLabelWidth), ' ');
  page.line("  " + page.style().dim(label) + amount(row.total_bytes) + amount(row.live_bytes) +
            (has_framework ? amount(row.framework_bytes) : "") + amount(row.cached_bytes) +
            amount(row.quarantine_bytes) + amount(row.fragment_bytes) + amount(row.other_bytes));
}

void write_head(SummaryPage& page, bool has_framework) {
  std::string head(2 + kLabelWidth, ' ');
  head += right("in use") + right("live");
  if (has_framework) head += right("framework");
  for (const char* column : {"cached", "quarantine", "fragments", "other"}) head += right(column);
  page.line(page.style().dim(head));
}

void write_legend(SummaryPage& page, const Json& host, bool has_framework) {
  page.line(
      page.style().dim("  live: the program's; cached: idle in a pool; fragments: what pages and rounding leave over"));
  if (has_framework)
    page.line(page.style().dim("  framework: in a framework's own cache, where it alone knows what is idle"));
  page.line(
      page.style().dim("  other: contexts, driver, other processes; on the host code, stacks and Weir's records (" +
                       human_bytes(figure(host, "metadata_bytes")) + ")"));
}

}  // namespace

void FrameworkCacheSums::add(const std::string& memory, const std::string& device, uint64_t bytes) {
  const bool is_of_host = memory == "host" || memory == "mmap";
  bytes_[is_of_host ? "host" : is_on_device(memory) ? "device " + device : memory] += bytes;
}

uint64_t FrameworkCacheSums::bytes(const std::string& row) const {
  const auto found = bytes_.find(row);
  return found == bytes_.end() ? 0 : found->second;
}

std::vector<MemoryRow> memory_rows(const Json& host, const CudaDigest& cuda, const FrameworkCacheSums& caches) {
  std::vector<MemoryRow> rows = {host_row(host)};
  for (const CudaDevice& device : cuda.devices()) {
    const MemoryRow row = device_row(device);
    if (!device.index.empty() && row.total_bytes > 0) rows.push_back(row);
  }
  const MemoryRow pinned = pinned_row(cuda);
  if (pinned.total_bytes > 0) rows.push_back(pinned);
  tell_framework_caches(rows, caches);
  return rows;
}

void write_memory_table(SummaryPage& page, const Json& host, const CudaDigest& cuda, const FrameworkCacheSums& caches,
                        Moment moment) {
  const std::vector<MemoryRow> rows = memory_rows(host, cuda, caches);
  if (rows.size() == 1) return;  // the host's figures stand above
  const bool has_framework =
      std::any_of(rows.begin(), rows.end(), [](const MemoryRow& row) { return row.framework_bytes > 0; });
  page.heading(std::string("Where the memory was ") + moment_text(moment));
  write_head(page, has_framework);
  for (const MemoryRow& row : rows) write_row(page, row, has_framework);
  write_legend(page, host, has_framework);
}

}  // namespace weir::cli
