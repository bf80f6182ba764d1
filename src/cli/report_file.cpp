#include "cli/report_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
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
namespace {

std::string system_text() { return std::strerror(errno); }

// A report that the superuser finishes stays its user's.
void keep_owner(const std::string& path, int fd) {
  struct stat status {};
  if (geteuid() != 0 || stat(path.c_str(), &status) != 0) return;
  if (fchown(fd, status.st_uid, status.st_gid) != 0) throw Error(kExitOwnFailure, path + ": " + system_text());
}

}  // namespace

std::string compact_text(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

NewFile::NewFile(const std::string& path) : path_(path), temporary_(path + ".XXXXXX") {
  struct stat status {};
  is_in_place_ = lstat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode);
  const int fd = is_in_place_ ? open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)
                              : mkostemp(temporary_.data(), O_CLOEXEC);  // 0600
  if (fd < 0) throw Error(kExitOwnFailure, path + ": " + system_text());
  stream_ = fdopen(fd, "w");
}

NewFile::~NewFile() {
  if (stream_ == nullptr) return;
  std::fclose(stream_);
  if (!is_in_place_) unlink(temporary_.c_str());
}

void NewFile::write(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stream_) != text.size()) fail();
}

void NewFile::commit() {
  if (!is_in_place_) keep_owner(path_, fileno(stream_));
  if (std::fflush(stream_) != 0 || (!is_in_place_ && rename(temporary_.c_str(), path_.c_str()) != 0)) fail();
  std::fclose(stream_);
  stream_ = nullptr;
}

void NewFile::fail() const { throw Error(kExitOwnFailure, path_ + ": " + system_text()); }

void write_text(const std::string& path, const std::string& text) {
  NewFile file(path);
  file.write(text);
  file.commit();
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
