// The format: what heaptrack_interpret writes and heaptrack_print 1.4 reads. A line is a letter and hexadecimal numbers; numbers of texts,
// instruction pointers and traces begin at 1, those of allocations at 0.
#include <algorithm>
#include <deque>
#include <unordered_map>

#include "cli/capped_sum.h"
#include "cli/export_formats.h"
#include "cli/format.h"

namespace weir::cli {
namespace {

constexpr uint64_t kMostEvents =
    10'000'000;  // one for each block at the peak and at the end; beyond, one stands for several
constexpr size_t kMostKnownTraces = 200'000;  // in a map of 50 bytes each
constexpr uint64_t kPageBytes = 4096, kNsOfMs = 1'000'000;

std::string hex(uint64_t number) { return hexadecimal(number).substr(2); }

// Blocks of one size by one stack.
struct Blocks {
  uint64_t count;
  uint32_t allocation;
};

class Writer {
 public:
  Writer(const ExportReport& report, Output& output) : report_(report), code_(report.code), output_(output) {}

  void write() {
    output_.write("v 10400 3\nX " + (report_.command.empty() ? report_.program : report_.command) + "\nI " +
                  hex(kPageBytes) + " 0\n");
    text_numbers_.resize(code_.texts.size());
    pointers_.resize(code_.frames.size());
    choose_scale();
    for (const ExportRow& row : report_.rows) {
      if (report_.group_of(row).memory != "host") continue;
      if (report_.group_of(row).sort == RowSort::peak) add_blocks(row, peak_);
      if (report_.group_of(row).sort == RowSort::live) add_blocks(row, live_);
    }
    write_events();
  }

 private:
  void choose_scale();
  void add_blocks(const ExportRow& row, std::deque<Blocks>& list);
  uint32_t trace_of(const ExportRow& row);
  uint32_t child_of(uint32_t parent, uint32_t pointer);
  uint32_t pointer_of(uint32_t frame);
  uint32_t pseudo_pointer(const char* name);
  uint32_t text_of_code(uint32_t number);
  uint32_t text_of(const std::string& text);
  uint32_t write_text(const std::string& text);
  void write_events();
  void write_blocks(char event, const std::deque<Blocks>& list);
  void write_time(uint64_t ns, uint64_t rss_bytes) {
    output_.write("c " + hex(ns / kNsOfMs) + "\nR " + hex(rss_bytes / kPageBytes) + "\n");
  }

