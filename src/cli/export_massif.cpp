// The format: Valgrind's manual, "Massif: a heap profiler", and what ms_print reads.
#include <algorithm>

#include "cli/capped_sum.h"
#include "cli/export_formats.h"
#include "cli/format.h"

namespace weir::cli {
namespace {

constexpr uint64_t kThresholdPercent = 1;  // massif's own default; its reader's words below say so
constexpr size_t kMostLevels = 256;
constexpr uint64_t kNsOfMs = 1'000'000;

std::string address_of(const ExportReport& report, const ExportFrame& frame) {
  const bool has_module = frame.module != ExportFrame::kNoModule;
  return hexadecimal((has_module ? report.code.modules[frame.module].base : 0) + frame.address);
}

// The tree of one moment: from the function that allocated outwards to its callers.
class Tree {
 public:
  Tree(const ExportReport& report, Value value, Output& output) : report_(report), value_(value), output_(output) {
    for (size_t i = 0; i < report.rows.size(); ++i) {
      const ExportRow& row = report.rows[i];
      if (report.value_of(row, value) == 0 || report.group_of(row).memory != "host") continue;
      rows_.push_back(static_cast<uint32_t>(i));
      total_ = capped_sum(total_, report.value_of(row, value));
    }
  }

  uint64_t total() const { return total_; }

  void write() {
    write_node("(heap allocation functions) malloc/new/new[], --alloc-fns, etc.", total_, 0, rows_.size(), 0, 0);
  }

 private:
  struct Branch {
    uint32_t frame;  // or one of those below
    size_t begin, end;
    uint64_t bytes;
  };
  static constexpr uint32_t kNoFrame = UINT32_MAX, kLeftOut = UINT32_MAX - 1, kEnd = UINT32_MAX - 2;

  uint32_t frame_at(const ExportRow& row, size_t level) {
    report_.frames_of(row, frames_);
    if (level < frames_.size()) return frames_[level];
    if (level > 0) return kEnd;
    return row.stack == ExportRow::kLeftOut ? kLeftOut : kNoFrame;
  }

  std::vector<Branch> branches_of(size_t begin, size_t end, size_t level);
  void write_node(const std::string& label, uint64_t bytes, size_t begin, size_t end, size_t level, size_t indent);
  void write_branch(const Branch& branch, size_t level, size_t indent);
  void write_line(size_t indent, size_t branch_count, uint64_t bytes, const std::string& label) {
    output_.write(std::string(indent, ' ') + "n" + std::to_string(branch_count) + ": " + std::to_string(bytes) + " " +
                  label + "\n");
  }
  std::string label_of(const ExportFrame& frame, uint32_t line) const;

