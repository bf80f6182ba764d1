#include "cli/summary.h"

#include <algorithm>
#include <map>

#include "cli/cuda_summary.h"
#include "cli/digest.h"
#include "cli/heap_error_summary.h"
#include "cli/json_access.h"
#include "cli/leak_summary.h"
#include "cli/memory_table.h"
#include "cli/pool_summary.h"
#include "cli/process_text.h"
#include "cli/stack_text.h"
#include "cli/summary_page.h"

namespace weir::cli {
namespace {

constexpr size_t kRankWidth = 6, kBytesWidth = 11;

class Writer {
 public:
  Writer(const Digest& digest, const SummaryOptions& options)
      : digest_(digest),
        is_single_(digest.reports().size() == 1),
        moment_(digest.moment()),
        options_(options),
        page_(options),
        style_(page_.style()) {}

  std::string write() {
    is_single_ ? write_process(digest_.first_report()) : write_process_table();
    if (options_.larger_than == 0) write_heap_errors(page_, digest_.heap_errors());
    is_single_ ? write_host_of(digest_.first_report()) : write_sums(digest_.reports());
    write_sampling();
    write_cuda_devices(page_, digest_.cuda(), is_single_, moment_);
    if (options_.larger_than > 0) {
      write_large_blocks();
      return page_.text();
    }
    if (is_single_)
      write_memory_table(page_, digest_.first_report()["host"], digest_.cuda(), framework_caches(), moment_);
    write_pools(page_, digest_.cuda());
    write_transfer_totals(page_, digest_.cuda());
    write_out_of_memory(page_, digest_.cuda());
    write_leaks(page_, digest_);
    write_freed_with_context(page_, digest_.freed_with_context());
    if (!options_.brief) {
      write_peak();
      write_hot_sites();
      write_large_blocks();
    }
    write_transfer_hints(page_, digest_.cuda());
    write_pool_hints(page_, digest_.cuda());
    write_warnings();
    return page_.text();
  }

 private:
  FrameworkCacheSums framework_caches() const {
    FrameworkCacheSums sums;
    const SiteTable& leaks = digest_.leaks();
    for (uint32_t site = 0; site < leaks.size(); ++site) {
      const Site& head = leaks.head(site);
      if (!head.framework_cache.empty()) sums.add(head.memory, head.device, leaks.bytes(site));
    }
    return sums;
  }

  void line(const std::string& text) { page_.line(text); }
  void heading(const std::string& text) { page_.heading(text); }
  void row(const char* label, const std::string& text) { page_.row(label, text); }

  void write_process(const Json& report) {
    const Json& process = report["process"];
    line(style_.bold(program_of(report)) + "  pid " + std::to_string(figure(process, "pid")) + ", " + end_of(process) +
         " after " + human_duration(figure(process, "duration_ns")));
    const std::string command = command_of(process);
    if (!command.empty()) line(style_.dim("  " + (command.size() > 298 ? command.substr(0, 295) + "..." : command)));
  }

  void write_host_of(const Json& report) {
    heading("Host memory");
    write_host(report["host"], figure(child(child(report, "timeline"), "peak"), "ns"));
  }

  void write_host(const Json& host, uint64_t peak_ns) {
    const Json& totals = child(host, "totals");
    if (host.contains("tracked") && !is_true(host, "tracked")) {
      row("allocated", "not tracked: WEIR_TRACK leaves it out");
    } else {
      write_blocks(totals, peak_ns);
    }
    write_pool(child(host, "pool"));
    const Json& mappings = child(child(host, "mmap"), "totals");
    if (figure(mappings, "map_count") > 0) {
      row("mappings", human_bytes(figure(mappings, "mapped_bytes")) + " mapped in " +
                          plural(figure(mappings, "map_count"), "call") + ", peak " +
                          human_bytes(figure(mappings, "peak_bytes")) + ", " + moment_text(moment_) + " " +
                          human_bytes(figure(mappings, "live_bytes")));
    }
    const Json& memory = child(host, "process_memory");
    if (!memory.empty()) {
      row("resident",
          human_bytes(figure(memory, "rss_bytes")) + ", peak " + human_bytes(figure(memory, "peak_rss_bytes")));
    }
    write_oddities(totals);
  }

