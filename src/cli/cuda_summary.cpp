#include "cli/cuda_summary.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "cli/capped_sum.h"

namespace weir::cli {
namespace {

constexpr uint64_t kManyCopies = 100;
constexpr uint64_t kLargePageableBytes = uint64_t{16} << 20;
constexpr size_t kHoldersInBrief = 3;

// What the report counts beside memory itself: addresses, handles, and views of memory that another kind has.
constexpr std::string_view kNoMemory[] = {"mapping",   "reservation", "view",   "graph_node",
                                          "multicast", "pool",        "module", "variable"};

bool is_memory(const CudaKind& kind) {
  return std::find(std::begin(kNoMemory), std::end(kNoMemory), kind.name) == std::end(kNoMemory);
}

struct Direction {
  std::string_view key;
  const char* label;
  const char* words;
  const char* noun;
};
constexpr Direction kDirections[] = {{"host_to_device", "to device", "from host to device", "copy"},
                                     {"device_to_host", "to host", "from device to host", "copy"},
                                     {"device_to_device", "on device", "on the device", "copy"},
                                     {"peer", "peer", "between devices", "copy"},
                                     {"host_to_host", "on host", "on the host", "copy"},
                                     {"fill", "fills", "", "fill"}};

const Direction& direction_of(const CudaTransfers& transfers) {
  for (const Direction& direction : kDirections) {
    if (direction.key == transfers.direction) return direction;
  }
  static constexpr Direction kOther{"", "other", "", "copy"};
  return kOther;
}

bool is_used(const CudaKind& kind) { return is_memory(kind) && (kind.peak_bytes > 0 || kind.failed_count > 0); }

std::string live_text(const CudaKind& kind) {
  if (kind.live_count == 0) return "nothing live";
  return human_bytes(kind.live_bytes) + " live in " + plural(kind.live_count, "block") +
         taking_text(kind.live_bytes, kind.live_taken_bytes);
}

void write_kind(SummaryPage& page, const CudaKind& kind) {
  const std::string failed = kind.failed_count > 0 ? ", " + human_count(kind.failed_count) + " failed" : "";
  page.row(kind.name, live_text(kind) + ", peak " + human_bytes(kind.peak_bytes) + ", " +
                          plural(kind.alloc_count, "allocation") + page.style().yellow(failed));
}

bool says_anything(const CudaDevice& device) {
  return device.peak_bytes > 0 || device.total_bytes > 0 ||
         std::any_of(device.kinds.begin(), device.kinds.end(), is_used);
}

// What the driver says was used is asked now and then: it may be older than what Weir knows at exit.
void write_driver(SummaryPage& page, const CudaDevice& device, bool is_single) {
  page.row("driver", (is_single ? "" : "at most ") + human_bytes(device.used_bytes) + " of " +
                         human_bytes(device.total_bytes) + " used" +
                         (is_single ? " after " + human_duration(device.driver_ns) : "") + ", " +
                         human_bytes(device.driver_and_context_bytes) + " of it by driver and context");
}

void write_device(SummaryPage& page, const CudaDevice& device, bool is_single, Moment moment) {
  if (!says_anything(device)) return;
  const std::string title = device.index.empty() ? "CUDA memory of no device" : "CUDA device " + device.index;
  page.heading(title + (device.name.empty() ? "" : ", " + device.name) +
               (is_single ? "" : ", " + plural(device.report_count, "process")));
  if (!device.index.empty()) {
    page.row("peak", human_bytes(device.peak_bytes) + " live" +
                         (is_single ? ", after " + human_duration(device.peak_ns) : " in the largest process"));
    page.row(moment_label(moment), human_bytes(device.live_bytes) + " live");
  }
  if (device.total_bytes > 0) write_driver(page, device, is_single);
  for (const CudaKind& kind : device.kinds) {
    if (is_used(kind)) write_kind(page, kind);
  }
}

struct TransferTotals {
  uint64_t count = 0, bytes = 0, small_count = 0;
  uint64_t synchronous_bytes = 0, synchronous_ns = 0;
};

TransferTotals totals_of(const CudaDigest& cuda, const Direction& direction) {
  TransferTotals totals;
  for (const CudaTransfers& transfers : cuda.transfers()) {
    if (transfers.direction != direction.key) continue;
    totals.count += transfers.count;
    totals.bytes += transfers.bytes;
    totals.small_count += transfers.small_count;
    if (!transfers.is_synchronous) continue;
    totals.synchronous_bytes += transfers.bytes;
    totals.synchronous_ns += transfers.ns;
  }
  return totals;
}

std::string small_text(uint64_t small_count) {
  return small_count > 0 ? ", " + human_count(small_count) + " of up to 64 KiB" : "";
}

// "; 3.0 MiB of it synchronous, at 1.25 GB/s"
std::string speed_text(const TransferTotals& totals) {
  if (totals.synchronous_ns == 0) return "";
  const std::string part =
      totals.synchronous_bytes < totals.bytes ? human_bytes(totals.synchronous_bytes) + " of it " : "";
  return "; " + part + "synchronous, at " + human_rate(totals.synchronous_bytes, totals.synchronous_ns);
}

std::string speed_of(const CudaTransfers& transfers) {
  return transfers.is_synchronous && transfers.ns > 0 ? ", at " + human_rate(transfers.bytes, transfers.ns) : "";
}

using Places = std::vector<const CudaTransfers*>;

template <class Wanted, class Before>
Places select(const CudaDigest& cuda, const Wanted& wanted, const Before& before) {
  Places places;
  for (const CudaTransfers& transfers : cuda.transfers()) {
    if (wanted(transfers)) places.push_back(&transfers);
  }
  std::stable_sort(places.begin(), places.end(), before);
  return places;
}

void write_places(SummaryPage& page, const std::string& title, const Places& places) {
  if (places.empty()) return;
  page.heading(title);
  for (size_t i = 0; i < places.size() && i < page.options().top; ++i) {
    const CudaTransfers& transfers = *places[i];
    page.line("  " +
              page.style().cyan(plural(transfers.count, "copy") + " " + direction_of(transfers).words + ", " +
                                human_bytes(transfers.bytes) + " in all") +
              small_text(transfers.small_count) + speed_of(transfers) + "  (" + transfers.call +
              (transfers.host_memory == "none" ? "" : ", " + transfers.host_memory + " memory") + ")");
    page.stack(transfers.stack);
  }
  page.rest(places.size());
}

void write_holders(SummaryPage& page, const OutOfMemory& event) {
  if (event.holders.empty()) return;
  const size_t most = page.options().brief ? kHoldersInBrief : page.options().top;
  page.line("    held at that moment");
  for (size_t i = 0; i < event.holders.size() && i < most; ++i) {
    const Site& holder = event.holders[i];
    page.line("      " + page.style().cyan(human_bytes(holder.bytes) + " in " + plural(holder.count, "block")) + "  (" +
              memory_text(holder.memory, "", "") + ")");
    page.stack(holder.stack, 10);
  }
  if (event.holders.size() > most)
    page.line(page.style().dim("      and " + plural(event.holders.size() - most, "more place")));
}

void write_event(SummaryPage& page, const OutOfMemory& event) {
  const Site& request = event.request;
  const std::string bytes = request.bytes > 0 ? human_bytes(request.bytes) : "unknown size";
  page.line("  " + page.style().red(request.call + " of " + bytes + " failed") + " after " + human_duration(event.ns) +
            ", with " + human_bytes(event.live_bytes) + " live in " + plural(event.live_count, "block") + "  (" +
            memory_text(request.memory, request.device, "") + ")");
  page.stack(request.stack);
  write_holders(page, event);
}

void write_left_out(SummaryPage& page, uint64_t count) {
  if (count > 0) page.line(page.style().dim("  and " + human_count(count) + " more that the report does not list"));
}

}  // namespace

void write_cuda_devices(SummaryPage& page, const CudaDigest& cuda, bool is_single, Moment moment) {
  for (const CudaDevice& device : cuda.devices()) write_device(page, device, is_single, moment);
  if (cuda.was_not_tracked()) {
    page.heading("CUDA memory");
    page.row("allocated", "not tracked: WEIR_CUDA or WEIR_TRACK leaves it out");
  }
}

void write_transfer_totals(SummaryPage& page, const CudaDigest& cuda) {
  if (cuda.transfers().empty()) return;
  page.heading("CUDA copies and fills");
  for (const Direction& direction : kDirections) {
    const TransferTotals totals = totals_of(cuda, direction);
    if (totals.count == 0) continue;
    page.row(direction.label, human_bytes(totals.bytes) + " in " + plural(totals.count, direction.noun) +
                                  small_text(totals.small_count) + speed_text(totals));
  }
}

void write_out_of_memory(SummaryPage& page, const CudaDigest& cuda) {
  const std::vector<OutOfMemory>& events = cuda.out_of_memory();
  if (events.empty()) return;
  page.heading(page.style().red("Out of memory: " + human_count(events.size() + cuda.out_of_memory_left_out())));
  for (size_t i = 0; i < events.size() && i < page.options().top; ++i) write_event(page, events[i]);
  page.rest(events.size());
  write_left_out(page, cuda.out_of_memory_left_out());
}

void write_freed_with_context(SummaryPage& page, const SiteTable& table) {
  std::vector<uint32_t> sites = table.all();
  uint64_t bytes = 0, count = 0;
  for (const uint32_t site : sites) {
    bytes = capped_sum(bytes, table.bytes(site));
    count = capped_sum(count, table.count(site));
  }
  if (sites.empty()) return;
  table.sort_by_bytes(sites);
  page.heading("Freed with its context: " + human_bytes(bytes) + " in " + plural(count, "allocation"));
  if (page.options().brief) return;
  for (size_t i = 0; i < sites.size() && i < page.options().top; ++i) {
    const Site site = table.site(sites[i]);
    page.line("  " + page.style().cyan(human_bytes(site.bytes) + " in " + plural(site.count, "allocation")) + "  (" +
              memory_text(site.memory, site.device, "") + ")");
    page.stack(site.stack);
  }
  page.rest(sites.size());
}

void write_transfer_hints(SummaryPage& page, const CudaDigest& cuda) {
  write_places(page, "Many small copies, which could be fewer and larger",
               select(
                   cuda,
                   [](const CudaTransfers& transfers) {
                     return transfers.direction != "fill" && transfers.count >= kManyCopies &&
                            transfers.small_count > transfers.count / 2;
                   },
                   [](const auto* a, const auto* b) { return a->small_count > b->small_count; }));
  write_places(page, "Large copies of pageable memory, which pinned memory would make faster",
               select(
                   cuda,
                   [](const CudaTransfers& transfers) {
                     return transfers.host_memory == "pageable" && transfers.bytes >= kLargePageableBytes;
                   },
                   [](const auto* a, const auto* b) { return a->bytes > b->bytes; }));
}

}  // namespace weir::cli
