#include "cli/site.h"

#include <algorithm>

#include "cli/json_access.h"

namespace weir::cli {
namespace {

std::string key_of(const Site& site) {
  return site.memory + '\n' + site.device + '\n' + site.call + '\n' + site.kind + '\n' + site.runtime + '\n' +
         site.suppressed + key_of(site.stack);
}

}  // namespace

std::string key_of(const std::vector<StackLine>& stack) {
  std::string key;
  for (const StackLine& line : stack) key += '\n' + line.function + '\t' + line.place;
  return key;
}

Site site_of(const Json& report, const Json& entry, const char* bytes_name, const char* count_name) {
  Site site;
  site.memory = text_of(entry, "memory");
  site.device = number_text(entry, "device");
  site.call = text_of(entry, "call");
  site.kind = text_of(entry, "kind");
  site.runtime = text_of(entry, "runtime");
  site.suppressed = text_of(entry, "suppressed");
  site.stack = stack_lines(report, entry["stack"].get<size_t>());
  site.bytes = figure(entry, bytes_name);
  site.taken_bytes = figure(entry, "taken_bytes");
  site.count = figure(entry, count_name);
  site.indirect_bytes = figure(entry, "indirect_bytes");
  site.indirect_count = figure(entry, "indirect_count");
  site.temporary_count = figure(entry, "temporary_count");
  return site;
}

void SiteTable::add(const Json& report, uint64_t report_number, const Json& entries, const char* bytes_name,
                    const char* count_name) {
  for (const Json& entry : entries) {
    Site site = site_of(report, entry, bytes_name, count_name);
    const auto [place, is_new] = places_.try_emplace(key_of(site), sites_.size());
    const uint64_t processes = std::max<uint64_t>(1, figure(entry, "process_count"));  // of a merged report's row
    if (is_new) {
      site.last_report = report_number;
      site.report_count = processes;
      sites_.push_back(std::move(site));
      continue;
    }
    Site& merged = sites_[place->second];
    merged.bytes += site.bytes;
    merged.taken_bytes += site.taken_bytes;
    merged.count += site.count;
    merged.indirect_bytes += site.indirect_bytes;
    merged.indirect_count += site.indirect_count;
    merged.temporary_count += site.temporary_count;
    if (merged.last_report != report_number) merged.report_count += processes;
    merged.last_report = report_number;
  }
}

}  // namespace weir::cli