  const ExportReport& report_;
  const Value value_;
  Output& output_;
  std::vector<uint32_t> rows_;
  std::vector<uint32_t> frames_;
  uint64_t total_ = 0;
};

// Sorts those rows by their frame at the level. Largest first; a stack that ends here has no branch.
std::vector<Tree::Branch> Tree::branches_of(size_t begin, size_t end, size_t level) {
  std::vector<std::pair<uint32_t, uint32_t>> keys;  // frame, row
  for (size_t i = begin; i < end; ++i) keys.emplace_back(frame_at(report_.rows[rows_[i]], level), rows_[i]);
  std::sort(keys.begin(), keys.end());
  std::vector<Branch> branches;
  for (size_t i = 0; i < keys.size(); ++i) {
    const auto [frame, row] = keys[i];
    rows_[begin + i] = row;
    if (frame == kEnd) continue;
    if (branches.empty() || branches.back().frame != frame) branches.push_back({frame, begin + i, begin + i, 0});
    branches.back().end = begin + i + 1;
    branches.back().bytes = capped_sum(branches.back().bytes, report_.value_of(report_.rows[row], value_));
  }
  std::stable_sort(branches.begin(), branches.end(),
                   [](const Branch& a, const Branch& b) { return a.bytes > b.bytes; });
  return branches;
}

void Tree::write_node(const std::string& label, uint64_t bytes, size_t begin, size_t end, size_t level, size_t indent) {
  const std::vector<Branch> branches = level < kMostLevels ? branches_of(begin, end, level) : std::vector<Branch>();
  const auto is_small = [this](const Branch& branch) { return branch.bytes < total_ / 100 * kThresholdPercent; };
  const auto first_small = std::find_if(branches.begin(), branches.end(), is_small);
  const auto shown = static_cast<size_t>(first_small - branches.begin()), small = branches.size() - shown;
  write_line(indent, shown + (small > 0 ? 1 : 0), bytes, label);
  for (auto branch = branches.begin(); branch != first_small; ++branch) write_branch(*branch, level, indent + 1);
  if (small == 0) return;
  uint64_t rest = 0;
  for (auto branch = first_small; branch != branches.end(); ++branch) rest = capped_sum(rest, branch->bytes);
  write_line(indent + 1, 0, rest,
             small == 1 ? "in 1 place, below massif's threshold (1.00%)"
                        : "in " + std::to_string(small) + " places, all below massif's threshold (1.00%)");
}

// Inlined calls are levels of their own.
void Tree::write_branch(const Branch& branch, size_t level, size_t indent) {
  if (branch.frame == kNoFrame || branch.frame == kLeftOut)
    return write_line(indent, 0, branch.bytes, branch.frame == kLeftOut ? kLeftOutStacks : kUnknownStack);
  const ExportFrame& frame = report_.code.frames[branch.frame];
  uint32_t line = 0;
  for (; line + 1 < frame.line_count; ++line) write_line(indent++, 1, branch.bytes, label_of(frame, line));
  write_node(label_of(frame, line), branch.bytes, branch.begin, branch.end, level + 1, indent);
}

std::string Tree::label_of(const ExportFrame& frame, uint32_t number) const {
  const ExportFrames& code = report_.code;
  const std::string address = address_of(report_, frame) + ": ";
  if (frame.line_count == 0) {
    const bool has_module = frame.module != ExportFrame::kNoModule;
    return address + (has_module ? "??? (in " + code.modules[frame.module].path + ")" : raw_name(report_, frame));
  }
  const ExportLine& line = code.lines[frame.first_line + number];
  const ExportFunction& function = code.functions[line.function];
  const std::string& file = code.texts[function.file];
  if (!file.empty()) return address + code.texts[function.name] + " (" + file + ":" + std::to_string(line.line) + ")";
  const bool has_module = frame.module != ExportFrame::kNoModule;
  return address + code.texts[function.name] + (has_module ? " (in " + code.modules[frame.module].path + ")" : "");
}

void write_snapshot(Output& output, size_t number, uint64_t ns, uint64_t bytes, const char* tree) {
  output.write("#-----------\nsnapshot=" + std::to_string(number) +
               "\n#-----------\ntime=" + std::to_string(ns / kNsOfMs) + "\nmem_heap_B=" + std::to_string(bytes) +
               "\nmem_heap_extra_B=0\nmem_stacks_B=0\nheap_tree=" + tree + "\n");
}

// Between start and end, but for the peak.
std::vector<ExportPoint> points_between(const ExportReport& report, uint64_t peak_ns) {
  for (const ExportCounter& counter : report.counters) {
    if (counter.name != kHostCounter) continue;
    std::vector<ExportPoint> points(counter.points.begin(), counter.points.end() - 1);  // the last is the end
    std::erase_if(points, [&](const ExportPoint& point) {
      return point.ns == 0 || point.ns == peak_ns || point.ns >= report.duration_ns;
    });
    return points;
  }
  return {};
}

}  // namespace

void write_massif(const ExportReport& report, Output& output) {
  output.write("desc: weir export\ncmd: " + (report.command.empty() ? report.program : report.command) +
               "\ntime_unit: ms\n");
  const uint64_t peak_ns = std::min(report.peak_ns, report.duration_ns);
  const std::vector<ExportPoint> points = points_between(report, peak_ns);
  const auto behind_peak =
      std::find_if(points.begin(), points.end(), [&](const ExportPoint& point) { return point.ns > peak_ns; });
  size_t number = 0;
  write_snapshot(output, number++, 0, 0, "empty");
  for (auto point = points.begin(); point != behind_peak; ++point)
    write_snapshot(output, number++, point->ns, point->bytes, "empty");
  {
    Tree peak(report, Value::peak_bytes, output);
    write_snapshot(output, number++, peak_ns, peak.total(), "peak");
    peak.write();
  }
  for (auto point = behind_peak; point != points.end(); ++point)
    write_snapshot(output, number++, point->ns, point->bytes, "empty");
  Tree end(report, Value::live_bytes, output);
  write_snapshot(output, number, report.duration_ns, end.total(), "detailed");
  end.write();
}

}  // namespace weir::cli
