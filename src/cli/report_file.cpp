#include "cli/report_file.h"

#include <algorithm>
#include <filesystem>
#include <string_view>

#include "cli/confidential.h"
#include "cli/cuda_calls.h"
#include "cli/error.h"
#include "cli/framework_caches.h"
#include "cli/report_input.h"
#include "cli/report_shape.h"
#include "cli/runtime_allocations.h"
#include "cli/suppressed_leaks.h"

namespace weir::cli {

std::string compact_text(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string json_text(const std::string& text) {
  return Json(text).dump(-1, ' ', true, Json::error_handler_t::replace);
}

bool finish_report(Json& report, symbolize::Symbolizer& symbolizer) {
  if (!symbolize::is_unfinished(report)) return false;
  symbolizer.symbolize(report);
  name_what_is_known(report);
  if (is_confidential(report)) hide_private(report);
  return true;
}

void name_what_is_known(Json& report) {
  name_runtime_allocations(report);
  name_cuda_calls(report);
  // Before suppressions, which may name any frame of its stacks.
  name_framework_caches(report);   // guard: framework-cache-first
  apply_own_suppressions(report);  // guard: suppressions
}

bool is_snapshot_name(const std::string& name) {
  constexpr std::string_view kMark = ".snapshot-", kEnding = ".json";
  const size_t mark = name.rfind(kMark);
  if (mark == std::string::npos) return false;
  std::string_view number = std::string_view(name).substr(mark + kMark.size());
  if (number.ends_with(kEnding)) number.remove_suffix(kEnding.size());
  return !number.empty() && number.find_first_not_of("0123456789") == std::string_view::npos;
}

namespace {

std::vector<std::string> reports_in(const std::string& folder) {
  std::vector<std::string> reports, snapshots;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() != ".json") continue;
    const std::string path = entry.path().string();
    (is_snapshot_name(path) ? snapshots : reports).push_back(path);
  }
  if (reports.empty()) reports.swap(snapshots);
  std::sort(reports.begin(), reports.end());
  return reports;
}

}  // namespace

std::vector<std::string> expand_folders(const std::vector<std::string>& paths) {
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    std::error_code error;
    if (!std::filesystem::is_directory(path, error)) {
      files.push_back(path);
      continue;
    }
    const std::vector<std::string> inside = reports_in(path);
    if (inside.empty()) refuse_report(path, "expected reports (*.json) in this folder");
    files.insert(files.end(), inside.begin(), inside.end());
  }
  return files;
}

}  // namespace weir::cli
