#include "cli/diff_summary.h"

#include <algorithm>

#include "cli/format.h"
#include "cli/heap_error_summary.h"
#include "cli/json_access.h"
#include "cli/process_text.h"
#include "cli/summary_page.h"

namespace weir::cli {
namespace {

std::string change_text(uint64_t before, uint64_t after) {
  if (before == after) return "same";
  return before < after ? "+" + human_bytes(after - before) : "-" + human_bytes(before - after);
}

std::string right(const std::string& text, size_t width) {
  return std::string(width > text.size() ? width - text.size() : 0, ' ') + text;
}

std::string label_of(const DiffTotal& total) {
  static constexpr struct {
    const char *figure, *label;
  } kLabels[] = {{"definite", "definitely lost"},
                 {"indirect", "indirectly lost"},
                 {"possible", "possibly lost"},
                 {"reachable", "still reachable"},
                 {"known", "known leaks"}};
  for (const auto& known : kLabels) {
    if (total.figure == known.figure) return known.label;
  }
  return total.memory +
         (total.device.empty()       ? ""
          : total.memory == "device" ? " " + total.device
                                     : ", device " + total.device) +
         " " + total.figure;
}

class Writer {
 public:
  Writer(const Diff& diff, const SummaryOptions& options) : diff_(diff), page_(options), style_(page_.style()) {
    if (is_same_process(diff.before, diff.after) && diff.after.duration_ns() > diff.before.duration_ns())
      elapsed_ns_ = diff.after.duration_ns() - diff.before.duration_ns();
  }

  std::string write() {
    write_side("before", diff_.before);
    write_side("after", diff_.after);
    if (elapsed_ns_ > 0) page_.line(style_.dim("one process, " + human_duration(elapsed_ns_) + " between the two"));
    for (const std::string& note : diff_.notes) page_.line(style_.yellow(note));
    write_totals();
    write_new_errors();
    write_growth();
    write_list(Change::gone, "Gone", &Style::green);
    write_list(Change::shrunk, "Shrunk", &Style::green);
    return page_.text();
  }

 private:
  void write_side(const std::string& name, const DiffSide& side) {
    const Json& process = child(side.report.parts(), "process");
    page_.line(style_.bold(right(name, 6)) + "  " + side.program() + "  pid " + std::to_string(side.pid()) + ", " +
               way_of_end(process) + " after " + human_duration(side.duration_ns()) + "  " +
               style_.dim(printable(side.report.path())));
  }

  // Growth in a second, where the two are of one process.
  std::string rate_text(uint64_t before, uint64_t after) const {
    if (elapsed_ns_ == 0 || after <= before) return "";
    const double per_second = static_cast<double>(after - before) * 1e9 / static_cast<double>(elapsed_ns_);
    return ", " + human_bytes(static_cast<uint64_t>(std::min(per_second, 1e18))) + " a second";
  }

  void write_totals() {
    page_.line("");
    page_.line(style_.dim("                              before       after      change"));
    for (const DiffTotal& total : totals_of(diff_.before, diff_.after)) {
      if (total.before == 0 && total.after == 0) continue;
      std::string label = label_of(total);
      label.resize(std::max<size_t>(label.size(), 22), ' ');
      const std::string change = change_text(total.before, total.after);
      const std::string padding(change.size() < 12 ? 12 - change.size() : 0, ' ');
      page_.line("  " + label + right(human_bytes(total.before), 12) + right(human_bytes(total.after), 12) + padding +
                 (total.after > total.before   ? style_.red(change)
                  : total.after < total.before ? style_.green(change)
                                               : style_.dim(change)) +
                 (total.figure == "peak" ? "" : rate_text(total.before, total.after)));
    }
  }

  void write_new_errors() {
    const std::vector<const HeapError*> errors = new_errors(diff_.before, diff_.after);
    if (errors.empty()) return;
    page_.heading(style_.red("New heap errors: " + human_count(errors.size())));
    write_heap_error_list(page_, errors);
  }

  void write_growth() {
    const bool has_grown =
        write_list(Change::added, "New", &Style::red) | write_list(Change::grown, "Grew", &Style::red);
    if (has_grown) return;
    page_.heading(style_.green(diff_.compared == Compared::lost ? "No more is lost than before." : "Nothing grew."));
  }

  // Whether there are any.
  bool write_list(Change change, const std::string& heading, std::string (Style::*color)(const std::string&) const) {
    const ChangeSums& sums = diff_.table.sums(change);
    if (sums.entries == 0) return false;
    page_.heading(heading + (diff_.compared == Compared::lost ? ", lost: " : ": ") +
                  (style_.*color)(change_text(sums.before.bytes, sums.after.bytes)) + " in " +
                  plural(sums.entries, "stack") + rate_text(sums.before.bytes, sums.after.bytes));
    diff_.table.for_each(change, page_.options().top, [&](const std::vector<DiffEntry>& entries) {
      const std::vector<std::vector<StackLine>> stacks = stacks_of(diff_, entries);
      for (size_t i = 0; i < entries.size(); ++i) write_entry(entries[i], change, stacks[i]);
    });
    page_.rest(sums.entries);
    return true;
  }

  void write_entry(const DiffEntry& entry, Change change, const std::vector<StackLine>& stack) {
    const MemoryPlace place = diff_.memories.place(entry.memory);
    page_.line("  " + style_.cyan(entry_text(entry, change)) + lost_text(entry) +
               (place.memory == "host" ? "" : "  (" + memory_text(place.memory, place.device, "") + ")"));
    page_.stack(stack);
  }

  std::string entry_text(const DiffEntry& entry, Change change) const {
    const std::string bytes = change_text(entry.before.bytes, entry.after.bytes);
    if (change == Change::added) return bytes + " in " + plural(entry.after.count, "block");
    if (change == Change::gone) return bytes + " in " + plural(entry.before.count, "block");
    return bytes + rate_text(entry.before.bytes, entry.after.bytes) + ": " + human_bytes(entry.before.bytes) + " -> " +
           human_bytes(entry.after.bytes) + ", " + human_count(entry.before.count) + " -> " +
           plural(entry.after.count, "block");
  }

  std::string lost_text(const DiffEntry& entry) const {
    const uint64_t before = entry.lost_before.bytes, after = entry.lost_after.bytes;
    if (diff_.compared == Compared::lost || (before == 0 && after == 0)) return "";
    if (before == after) return "  " + human_bytes(after) + " of it lost";
    return style_.red("  lost of it: " + human_bytes(before) + " -> " + human_bytes(after));
  }

  const Diff& diff_;
  SummaryPage page_;
  const Style& style_;
  uint64_t elapsed_ns_ = 0;  // 0: not two of one process
};

}  // namespace

std::vector<std::vector<StackLine>> stacks_of(const Diff& diff, const std::vector<DiffEntry>& entries) {
  std::vector<uint32_t> before, after;
  for (const DiffEntry& entry : entries) {
    const bool is_gone = entry.stack_after == DiffEntry::kNoStack;
    (is_gone ? before : after).push_back(is_gone ? entry.stack_before : entry.stack_after);
  }
  auto lines_before = diff.before.report.lines(before), lines_after = diff.after.report.lines(after);
  auto next_before = lines_before.begin(), next_after = lines_after.begin();
  std::vector<std::vector<StackLine>> stacks;
  for (const DiffEntry& entry : entries) {
    stacks.push_back(std::move(entry.stack_after == DiffEntry::kNoStack ? *next_before++ : *next_after++));
  }
  return stacks;
}

std::string summarize(const Diff& diff, const SummaryOptions& options) { return Writer(diff, options).write(); }

}  // namespace weir::cli
