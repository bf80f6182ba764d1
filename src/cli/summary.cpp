#include "cli/summary.h"

#include <algorithm>
#include <map>
#include <set>

#include "cli/json_access.h"
#include "cli/sites.h"
#include "cli/stack_text.h"

namespace weir::cli {
namespace {

std::string end_of(const Json& process) {
  const std::string end = text_of(process, "end");
  const auto status = process.find("exit_status");
  const bool has_status = status != process.end() && status->is_number();
  return "ended by " + end + (has_status ? " with status " + status->dump() : "");
}

std::string shell_quoted(const std::string& word) {
  const bool plain = !word.empty() && word.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                                             "0123456789_-+=./,:@%") == std::string::npos;
  if (plain) return word;
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

class Writer {
 public:
  Writer(const std::vector<Json>& reports, const SummaryOptions& options)
      : reports_(reports), options_(options), style_(options.color) {}

  std::string write() {
    reports_.size() == 1 ? write_process(reports_[0]) : write_processes();
    if (options_.larger_than > 0) {
      write_large_blocks(options_.larger_than);
      return text_;
    }
    write_leaks();
    if (!options_.brief) {
      write_peak();
      write_hot_sites();
      write_large_blocks(0);
    }
    write_warnings();
    return text_;
  }

 private:
  void line(const std::string& text) { text_ += text + "\n"; }
  void heading(const std::string& text) { line("\n" + style_.bold(text)); }
  // A labelled line of figures.
  void row(const char* label, const std::string& text) {
    std::string padded = label;
    padded.resize(std::max<size_t>(padded.size(), 12), ' ');
    line("  " + style_.dim(padded) + text);
  }

  void write_process(const Json& report) {
    const Json& process = report["process"];
    line(style_.bold(program_of(report)) + "  pid " + std::to_string(figure(process, "pid")) + ", " + end_of(process) +
         " after " + human_duration(figure(process, "duration_ns")));
    const auto arguments = process.find("argv");
    if (arguments != process.end() && arguments->is_array()) {
      std::string command = " ";
      for (const Json& argument : *arguments) {
        if (argument.is_string()) command += " " + shell_quoted(printable(argument.get<std::string>()));
      }
      line(style_.dim(command.size() > 300 ? command.substr(0, 297) + "..." : command));
    }
    heading("Host memory");
    write_host(report["host"], figure(child(child(report, "timeline"), "peak"), "ns"));
  }

  void write_host(const Json& host, uint64_t peak_ns) {
    const Json& totals = child(host, "totals");
    const uint64_t allocations = figure(totals, "alloc_count"), temporary = figure(totals, "temporary_count");
    row("allocated", human_bytes(figure(totals, "alloc_bytes")) + " in " + plural(allocations, "allocation") + ", " +
                         human_count(temporary) + " of them temporary" +
                         (allocations > 0 ? " (" + human_percent(static_cast<double>(temporary) /
                                                                 static_cast<double>(allocations)) + ")" : ""));
    row("peak", human_bytes(figure(totals, "peak_bytes")) + " live, after " + human_duration(peak_ns));
    row("at exit", human_bytes(figure(totals, "live_bytes")) + " live in " + plural(figure(totals, "live_count"), "block"));
    if (figure(totals, "inherited_count") > 0) {
      row("inherited", human_bytes(figure(totals, "inherited_bytes")) + " of these from the parent process");
    }
    write_pool(child(host, "pool"));
    const Json& mappings = child(child(host, "mmap"), "totals");
    if (figure(mappings, "map_count") > 0) {
      row("mappings", human_bytes(figure(mappings, "mapped_bytes")) + " mapped in " +
                          plural(figure(mappings, "map_count"), "call") + ", peak " +
                          human_bytes(figure(mappings, "peak_bytes")) + ", at exit " +
                          human_bytes(figure(mappings, "live_bytes")));
    }
    const Json& memory = child(host, "process_memory");
    if (!memory.empty()) {
      row("resident", human_bytes(figure(memory, "rss_bytes")) + ", peak " + human_bytes(figure(memory, "peak_rss_bytes")));
    }
    write_oddities(totals);
  }