  const ExportReport& report_;
  const ExportFrames& code_;
  Output& output_;
  uint64_t scale_ = 1;  // blocks of one event
  std::deque<Blocks> peak_, live_;
  std::vector<uint32_t> text_numbers_, pointers_;  // by text and by frame; 0: not written yet
  std::unordered_map<std::string, uint32_t> other_texts_, pseudo_pointers_;
  std::unordered_map<uint64_t, uint32_t> traces_;  // by parent and pointer
  uint32_t text_count_ = 0, pointer_count_ = 0, trace_count_ = 0, allocation_count_ = 0;
  std::vector<uint32_t> frames_;
};

void Writer::choose_scale() {
  uint64_t count = 0;
  for (const ExportRow& row : report_.rows) {
    const RowGroup& group = report_.group_of(row);
    if (group.memory == "host" && (group.sort == RowSort::peak || group.sort == RowSort::live))
      count = capped_sum(count, row.count);
  }
  scale_ = count / kMostEvents + 1;
}

// The bytes are the row's exactly; blocks that do not share them evenly differ by one byte.
void Writer::add_blocks(const ExportRow& row, std::deque<Blocks>& list) {
  if (row.bytes == 0 && row.count == 0) return;
  const uint32_t trace = trace_of(row);
  const uint64_t count = row.count / scale_ + (row.count % scale_ > 0 || row.count == 0 ? 1 : 0),
                 larger = row.bytes % count;
  const auto add = [&](uint64_t blocks, uint64_t bytes) {
    if (blocks == 0) return;
    output_.write("a " + hex(bytes) + " " + hex(trace) + "\n");
    list.push_back({blocks, allocation_count_++});
  };
  add(larger, row.bytes / count + 1);
  add(count - larger, row.bytes / count);
}

uint32_t Writer::trace_of(const ExportRow& row) {
  report_.frames_of(row, frames_);
  if (frames_.empty())
    return child_of(0, pseudo_pointer(row.stack == ExportRow::kLeftOut ? kLeftOutStacks : kUnknownStack));
  uint32_t trace = 0;
  for (auto frame = frames_.rbegin(); frame != frames_.rend(); ++frame) trace = child_of(trace, pointer_of(*frame));
  return trace;
}

// What was written long ago may be written again: heaptrack adds up by instruction pointers.
uint32_t Writer::child_of(uint32_t parent, uint32_t pointer) {
  if (traces_.size() >= kMostKnownTraces) traces_.clear();
  const auto [known, is_new] = traces_.try_emplace(uint64_t{parent} << 32 | pointer, trace_count_ + 1);
  if (is_new) {
    ++trace_count_;
    output_.write("t " + hex(pointer) + " " + hex(parent) + "\n");
  }
  return known->second;
}

uint32_t Writer::pointer_of(uint32_t number) {
  uint32_t& pointer = pointers_[number];
  if (pointer != 0) return pointer;
  const ExportFrame& frame = code_.frames[number];
  if (frame.sort == ExportFrame::Sort::cut) return pointer = pseudo_pointer(raw_name(report_, frame).c_str());
  const bool has_module = frame.module != ExportFrame::kNoModule;
  const ExportModule* module = has_module ? &code_.modules[frame.module] : nullptr;
  std::string line =
      "i " + hex((has_module ? module->base : 0) + frame.address) + " " + hex(has_module ? text_of(module->path) : 0);
  for (uint32_t i = 0; i < frame.line_count; ++i) {
    const ExportLine& at = code_.lines[frame.first_line + i];
    const ExportFunction& function = code_.functions[at.function];
    const uint32_t file = code_.texts[function.file].empty() ? 0 : text_of_code(function.file);
    line += " " + hex(text_of_code(function.name)) + " " + hex(file) + " " + hex(at.line);
  }
  output_.write(line + "\n");
  return pointer = ++pointer_count_;
}

uint32_t Writer::pseudo_pointer(const char* name) {
  uint32_t& pointer = pseudo_pointers_[name];
  if (pointer != 0) return pointer;
  const uint32_t text = text_of(name);
  output_.write("i 0 0 " + hex(text) + " 0 0\n");
  return pointer = ++pointer_count_;
}

uint32_t Writer::text_of_code(uint32_t number) {
  uint32_t& text = text_numbers_[number];
  if (text == 0) text = write_text(code_.texts[number]);
  return text;
}

uint32_t Writer::text_of(const std::string& text) {
  uint32_t& number = other_texts_[text];
  if (number == 0) number = write_text(text);
  return number;
}

uint32_t Writer::write_text(const std::string& text) {
  output_.write("s " + hex(text.size()) + " " + text + "\n");
  return ++text_count_;
}

// All that was live at the peak comes, and goes; then comes what was live at the end.
void Writer::write_events() {
  write_time(0, 0);
  write_blocks('+', peak_);
  write_time(std::min(report_.peak_ns, report_.duration_ns), report_.peak_rss_bytes);
  write_blocks('-', peak_);
  write_blocks('+', live_);
  write_time(report_.duration_ns, report_.rss_bytes);
}

void Writer::write_blocks(char event, const std::deque<Blocks>& list) {
  for (const Blocks& blocks : list) {
    const std::string line = event + (" " + hex(blocks.allocation)) + "\n";
    for (uint64_t i = 0; i < blocks.count; ++i) output_.write(line);
  }
}

}  // namespace

void write_heaptrack(const ExportReport& report, Output& output) { Writer(report, output).write(); }

}  // namespace weir::cli
