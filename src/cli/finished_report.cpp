#include "cli/finished_report.h"

#include <algorithm>
#include <utility>

#include "cli/finish_rows.h"
#include "cli/json_access.h"
#include "cli/report_shape.h"

namespace weir::cli {
namespace {

constexpr std::pair<const char*, SiteList> kLists[] = {
    {"leaks", SiteList::leaks}, {"peak", SiteList::peak}, {"hot_sites", SiteList::hot_sites}};

std::map<SiteList, RawRows> empty_rows(Labels& labels) {
  std::map<SiteList, RawRows> rows;
  for (const SiteList list : {SiteList::leaks, SiteList::peak, SiteList::hot_sites, SiteList::freed_with_context})
    rows.try_emplace(list, site_rows(list), labels);
  return rows;
}

std::vector<std::string> members_left_out(const BlockChoice& choice) {
  if (choice.least_bytes == 0) return {"samples", "threads"};
  return {"threads"};
}

}  // namespace

FinishedReport::FinishedReport(const std::string& path, Labels& labels, symbolize::Symbolizer& symbolizer,
                               const BlockChoice& blocks)
    : file_(path),
      rows_(empty_rows(labels)),
      large_(blocks),
      report_(file_, takers(blocks), std::make_shared<NameTable>(), members_left_out(blocks)) {
  find_stacks();
  was_raw_ = has_named_leaks_ = report_.symbolize(symbolizer);
  if (was_raw_) finish_rows(report_, rows_.at(SiteList::leaks), blocks_);
  for (const Json& row : array_of(child(parts(), "cuda"), "freed_with_context"))
    rows_.at(SiteList::freed_with_context).add(path, "cuda", row);
}

std::map<std::string, TakeRow> FinishedReport::takers(const BlockChoice& choice) {
  std::map<std::string, TakeRow> takers;
  for (const auto& [key, list] : kLists)
    takers[key] = [this, key = key, &rows = rows_.at(list)](const Json& row) { rows.add(path(), key, row); };
  if (choice.least_bytes > 0) {
    takers["leaks"] = [this, take = takers["leaks"]](const Json& leak) {
      take(leak);
      large_.add_samples(leak);
    };
  }
  takers["large"] = [this](const Json& block) {
    ShapeCheck(path(), 0, 0, UINT32_MAX).check_entry("large", block);
    most_large_stacks_ = std::max(most_large_stacks_, figure(block, "stack") + 1);
    large_.add_large(block);
  };
  return takers;
}

void FinishedReport::find_stacks() {
  for (const auto& [key, list] : kLists) rows_.at(list).find_stacks(report_, key);
  ShapeCheck(path(), 0, 0, 0)
      .require("large", most_large_stacks_ <= report_.stack_count(), "entries with an index into stacks");
  block_count_ = large_.count();
  blocks_ = large_.take();
  report_.name_stacks(blocks_, "large");
}

void FinishedReport::apply(const SuppressionFiles& suppressions) {
  if (suppressions.is_empty()) return;
  has_named_leaks_ = true;
  name_leaks(report_, rows_.at(SiteList::leaks), [&](Json& excerpt) { suppressions.apply(excerpt); });
}

bool FinishedReport::has_leaks_left() const {
  return cli::has_leaks_left({{"leaks", rows_.at(SiteList::leaks).sums_by_label({"count", "indirect_count"})}});
}

CompactReport& FinishedReport::take_stacks() {
  report_.forget_stack_numbers();
  return report_;
}

Json FinishedReport::short_lists() const {
  const Json& cuda = child(parts(), "cuda");
  Json lists = report_.excerpt({{"errors", array_of(parts(), "errors")},
                                {"out_of_memory", array_of(parts(), "out_of_memory")},
                                {"transfers", array_of(cuda, "transfers")}});
  for (const char* key : {"process", "options", "host", "devices", "cuda"}) {
    if (parts().contains(key)) lists[key] = parts()[key];
  }
  if (cuda.contains("transfers")) lists["cuda"]["transfers"] = std::move(lists["transfers"]);
  return lists;
}

std::vector<std::vector<StackLine>> FinishedReport::block_stacks() const {
  std::vector<uint32_t> nodes;
  for (const Json& block : blocks_) nodes.push_back(block["stack"].get<uint32_t>());
  return report_.lines(nodes);
}

}  // namespace weir::cli