  void write_blocks(const Json& totals, uint64_t peak_ns) {
    const uint64_t allocations = figure(totals, "alloc_count"), temporary = figure(totals, "temporary_count");
    row("allocated",
        human_bytes(figure(totals, "alloc_bytes")) + " in " + plural(allocations, "allocation") + ", " +
            human_count(temporary) + " of them temporary" +
            (allocations > 0
                 ? " (" + human_percent(static_cast<double>(temporary) / static_cast<double>(allocations)) + ")"
                 : ""));
    row("peak", human_bytes(figure(totals, "peak_bytes")) + " live, after " + human_duration(peak_ns));
    row(moment_label(moment_),
        human_bytes(figure(totals, "live_bytes")) + " live in " + plural(figure(totals, "live_count"), "block"));
    if (figure(totals, "inherited_count") > 0) {
      row("inherited", human_bytes(figure(totals, "inherited_bytes")) + " of these from the parent process");
    }
  }

  void write_pool(const Json& pool) {
    if (pool.empty()) return;
    if (!is_true(pool, "enabled")) {
      row("pool", "off: the program's own malloc served");
      return;
    }
    row("pool", human_bytes(figure(pool, "reserved_bytes")) + " reserved, " +
                    human_bytes(figure(pool, "capacity_bytes")) + " committed, " +
                    human_bytes(figure(pool, "active_bytes")) + " active, " +
                    human_bytes(figure(pool, "cached_bytes")) + " cached; fragmentation " +
                    human_percent(ratio(pool, "fragmentation_ratio")));
  }

  // Figures that are 0 in a sane program.
  void write_oddities(const Json& totals) {
    static constexpr struct {
      const char* key;
      const char* noun;
    } kOddities[] = {{"failed_count", "failed allocation"},
                     {"double_free_count", "double free"},
                     {"interior_free_count", "free of an address inside a block"},
                     {"untracked_count", "untracked block"}};
    for (const auto& oddity : kOddities) {
      const uint64_t count = figure(totals, oddity.key);
      if (count > 0) row("", style_.yellow(plural(count, oddity.noun)));
    }
  }

  void write_process_table() {
    const size_t processes = digest_.process_count();
    std::vector<ProcessFigures> reports = digest_.reports();
    line(style_.bold(plural(processes, "process")) +
         (processes < reports.size() ? " that ran " + plural(reports.size(), "program") : ""));
    const bool has_ranks =
        std::any_of(reports.begin(), reports.end(), [](const auto& report) { return !report.rank.empty(); });
    const size_t rank_width = has_ranks ? kRankWidth : 0;
    const bool have_ended = moment_ == Moment::exit;
    line(style_.dim(right(has_ranks ? "rank" : "", rank_width) + "      pid  allocations       peak" +
                    right(have_ended ? moment_label(moment_) : "live", kBytesWidth) + "  program"));
    std::stable_sort(reports.begin(), reports.end(),
                     [](const auto& a, const auto& b) { return a.peak_bytes > b.peak_bytes; });
    for (size_t i = 0; i < reports.size() && i < options_.top; ++i) write_process_row(reports[i], rank_width);
    if (reports.size() > options_.top)
      line(style_.dim("  and " + human_count(reports.size() - options_.top) + " more"));
  }

  static std::string right(const std::string& text, size_t width) {
    return std::string(width > text.size() ? width - text.size() : 0, ' ') + text;
  }
  void write_process_row(const ProcessFigures& report, size_t rank_width) {
    line(right(rank_width == 0 ? "" : report.rank, rank_width) + right(std::to_string(report.pid), 9) +
         right(human_count(report.alloc_count), 13) + right(human_bytes(report.peak_bytes), kBytesWidth) +
         right(human_bytes(report.live_bytes), kBytesWidth) + "  " + report.program +
         (report.moment == Moment::snapshot ? style_.dim("  still running") : ""));
  }
  void write_sums(const std::vector<ProcessFigures>& reports) {
    ProcessFigures sum;
    for (const ProcessFigures& report : reports) {
      sum.alloc_count += report.alloc_count;
      sum.alloc_bytes += report.alloc_bytes;
      sum.live_bytes += report.live_bytes;
      sum.temporary_count += report.temporary_count;
      sum.peak_bytes = std::max(sum.peak_bytes, report.peak_bytes);
    }
    heading("Host memory, all processes");
    row("allocated", human_bytes(sum.alloc_bytes) + " in " + plural(sum.alloc_count, "allocation") + ", " +
                         human_count(sum.temporary_count) + " of them temporary");
    row("peak", human_bytes(sum.peak_bytes) + " live in the largest process");
    row(moment_label(moment_), human_bytes(sum.live_bytes) + " live");
  }

