#include "cli/top_stacks.h"

#include <stdlib.h>

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "cli/compact_report.h"
#include "cli/error.h"
#include "cli/format.h"
#include "cli/site.h"

namespace weir::cli {
namespace {

namespace fs = std::filesystem;

// Places with the same text are one: of rows that are many more than are shown.
constexpr size_t kRowsForOne = 64;

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

// The innermost functions on one line.
std::string path_of(const std::vector<StackLine>& stack) {
  constexpr size_t kFunctions = 4, kWidth = 60;
  std::string text;
  size_t shown = 0;
  for (const StackLine& line : stack) {
    if (line.noise || shown == kFunctions) continue;
    const std::string function = line.function.empty() ? line.place : shorten_function(line.function, kWidth);
    text +=
        (shown == 0 ? "" : " < ") + function + (shown == 0 && !line.function.empty() ? " (" + line.place + ")" : "");
    ++shown;
  }
  return text.empty() ? "(the stack is not known)" : text;
}

std::string key_of(const TopStacks::Row& row) { return row.memory + '\n' + row.path; }

std::vector<TopStacks::Row> rows_of(const Json& report) {
  std::vector<TopStacks::Row> rows;
  std::map<std::string, size_t> places;
  for (const Json& leak : report["leaks"]) {
    const Site site = site_of(report, leak);
    const TopStacks::Row row{site.memory, path_of(site.stack), site.bytes, site.count};
    const auto [place, is_new] = places.try_emplace(key_of(row), rows.size());
    if (is_new) {
      rows.push_back(row);
      continue;
    }
    rows[place->second].bytes += row.bytes;  // guard: top-places
    rows[place->second].count += row.count;
  }
  return rows;
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
  rows_ = rows_of(first_rows(path, count * kRowsForOne, symbolizer_));
  for (Row& row : rows_)
    row.grown_bytes = static_cast<int64_t>(row.bytes - first_bytes_.try_emplace(key_of(row), row.bytes).first->second);
  std::stable_sort(rows_.begin(), rows_.end(), [](const Row& a, const Row& b) { return a.bytes > b.bytes; });
  if (rows_.size() > count) rows_.erase(rows_.begin() + static_cast<std::ptrdiff_t>(count), rows_.end());
}

}  // namespace weir::cli
