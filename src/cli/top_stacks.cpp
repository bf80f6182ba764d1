#include "cli/top_stacks.h"

#include <stdlib.h>

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "cli/compact_report.h"
#include "cli/error.h"

namespace weir::cli {
namespace {

namespace fs = std::filesystem;

// Places with the same text are one: of rows that are many more than are shown.
constexpr size_t kRowsForOne = 8;

// The rows that hold most, with no more than their stacks, finished.
Json first_rows(const std::string& path, size_t count, symbolize::Symbolizer& symbolizer) {
  Json rows = Json::array();
  const TakeRow keep = [&](const Json& row) {
    if (rows.size() < count) rows.push_back(row);
  };
  const CompactReport report(path, {{"leaks", keep}}, std::make_shared<NameTable>(), {"samples", "threads"});
  report.name_stacks(rows, "leaks");
  Json excerpt = report.excerpt({{"leaks", std::move(rows)}});
  finish_report(excerpt, symbolizer);
  return excerpt;
}

std::vector<Site> merged_sites(const Json& report) {
  std::vector<Site> sites;
  std::map<std::string, size_t> places;
  for (const Json& leak : report["leaks"]) {
    const Site site = site_of(report, leak);
    const auto [place, is_new] = places.try_emplace(key_of(site), sites.size());
    if (is_new) {
      sites.push_back(site);
      continue;
    }
    sites[place->second].bytes += site.bytes;
    sites[place->second].count += site.count;
  }
  return sites;
}

}  // namespace

TopStacks::TopStacks(WatchedProcess& process) : process_(process) {
  std::string name = (fs::temp_directory_path() / "weir-top-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw Error(kExitOwnFailure, name + ": " + std::strerror(errno));  // 0700
  folder_ = name;
}

TopStacks::~TopStacks() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

void TopStacks::refresh(size_t count) {
  constexpr std::chrono::milliseconds kWait{1000};
  const auto begun = std::chrono::steady_clock::now();
  const SnapshotAnswer answer =
      process_.target().ask_snapshot(folder_ + "/%n.json", kWait, ControlTarget::Thoroughness::quick);
  why_none_.clear();
  if (!answer.is_answered) {
    why_none_ = "it did not answer: " + answer.why_not;
  } else if (answer.outcome != control::Outcome::done) {
    why_none_ = answer.error == 0 ? "it ends" : "it cannot write " + answer.path + ": " + std::strerror(answer.error);
  } else {
    const std::string path = reachable_path(answer, process_.pid());
    read(path, count);
    fs::remove(path);
  }
  when_ = std::chrono::steady_clock::now();
  cost_ = when_ - begun;
}

void TopStacks::read(const std::string& path, size_t count) {
  rows_.clear();
  for (const Site& site : merged_sites(first_rows(path, count * kRowsForOne, symbolizer_))) {
    const uint64_t first = first_bytes_.try_emplace(site.memory + key_of(site.stack), site.bytes).first->second;
    rows_.push_back({site, static_cast<int64_t>(site.bytes - first)});
  }
  std::stable_sort(rows_.begin(), rows_.end(), [](const Row& a, const Row& b) { return a.site.bytes > b.site.bytes; });
  if (rows_.size() > count) rows_.erase(rows_.begin() + static_cast<std::ptrdiff_t>(count), rows_.end());
}

}  // namespace weir::cli
