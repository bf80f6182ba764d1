// Reads a report into the packed tables of an export.
#include <algorithm>
#include <cstdlib>
#include <utility>

#include "cli/export_report.h"
#include "cli/export_symbols.h"
#include "cli/json_access.h"
#include "cli/process_text.h"
#include "cli/report_input.h"
#include "cli/report_shape.h"
#include "cli/report_stream.h"

namespace weir::cli {
namespace {

constexpr uint64_t kMostEntries =
    1U << 28;  // of stacks and of frames: what is noted of each entry that a number names has to fit in memory

// Numbers of entries of a table that comes later.
class Wanted {
 public:
  bool want(const Json& index) {
    if (!index.is_number_unsigned() || index.get<uint64_t>() >= kMostEntries) return false;
    const auto number = index.get<size_t>();
    if (number >= wanted_.size()) wanted_.resize(number + 1);
    return wanted_[number] = true;
  }
  bool is_wanted(size_t number) const { return number < wanted_.size() && wanted_[number]; }
  bool all_below(size_t count) const { return wanted_.size() <= count; }

 private:
  std::vector<bool> wanted_;
};

// Takes the report's parts as they are read.
class Taker {
 public:
  explicit Taker(const std::string& path) : path_(path) {}

  ReportPart part(const std::string& key);
  ExportReport finish();

 private:
  using Take = void (Taker::*)(const std::string& list, Json& entry);

  ReportPart list(const std::string& key, Take take, std::vector<std::string> without = {});
  ReportPart object(const std::string& key, std::vector<std::string> without = {});
  void require(bool holds, const std::string& list, const char* expected) const;
  void require_before(const std::string& list, const char* later) const;
  void keep_entry(const std::string& list, Json& entry) { skeleton_[list].push_back(std::move(entry)); }
  void take_row(const std::string& list, Json& entry);
  void take_stack(const std::string& list, Json& entry);
  void take_frame(const std::string& list, Json& entry);
  void add_row(RowGroup group, uint64_t bytes, uint64_t count, uint32_t stack);
  void check();
  void take_process();
  void take_host();
  void take_modules();