  void write_pool(const Json& pool) {
    if (pool.empty()) return;
    if (!is_true(pool, "enabled")) {
      row("pool", "off: the program's own malloc served");
      return;
    }
    row("pool", human_bytes(figure(pool, "reserved_bytes")) + " reserved, " + human_bytes(figure(pool, "capacity_bytes")) +
                    " committed, " + human_bytes(figure(pool, "active_bytes")) + " active, " +
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

  void write_processes() {
    line(style_.bold(plural(process_count(), "process")) +
         (process_count() < reports_.size() ? " that ran " + plural(reports_.size(), "program") : ""));
    line(style_.dim("      pid  allocations       peak    at exit  program"));
    std::vector<const Json*> order;
    for (const Json& report : reports_) order.push_back(&report);
    std::stable_sort(order.begin(), order.end(), [](const Json* a, const Json* b) { return peak_of(*a) > peak_of(*b); });
    for (size_t i = 0; i < order.size() && i < options_.top; ++i) write_process_row(*order[i]);
    if (order.size() > options_.top) line(style_.dim("  and " + human_count(order.size() - options_.top) + " more"));
    write_sums();
  }
  // A process that executes another program leaves a report for each.
  size_t process_count() const {
    std::set<uint64_t> pids;
    for (const Json& report : reports_) pids.insert(figure(report["process"], "pid"));
    return pids.size();
  }
  static uint64_t peak_of(const Json& report) { return figure(child(report["host"], "totals"), "peak_bytes"); }

  static std::string right(const std::string& text, size_t width) {
    return std::string(width > text.size() ? width - text.size() : 0, ' ') + text;
  }
  void write_process_row(const Json& report) {
    const Json& totals = child(report["host"], "totals");
    line(right(std::to_string(figure(report["process"], "pid")), 9) + right(human_count(figure(totals, "alloc_count")), 13) +
         right(human_bytes(figure(totals, "peak_bytes")), 11) + right(human_bytes(figure(totals, "live_bytes")), 11) + "  " +
         program_of(report));
  }
  void write_sums() {
    uint64_t count = 0, bytes = 0, live_bytes = 0, temporary = 0, highest = 0;
    for (const Json& report : reports_) {
      const Json& totals = child(report["host"], "totals");
      count += figure(totals, "alloc_count");
      bytes += figure(totals, "alloc_bytes");
      live_bytes += figure(totals, "live_bytes");
      temporary += figure(totals, "temporary_count");
      highest = std::max(highest, figure(totals, "peak_bytes"));
    }
    heading("Host memory, all processes");
    row("allocated", human_bytes(bytes) + " in " + plural(count, "allocation") + ", " + human_count(temporary) +
                         " of them temporary");
    row("peak", human_bytes(highest) + " live in the largest process");
    row("at exit", human_bytes(live_bytes) + " live");
  }

  void write_leaks() {
    const std::vector<Site> all = merged_sites(reports_, "leaks", "bytes", "count", SiteOrder::bytes);
    std::vector<const Site*> sites;
    uint64_t bytes = 0, count = 0;
    for (const Site& site : all) {
      if (!site.runtime.empty()) continue;
      sites.push_back(&site);
      bytes += site.bytes;
      count += site.count;
    }
    if (sites.empty()) {
      heading(style_.green("No leaks."));
    } else {
      heading("Still allocated at exit: " + human_bytes(bytes) + " in " + plural(count, "block") + " from " +
              plural(sites.size(), "place"));
      write_list(sites, [](const Site& site) { return human_bytes(site.bytes) + " in " + plural(site.count, "block"); });
    }
    write_runtime_allocations(all);
  }

  void write_runtime_allocations(const std::vector<Site>& all) {
    std::map<std::string, uint64_t> bytes_by_name;
    uint64_t bytes = 0, count = 0;
    for (const Site& site : all) {
      if (site.runtime.empty()) continue;
      bytes_by_name[site.runtime] += site.bytes;
      bytes += site.bytes;
      count += site.count;
    }
    if (bytes_by_name.empty()) return;
    std::string names;
    for (const auto& [name, its_bytes] : bytes_by_name) names += (names.empty() ? "" : ", ") + name + " " + human_bytes(its_bytes);
    line(style_.dim("  Runtime allocations, kept until exit by design: " + human_bytes(bytes) + " in " +
                    plural(count, "block") + " (" + names + ")"));
  }

  void write_peak() {
    const std::vector<Site> sites = merged_sites(reports_, "peak", "bytes", "count", SiteOrder::bytes);
    if (sites.empty()) return;
    heading(reports_.size() == 1 ? "Held when live memory was highest" : "Held when each process's live memory was highest");
    write_list(pointers(sites), [](const Site& site) { return human_bytes(site.bytes) + " in " + plural(site.count, "block"); });
  }

  void write_hot_sites() {
    std::vector<Site> sites = merged_sites(reports_, "hot_sites", "alloc_bytes", "alloc_count", SiteOrder::count);
    std::erase_if(sites, [](const Site& site) { return site.temporary_count == 0; });
    std::stable_sort(sites.begin(), sites.end(),
                     [](const Site& a, const Site& b) { return a.temporary_count > b.temporary_count; });
    if (sites.empty()) return;
    heading("Most temporary allocations (freed before the thread's next allocation)");
    write_list(pointers(sites), [](const Site& site) {
      return human_count(site.temporary_count) + " of " + plural(site.count, "allocation") + ", " + human_bytes(site.bytes);
    });
  }

  void write_large_blocks(uint64_t least) {
    std::vector<LargeBlock> blocks;
    for (LargeBlock& block : large_blocks(reports_, least)) {
      if (least > 0 || is_listed_large(block)) blocks.push_back(std::move(block));
    }
    if (blocks.empty() && least == 0) return;
    heading(least > 0 ? "Blocks of at least " + human_bytes(least) + ", still allocated at exit: " + human_count(blocks.size())
                      : "Large blocks, still allocated at exit");
    for (size_t i = 0; i < blocks.size() && i < options_.top; ++i) {
      const LargeBlock& block = blocks[i];
      line("  " + style_.cyan(human_bytes(block.bytes)) + " at " + block.address + " (" + block.memory +
           (block.family.empty() || block.family == block.memory ? "" : ", " + block.family) + "), allocated after " +
           human_duration(block.ns));
      write_stack(stack_lines(*block.report, block.stack));
    }
    write_rest(blocks.size());
    if (least > 0) write_listing_limits(least);
  }
  // What a list of blocks cannot show: below WEIR_LARGE a report keeps a few samples of each stack.
  void write_listing_limits(uint64_t least) {
    for (const Json& report : reports_) {
      const std::string limit = text_of(child(child(report, "options"), "WEIR_LARGE"), "value");
      if (!limit.empty() && parse_size(limit, "WEIR_LARGE") > least) {
        line(style_.dim("  of " + program_of(report) + " only samples below " + limit + ": run it with WEIR_LARGE=" +
                        std::to_string(least) + " for all"));
      }
      const uint64_t left_out = figure(report["host"], "large_left_out_count");
      if (left_out > 0) line(style_.dim("  of " + program_of(report) + " " + plural(left_out, "more block") + " left out"));
    }
  }
  static bool is_listed_large(const LargeBlock& block) {
    if (!block.report->contains("large")) return false;
    const Json& large = (*block.report)["large"];
    return std::any_of(large.begin(), large.end(), [&](const Json& entry) { return text_of(entry, "address") == block.address; });
  }

  static std::vector<const Site*> pointers(const std::vector<Site>& sites) {
    std::vector<const Site*> result;
    for (const Site& site : sites) result.push_back(&site);
    return result;
  }

  template <class Figures>
  void write_list(const std::vector<const Site*>& sites, const Figures& figures) {
    for (size_t i = 0; i < sites.size() && i < options_.top; ++i) {
      const Site& site = *sites[i];
      line("  " + style_.cyan(figures(site)) + (site.memory == "host" ? "" : "  (" + site.memory + ")") +
           (reports_.size() > 1 ? style_.dim("  in " + plural(site.report_count, "process")) : ""));
      write_stack(site.stack);
    }
    write_rest(sites.size());
  }
  void write_rest(size_t count) {
    if (count > options_.top) line(style_.dim("  and " + human_count(count - options_.top) + " more (--top N shows them)"));
  }

  void write_stack(const std::vector<StackLine>& stack) {
    if (stack.empty()) line("      " + style_.dim("(the stack is not known)"));
    const size_t shown = options_.depth == 0 ? stack.size() : std::min(stack.size(), options_.depth);
    for (size_t i = 0; i < shown; ++i) write_stack_line(stack[i]);
    if (shown < stack.size()) line("      " + style_.dim("... " + plural(stack.size() - shown, "more frame")));
  }
  void write_stack_line(const StackLine& frame) {
    const std::string function =
        options_.width == 0 ? frame.function : shorten_function(frame.function, options_.width);
    const std::string mark = frame.inlined ? " (inlined)" : "";
    if (frame.noise) {
      line("      " + style_.dim(function + (function.empty() ? "" : "  ") + frame.place));
    } else if (function.empty()) {
      line("      " + frame.place + style_.dim(mark));
    } else {
      line("      " + style_.bold(function) + style_.dim(mark) + "  " + frame.place);
    }
  }

  void write_warnings() {
    std::map<std::string, uint64_t> counts;
    for (const Json& report : reports_) {
      for (const Json& warning : report["warnings"]) {
        ++counts[text_of(warning, "text")];
      }
    }
    if (counts.empty()) return;
    heading("Notes");
    for (const auto& [text, count] : counts) {
      line("  " + style_.yellow(text) + (count > 1 ? style_.dim(" (" + plural(count, "process") + ")") : ""));
    }
  }

  const std::vector<Json>& reports_;
  const SummaryOptions& options_;
  const Style style_;
  std::string text_;
};

}  // namespace

std::string summarize(const std::vector<Json>& reports, const SummaryOptions& options) {
  return Writer(reports, options).write();
}

}  // namespace weir::cli