  bool is_estimated() const { return digest_.sampling().mean_bytes > 0; }

  void write_sampling() {
    if (!is_estimated()) return;
    const SamplingFigures& sampling = digest_.sampling();
    row("sampling", "estimated from " + plural(sampling.sample_count, "sample") + " (one per " +
                        human_bytes(sampling.mean_bytes) + " on average)");
  }

  void write_peak() {
    std::vector<uint32_t> sites = digest_.peak().all();
    if (sites.empty()) return;
    digest_.peak().sort_by_bytes(sites);
    heading(is_single_ ? "Held when live memory was highest" : "Held when each process's live memory was highest");
    page_.sites(digest_.peak(), sites, !is_single_,
                [](const Site& site) { return human_bytes(site.bytes) + " in " + plural(site.count, "block"); });
    if (is_single_) write_peak_left_out(child(digest_.first_report()["host"], "peak_left_out"));
  }

  void write_peak_left_out(const Json& rest) {
    const uint64_t stacks = figure(rest, "stack_count");
    if (stacks == 0) return;
    line(style_.dim("  The report does not list " + plural(stacks, "more stack") + " that held " +
                    human_bytes(figure(rest, "bytes")) + " in " + plural(figure(rest, "count"), "block")));
  }

  void write_hot_sites() {
    const SiteTable& table = digest_.hot_sites();
    std::vector<uint32_t> sites = table.all();
    std::erase_if(sites, [&](uint32_t site) { return table.temporary_count(site) == 0; });
    if (sites.empty()) return;
    std::stable_sort(sites.begin(), sites.end(),
                     [&](uint32_t a, uint32_t b) { return table.temporary_count(a) > table.temporary_count(b); });
    heading("Most temporary allocations (freed before the thread's next allocation)");
    page_.sites(table, sites, !is_single_, [](const Site& site) {
      return human_count(site.temporary_count) + " of " + plural(site.count, "allocation") + ", " +
             human_bytes(site.bytes);
    });
  }

  void write_large_blocks() {
    const uint64_t least = options_.larger_than;
    const std::vector<LargeBlock>& blocks = digest_.large_blocks();
    const uint64_t count = digest_.large_block_count();
    if (blocks.empty() && least == 0) return;
    const std::string state = std::string("still allocated ") + moment_text(moment_);
    heading(least > 0 ? "Blocks of at least " + human_bytes(least) + ", " + state + ": " + human_count(count)
                      : "Large blocks, " + state);
    for (size_t i = 0; i < blocks.size() && i < options_.top; ++i) {
      const LargeBlock& block = blocks[i];
      line("  " + style_.cyan(human_bytes(block.bytes)) + " at " + block.address + " (" +
           memory_text(block.memory, block.device, "") +
           (block.family.empty() || block.family == block.memory ? "" : ", " + block.family) + "), allocated after " +
           human_duration(block.ns));
      page_.stack(block.stack);
    }
    page_.rest(count);
    for (const std::string& limit : digest_.listing_limits()) line(style_.dim("  " + limit));
  }

  void write_warnings() {
    if (digest_.notes().empty()) return;
    heading("Notes");
    for (const auto& [text, count] : digest_.notes()) {
      line("  " + style_.yellow(text) + (count > 1 ? style_.dim(" (" + plural(count, "process") + ")") : ""));
    }
  }

  const Digest& digest_;
  const bool is_single_;
  const Moment moment_;
  const SummaryOptions& options_;
  SummaryPage page_;
  const Style& style_;
};

}  // namespace

std::string summarize(const Digest& digest, const SummaryOptions& options) { return Writer(digest, options).write(); }

}  // namespace weir::cli
