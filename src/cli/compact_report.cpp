#include "cli/compact_report.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "cli/confidential.h"
#include "cli/json_access.h"
#include "cli/report_shape.h"

namespace weir::cli {
namespace {

// What may be long. A list of rows is passed over where nobody takes it.
constexpr std::string_view kLists[] = {"leaks", "peak", "hot_sites", "large", "stacks", "frames", "modules"};

// Copies stacks and frames of a compact report into a small one, and gives them new numbers.
class Excerpt {
 public:
  explicit Excerpt(const CompactReport& report) : report_(report) {
    out_ = {{"stacks", Json::array()}, {"frames", Json::array()}, {"modules", report.frames().modules()}};
    out_["warnings"] = Json::array();
    if (report.parts().contains("leak_check")) out_["leak_check"] = report.parts()["leak_check"];
  }

  void add_rows(const std::string& key, Json rows) {
    for (Json& row : rows) renumber_row(row);
    out_[key] = std::move(rows);
  }
  Json& out() { return out_; }

 private:
  void renumber_row(Json& row) {
    for_each_stack(row, [this](Json& stack) {
      const auto node = stack.get<uint32_t>();
      const auto [known, is_new] = stacks_.try_emplace(node, out_["stacks"].size());
      if (is_new) out_["stacks"].push_back(stack_of(node));
      stack = known->second;
    });
  }
  Json stack_of(uint32_t node) {
    Json stack = Json::array();
    for (; node != StackTree::kRoot; node = report_.tree().parent(node)) {
      const uint32_t frame = report_.tree().item(node);
      const auto [known, is_new] = frames_.try_emplace(frame, out_["frames"].size());
      if (is_new) out_["frames"].push_back(report_.frames().frame_json(frame));
      stack.push_back(known->second);
    }
    return stack;
  }

  const CompactReport& report_;
  Json out_;
  std::unordered_map<uint32_t, size_t> stacks_, frames_;  // node, and frame -> number in the excerpt
};

}  // namespace

CompactReport::CompactReport(const std::string& path, const std::map<std::string, TakeRow>& lists,
                             std::shared_ptr<NameTable> names, const std::vector<std::string>& row_members_left_out)
    : CompactReport(OpenReport(path), lists, std::move(names), row_members_left_out) {}

CompactReport::CompactReport(const OpenReport& file, const std::map<std::string, TakeRow>& lists,
                             std::shared_ptr<NameTable> names, const std::vector<std::string>& row_members_left_out)
    : path_(file.path()), frames_(std::move(names)) {
  stream_report(file, [&](const std::string& key) { return part_for(key, lists, row_members_left_out); });
  tree_.seal();
  check(lists);
  name_short_lists();
}

ReportPart CompactReport::part_for(const std::string& key, const std::map<std::string, TakeRow>& lists,
                                   const std::vector<std::string>& left_out) {
  if (key == "frames") tree_.seal();
  const auto list = lists.find(key);
  const auto known = std::find(std::begin(kLists), std::end(kLists), key);
  if (list == lists.end() && known == std::end(kLists))
    return {false, [this, key](Json& value) { parts_[key] = std::move(value); }};
  lists_read_.insert(key);
  if (list != lists.end()) return {true, [&take = list->second](const Json& row) { take(row); }, left_out};
  if (key == "stacks") return {true, [this](const Json& stack) { add_stack(stack); }};
  if (key == "frames") return {true, [this](const Json& frame) { add_frame(frame); }};
  if (key == "modules") return {true, [this](const Json& module) { frames_.add_module(module); }};
  return {true, nullptr};
}

void CompactReport::add_frame(const Json& frame) {
  ShapeCheck(path_, SIZE_MAX, 0, 0).check_frame(frame);
  frames_.add_frame(frame);
}

void CompactReport::add_stack(const Json& stack) {
  ShapeCheck(path_, 0, SIZE_MAX, 0).check_stack(stack);
  uint32_t node = StackTree::kRoot;
  for (auto frame = stack.rbegin(); frame != stack.rend(); ++frame) {
    const auto number = frame->get<uint64_t>();
    largest_frame_ = std::max(largest_frame_, number + 1);
    node = tree_.child(node, static_cast<uint32_t>(std::min<uint64_t>(number, UINT32_MAX)));
  }
  stacks_.push_back(node);
}

void CompactReport::check(const std::map<std::string, TakeRow>& lists) const {
  const ShapeCheck shape(path_, frames_.module_count(), frames_.frame_count(), stacks_.size());
  for (const char* key : {"process", "host"})
    shape.require(key, parts_.contains(key) && parts_[key].is_object(), "an object");
  for (const char* key : {"stacks", "frames", "modules"}) shape.require(key, lists_read_.contains(key), "an array");
  for (const auto& [key, take] : lists) {
    if (key != "large") shape.require(key.c_str(), lists_read_.contains(key), "an array");  // older reports have none
  }
  shape.require("leak_check", !parts_.contains("leak_check") || parts_["leak_check"].is_object(), "an object");
  shape.require("warnings", parts_.contains("warnings") && parts_["warnings"].is_array(), "an array");
  frames_.check(path_);
  shape.require("stacks", largest_frame_ <= frames_.frame_count(), "indices into frames");
  shape.check_short_lists(parts_);
}

void CompactReport::name_stacks(Json& rows, const char* key) const {
  const ShapeCheck shape(path_, frames_.module_count(), frames_.frame_count(), stacks_.size());
  for (Json& row : rows) {
    shape.check_entry(key, row);
    for_each_stack(row, [this](Json& stack) { stack = stacks_[stack.get<size_t>()]; });
  }
}

void CompactReport::name_short_lists() {
  for (const char* key : {"errors", "out_of_memory"}) {
    if (parts_.contains(key)) name_stacks(parts_[key], key);
  }
  if (!parts_.contains("cuda")) return;
  for (const char* key : {"transfers", "freed_with_context"}) {
    if (parts_["cuda"].contains(key)) name_stacks(parts_["cuda"][key], key);
  }
}

bool CompactReport::symbolize(symbolize::Symbolizer& symbolizer) {
  const Json before = array_of(parts_, "warnings");
  Json warnings = before;
  if (!frames_.symbolize(symbolizer, warnings, is_confidential(parts_))) return false;
  for (const Json& warning : warnings) {
    if (std::find(before.begin(), before.end(), warning) == before.end()) notes_.insert(text_of(warning, "text"));
  }
  parts_["warnings"] = std::move(warnings);
  return true;
}

Json CompactReport::excerpt(const std::map<std::string, Json>& rows) const {
  Excerpt excerpt(*this);
  for (const char* key : {"leaks", "errors"}) excerpt.add_rows(key, Json::array());
  for (const auto& [key, list] : rows) excerpt.add_rows(key, list);
  return std::move(excerpt.out());
}

std::vector<std::vector<StackLine>> CompactReport::lines(const std::vector<uint32_t>& nodes) const {
  Json rows = Json::array();
  for (const uint32_t node : nodes) rows.push_back({{"stack", node}});
  const Json report = excerpt({{"rows", std::move(rows)}});
  std::vector<std::vector<StackLine>> lines;
  for (const Json& row : report["rows"]) lines.push_back(stack_lines(report, row["stack"].get<size_t>()));
  return lines;
}

}  // namespace weir::cli
