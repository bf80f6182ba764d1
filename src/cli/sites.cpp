#include "cli/sites.h"

#include <algorithm>
#include <set>
#include <unordered_map>

#include "cli/json_access.h"

namespace weir::cli {
namespace {

std::string key_of(const Site& site) {
  std::string key = site.memory + '\n' + site.runtime;
  for (const StackLine& line : site.stack) key += '\n' + line.function + '\t' + line.place;
  return key;
}

void add_blocks(std::vector<LargeBlock>& blocks, const Json& report, uint64_t least) {
  std::set<std::string> seen;
  const auto add = [&](const Json& block, const Json& owner) {
    const std::string address = text_of(block, "address");
    const uint64_t bytes = figure(block, "bytes");
    if (bytes < least || !seen.insert(address).second) return;
    blocks.push_back({&report, text_of(owner, "memory"), address, text_of(block, "family"), bytes,
                      figure(block, "ns"), owner["stack"].get<size_t>()});
  };
  if (report.contains("large")) {
    for (const Json& block : report["large"]) add(block, block);
  }
  for (const Json& leak : report["leaks"]) {
    if (!leak.contains("samples")) continue;
    for (const Json& sample : leak["samples"]) add(sample, leak);
  }
}

}  // namespace

std::vector<Site> merged_sites(const std::vector<Json>& reports, const char* key, const char* bytes_name,
                               const char* count_name, SiteOrder order) {
  std::vector<Site> sites;
  std::unordered_map<std::string, size_t> places;
  for (const Json& report : reports) {
    for (const Json& entry : report[key]) {
      Site site;
      site.memory = text_of(entry, "memory");
      site.runtime = text_of(entry, "runtime");
      site.stack = stack_lines(report, entry["stack"].get<size_t>());
      const auto [place, is_new] = places.try_emplace(key_of(site), sites.size());
      if (is_new) sites.push_back(std::move(site));
      Site& merged = sites[place->second];
      merged.bytes += figure(entry, bytes_name);
      merged.count += figure(entry, count_name);
      merged.temporary_count += figure(entry, "temporary_count");
      if (merged.last_report != &report) ++merged.report_count;
      merged.last_report = &report;
    }
  }
  std::stable_sort(sites.begin(), sites.end(), [order](const Site& a, const Site& b) {
    return order == SiteOrder::bytes ? a.bytes > b.bytes : a.count > b.count;
  });
  return sites;
}

std::vector<LargeBlock> large_blocks(const std::vector<Json>& reports, uint64_t bytes) {
  std::vector<LargeBlock> blocks;
  for (const Json& report : reports) add_blocks(blocks, report, bytes);
  std::stable_sort(blocks.begin(), blocks.end(), [](const auto& a, const auto& b) { return a.bytes > b.bytes; });
  return blocks;
}

}  // namespace weir::cli
