#include "cli/finished_copy.h"

#include <filesystem>
#include <set>
#include <string>
#include <unordered_map>

#include "cli/confidential.h"
#include "cli/cuda_calls.h"
#include "cli/finish_rows.h"
#include "cli/json_access.h"
#include "cli/output.h"
#include "cli/report_input.h"
#include "cli/report_shape.h"
#include "cli/report_stream.h"

namespace weir::cli {
namespace {

constexpr size_t kRowsAtOnce = 1024;

void add_members(Json& target, const Json& source, std::initializer_list<const char*> keys) {
  for (const char* key : keys) {
    if (source.contains(key)) target[key] = source[key];
  }
}

class Copier {
 public:
  Copier(const FinishedReport& report, bool hides_private, const std::function<void(std::string_view)>& write)
      : report_(report), is_private_(hides_private), write_(write) {}

  void copy() {
    write_("{\n\"schema\": " + compact_text(kReportSchema));
    stream_report(report_.file(), [this](const std::string& key) { return part(key); });
    end_list();
    for (const char* key : {"leak_check", "warnings"}) {
      if (!written_.contains(key) && report_.parts().contains(key)) write_value(key, report_.parts()[key]);
    }
    if (is_private_ && !written_.contains("confidential")) write_value("confidential", true);
    write_("\n}\n");
  }

 private:
  ReportPart part(const std::string& key) {
    end_list();
    written_.insert(key);
    if (key == "leaks") return list(key, &Copier::write_leaks);
    if (key == "large") return list(key, &Copier::write_large);
    if (key == "frames") return list(key, &Copier::write_frames);
    if (key == "peak" || key == "hot_sites" || key == "stacks") return list(key, &Copier::write_rows);
    return {false, [this, key](Json& value) { write_value(key, finished(key, value)); }};
  }

  // ---- Lists that may be long ----

  using WriteBatch = void (Copier::*)();
  ReportPart list(const std::string& key, WriteBatch write_batch) {
    list_ = key;
    write_batch_ = write_batch;
    count_ = 0;
    write_(",\n" + compact_text(key) + ": ");
    return {true, [this](Json& row) {
              batch_.push_back(std::move(row));
              if (batch_.size() == kRowsAtOnce) flush();
            }};
  }
  void end_list() {
    if (list_.empty()) return;
    flush();
    write_(count_ == 0 ? "[]" : "\n]");
    list_.clear();
  }
  void flush() {
    (this->*write_batch_)();
    batch_ = Json::array();
  }

  // As they stand in the batch.
  void write_rows() {
    if (is_private_) batch_ = without_private(list_, std::move(batch_));
    for (const Json& row : batch_) write_((count_++ == 0 ? "[\n  " : ",\n  ") + compact_text(row));
  }
  void write_leaks() {
    if (report_.has_named_leaks()) {
      for (size_t i = 0; i < batch_.size(); ++i)
        add_members(batch_[i], label_of(count_ + i), {"runtime", "call", "framework_cache", "suppressed"});
    }
    if (report_.was_raw()) name_calls("leaks");
    write_rows();
  }
  void write_large() {
    if (report_.was_raw()) name_calls("large");
    write_rows();
  }
  void write_frames() {
    const FrameTable& frames = report_.report().frames();
    for (size_t i = 0; i < batch_.size() && report_.was_raw(); ++i) {
      require_same(count_ + i < frames.frame_count());
      add_members(batch_[i], frames.frame_json(count_ + i), {"function", "file", "line", "inlined"});
    }
    write_rows();
  }

  // Whose stacks have a call of CUDA's runtime, for what came from its driver.
  void name_calls(const char* key) {
    Json rows = batch_;
    for (Json& row : rows) {
      const uint64_t stack = figure(row, "stack");
      require_same(stack < report_.report().stack_count());
      row["stack"] = report_.report().node_of(stack);
    }
    Json excerpt = report_.report().excerpt({{key, std::move(rows)}});
    name_cuda_calls(excerpt);
    for (size_t i = 0; i < batch_.size(); ++i) add_members(batch_[i], excerpt[key][i], {"family", "samples"});
  }

  const Json& label_of(size_t leak) {
    require_same(leak < report_.rows(SiteList::leaks).size());
    const uint32_t number = report_.rows(SiteList::leaks).label_number(leak);
    const auto [label, is_new] = labels_.try_emplace(number);
    if (is_new) label->second = report_.rows(SiteList::leaks).label(leak);
    return label->second;
  }

  // ---- All else ----

  Json finished(const std::string& key, Json& value) const {
    const Json& parts = report_.parts();
    if (key == "modules") return report_.report().frames().modules();
    if (key == "leak_check" || key == "warnings") return parts[key];
    if (!report_.was_raw()) return std::move(value);
    if (key == "errors" || key == "out_of_memory") take_names(value, parts[key]);
    if (key == "cuda" && value.contains("transfers")) take_names(value["transfers"], parts[key]["transfers"]);
    return std::move(value);
  }

  void write_value(const std::string& key, Json value) {
    written_.insert(key);
    if (is_private_) value = without_private(key, std::move(value));
    write_(",\n" + compact_text(key) + ": ");
    if (!value.is_array() || value.empty()) {
      write_(compact_text(value));
      return;
    }
    const char* separator = "[\n  ";
    for (const Json& entry : value) {
      write_(separator + compact_text(entry));
      separator = ",\n  ";
    }
    write_("\n]");
  }

  static Json without_private(const std::string& key, Json value) {
    Json part = {{key, std::move(value)}};
    hide_private(part);
    return std::move(part[key]);
  }
  void require_same(bool is_same) const {
    if (!is_same) refuse_report(report_.path(), "expected the report to stay as it is while it is read");
  }

  const FinishedReport& report_;
  const bool is_private_;
  const std::function<void(std::string_view)>& write_;
  std::set<std::string> written_;
  std::string list_;  // the one that is being written, or empty
  WriteBatch write_batch_ = nullptr;
  Json batch_ = Json::array();
  size_t count_ = 0;  // of its rows that are written
  std::unordered_map<uint32_t, Json> labels_;
};

}  // namespace

void copy_finished(const FinishedReport& report, bool hides_private,
                   const std::function<void(std::string_view)>& write) {
  const bool stays_private = report.was_raw() && is_confidential(report.parts());
  Copier(report, hides_private || stays_private, write).copy();
}

void replace_by_finished(const FinishedReport& report, bool hides_private) {
  std::error_code error;
  const std::filesystem::path own = std::filesystem::canonical(report.path(), error);  // of a link what it leads to
  Output output(error ? report.path() : own.string());
  copy_finished(report, hides_private, [&output](std::string_view text) { output.write(text); });
  output.finish();
}

}  // namespace weir::cli