  const std::string& path_;
  // The report with its largest lists empty; stream_report looks at the schema.
  Json skeleton_ = {{"schema", kReportSchema}};
  ExportReport report_;
  Wanted stacks_, frames_;
  uint64_t most_modules_ = 0;  // the frames' highest number, and one
  std::map<std::string, uint32_t> groups_;
};

ReportPart Taker::part(const std::string& key) {
  if (key == "leaks" || key == "peak" || key == "hot_sites") return list(key, &Taker::take_row, {"samples", "threads"});
  if (key == "stacks") return list(key, &Taker::take_stack);
  if (key == "frames") return list(key, &Taker::take_frame);
  if (key == "modules") return list(key, &Taker::keep_entry);
  if (key == "devices") return list(key, &Taker::keep_entry, {"pools"});
  if (key == "warnings") return list(key, nullptr);
  if (key == "process" || key == "timeline") return object(key);
  if (key == "host") return object(key, {"size_classes", "powers_of_two", "pool", "files"});
  return {};
}

ReportPart Taker::list(const std::string& key, Take take, std::vector<std::string> without) {
  skeleton_[key] = Json::array();
  if (take == nullptr) return {true, nullptr};
  return {true, [this, key, take](Json& entry) { (this->*take)(key, entry); }, std::move(without)};
}

ReportPart Taker::object(const std::string& key, std::vector<std::string> without) {
  return {false, [this, key](Json& value) { skeleton_[key] = std::move(value); }, std::move(without)};
}

void Taker::require(bool holds, const std::string& list, const char* expected) const {
  ShapeCheck(path_, 0, 0, 0).require(list.c_str(), holds, expected);
}

// Stacks and frames are kept by who refers to them, so they must come after.
void Taker::require_before(const std::string& list, const char* later) const {
  if (skeleton_.contains(later)) refuse_report(path_, "expected \"" + list + "\" before \"" + later + "\"");
}

void Taker::add_row(RowGroup group, uint64_t bytes, uint64_t count, uint32_t stack) {
  const std::string key =
      std::to_string(static_cast<int>(group.sort)) + '\n' + group.memory + '\n' + group.kind + '\n' + group.device;
  const auto [known, is_new] = groups_.try_emplace(key, static_cast<uint32_t>(report_.groups.size()));
  if (is_new) report_.groups.push_back(std::move(group));
  report_.rows.push_back({bytes, count, stack, known->second});
}

void Taker::take_row(const std::string& list, Json& entry) {
  require_before(list, "stacks");
  const bool has_stack = entry.is_object() && entry.contains("stack") && stacks_.want(entry["stack"]);
  require(has_stack, list, "entries with an index into stacks");
  const auto number = entry["stack"].get<uint32_t>();
  const std::string memory = harmless(text_of(entry, "memory")), device = number_text(entry, "device");
  if (list == "leaks") {
    add_row({RowSort::live, memory, harmless(text_of(entry, "kind")), device}, figure(entry, "bytes"),
            figure(entry, "count"), number);
  } else if (list == "peak") {
    add_row({RowSort::peak, memory, "", device}, figure(entry, "bytes"), figure(entry, "count"), number);
  } else {
    add_row({RowSort::total, memory, "", device}, figure(entry, "alloc_bytes"), figure(entry, "alloc_count"), number);
    if (figure(entry, "temporary_count") > 0)
      add_row({RowSort::temporary, memory, "", device}, 0, figure(entry, "temporary_count"), number);
  }
}

void Taker::take_stack(const std::string& list, Json& entry) {
  require_before(list, "frames");
  std::vector<uint32_t> frames;
  if (stacks_.is_wanted(report_.stacks.size())) {
    require(entry.is_array(), list, "arrays");
    for (const Json& index : entry) {
      require(frames_.want(index), list, "indices into frames");
      frames.push_back(index.get<uint32_t>());
    }
  }
  report_.stacks.add(frames);
}

void Taker::take_frame(const std::string&, Json& entry) {
  ExportFrame frame;
  if (frames_.is_wanted(report_.code.frames.size())) {
    ShapeCheck(path_, kMostEntries, 0, 0).check_frame(entry);
    frame.used = true;
    if (const auto module = entry.find("module"); module != entry.end() && !module->is_null()) {
      frame.module = module->get<uint32_t>();
      frame.address = figure(entry, "offset");
      most_modules_ = std::max(most_modules_, uint64_t{frame.module} + 1);
    } else {
      frame.address = std::strtoull(text_of(entry, "address").c_str(), nullptr, 16);
    }
    frame.exact = is_true(entry, "exact");
    if (is_true(entry, "truncated")) frame.sort = ExportFrame::Sort::cut;
    take_lines(report_.code, frame, entry);
  }
  report_.code.frames.push_back(frame);
}

void Taker::check() {
  check_shape(path_, skeleton_);
  require(stacks_.all_below(report_.stacks.size()), "leaks", "entries with an index into stacks");
  require(frames_.all_below(report_.code.frames.size()), "stacks", "indices into frames");
  require(most_modules_ <= skeleton_["modules"].size(), "frames", "indices into modules");
}

void Taker::take_process() {
  const Json& process = skeleton_["process"];
  report_.program = harmless(program_of(skeleton_));
  report_.command = harmless(command_of(process));
  report_.host = harmless(text_of(process, "host"));
  report_.rank = harmless(text_of(process, "rank"));
  report_.pid = figure(process, "pid");
  report_.duration_ns = figure(process, "duration_ns");
  report_.start_ns = figure(process, "start_ns");
}

// What the report's list of the peak had no room for counts all the same.
void Taker::take_host() {
  const Json& host = skeleton_["host"];
  const Json& left_out = child(host, "peak_left_out");
  if (figure(left_out, "bytes") > 0 || figure(left_out, "count") > 0)
    add_row({RowSort::peak, "host", "", ""}, figure(left_out, "bytes"), figure(left_out, "count"), ExportRow::kLeftOut);
  report_.peak_ns = figure(child(host, "totals"), "peak_ns");
  report_.rss_bytes = figure(child(host, "process_memory"), "rss_bytes");
  report_.peak_rss_bytes = figure(child(host, "process_memory"), "peak_rss_bytes");
}

void Taker::take_modules() {
  for (const Json& module : skeleton_["modules"]) {
    report_.code.modules.push_back({harmless(text_of(module, "path")), harmless(text_of(module, "build_id")),
                                    std::strtoull(text_of(module, "base").c_str(), nullptr, 16)});
  }
  for (ExportFrame& frame : report_.code.frames) {
    const bool has_module = frame.module != ExportFrame::kNoModule;
    if (has_module && base_name(report_.code.modules[frame.module].path).starts_with("libweir.so"))
      frame.sort = ExportFrame::Sort::own;
  }
}

ExportReport Taker::finish() {
  check();
  take_process();
  take_host();
  report_.counters = counters_of(skeleton_);
  take_modules();
  if (symbolize::is_raw(skeleton_)) add_symbols(report_, skeleton_["modules"]);
  return std::move(report_);
}

}  // namespace

ExportReport read_for_export(const std::string& path) {
  Taker taker(path);
  stream_report(path, [&](const std::string& key) { return taker.part(key); });
  return taker.finish();
}

}  // namespace weir::cli
