#include "cli/site.h"

#include <algorithm>

#include "cli/json_access.h"

namespace weir::cli {
namespace {

// The last sum of a row, which a merged report has; sites count processes themselves.
constexpr char kProcesses[] = "process_count";

RowForm with_processes(RowForm form) {
  form.sums.push_back(kProcesses);
  return form;
}

const RowForm kLeakForm = {{"memory", "device", "call", "kind", "runtime", "framework_cache", "suppressed"},
                           {"bytes", "count"},
                           "",
                           "",
                           {"taken_bytes", "indirect_bytes", "indirect_count"},
                           false,
                           ""};
const RowForm kPeakForm = {{"memory", "device", "call"}, {"bytes", "count"}, "", "", {}, false, ""};
const RowForm kHotForm = {
    {"memory", "device", "call"}, {"alloc_bytes", "alloc_count", "temporary_count"}, "", "", {}, false, ""};
const RowForm kLeakRows = with_processes(kLeakForm), kPeakRows = with_processes(kPeakForm),
              kHotRows = with_processes(kHotForm);

const RowForm& site_form(SiteList list) {
  if (list == SiteList::leaks) return kLeakForm;
  return list == SiteList::hot_sites ? kHotForm : kPeakForm;
}

Site head_of(const Json& label) {
  Site site;
  site.memory = text_of(label, "memory");
  site.device = number_text(label, "device");
  site.call = text_of(label, "call");
  site.kind = text_of(label, "kind");
  site.runtime = text_of(label, "runtime");
  site.framework_cache = text_of(label, "framework_cache");
  site.suppressed = text_of(label, "suppressed");
  return site;
}

}  // namespace

const RowForm& site_rows(SiteList list) {
  if (list == SiteList::leaks) return kLeakRows;
  return list == SiteList::hot_sites ? kHotRows : kPeakRows;
}

std::string key_of(const std::vector<StackLine>& stack) {
  std::string key;
  for (const StackLine& line : stack) key += '\n' + line.function + '\t' + line.place;
  return key;
}

Site site_of(const Json& report, const Json& entry) {
  Site site = head_of(entry);
  site.stack = stack_lines(report, entry["stack"].get<size_t>());
  site.bytes = figure(entry, "bytes");
  site.count = figure(entry, "count");
  return site;
}

SiteTable::SiteTable(SiteList list, Labels& labels, const LineTree& stacks)
    : list_(list), labels_(labels), stacks_(stacks), rows_(site_form(list), labels) {}

void SiteTable::add(RawRows& rows, const std::vector<uint32_t>& nodes) {
  std::vector<uint64_t> sums;
  rows.take([&](RowHead head, const std::vector<uint64_t>& figures, const std::vector<uint64_t>& seldom) {
    sums.assign(figures.begin(), figures.end() - 1);
    const auto processes = static_cast<uint32_t>(std::clamp<uint64_t>(figures.back(), 1, UINT32_MAX));
    const uint32_t node = nodes[head.stack], text = stacks_.same_text(node);
    const size_t known = rows_.size();
    const uint32_t site = rows_.add({text, head.label}, sums, seldom, report_count_, processes);
    if (site < known) return;
    if (text != node) own_stacks_[site] = node;
    if (!heads_.contains(head.label)) heads_[head.label] = head_of(Json::parse(labels_.name(head.label)));
  });
  ++report_count_;
}

uint64_t SiteTable::temporary_count(uint32_t site) const {
  return list_ == SiteList::hot_sites ? rows_.sum_of(site, 2) : 0;
}

uint64_t SiteTable::indirect_bytes(uint32_t site) const {
  return list_ == SiteList::leaks ? rows_.seldom_of(site, 1) : 0;
}

uint64_t SiteTable::indirect_count(uint32_t site) const {
  return list_ == SiteList::leaks ? rows_.seldom_of(site, 2) : 0;
}

Site SiteTable::site(uint32_t number) const {
  const auto own = own_stacks_.find(number);
  Site site = head(number);
  site.stack = stacks_.lines(own == own_stacks_.end() ? rows_.node_of(number) : own->second);
  site.bytes = bytes(number);
  site.count = count(number);
  site.temporary_count = temporary_count(number);
  site.report_count = rows_.process_count(number);
  if (list_ != SiteList::leaks) return site;
  site.taken_bytes = rows_.seldom_of(number, 0);
  site.indirect_bytes = indirect_bytes(number);
  site.indirect_count = indirect_count(number);
  return site;
}

std::vector<uint32_t> SiteTable::all() const {
  std::vector<uint32_t> sites(size());
  for (uint32_t i = 0; i < sites.size(); ++i) sites[i] = i;
  return sites;
}

void SiteTable::sort_by_bytes(std::vector<uint32_t>& sites) const {
  std::stable_sort(sites.begin(), sites.end(), [this](uint32_t a, uint32_t b) { return bytes(a) > bytes(b); });
}

}  // namespace weir::cli
