#include "cli/report_place.h"

#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "cli/error.h"
#include "cli/json_access.h"
#include "cli/report_file.h"

namespace weir::cli {
namespace {

namespace fs = std::filesystem;

constexpr char kEnding[] = ".json";

std::string without_ending(const std::string& name) {
  return name.ends_with(kEnding) ? name.substr(0, name.size() - std::strlen(kEnding)) : name;
}

// A pattern's names as a glob: every %x may be anything, and ".PID" or a number may stand before the ending.
std::string glob_of(std::string pattern) {
  if (pattern.ends_with('/')) pattern += "weir.%e.%p.json";  // a folder, for reports of the default name
  const fs::path path(pattern);
  const std::string extension = path.extension().string();
  const std::string stem = pattern.substr(0, pattern.size() - extension.size());
  std::string text;
  for (size_t i = 0; i < stem.size(); ++i) {
    if (stem[i] == '%' && i + 1 < stem.size()) {
      text += stem[++i] == '%' ? "%" : "*";
    } else {
      if (std::strchr("*?[\\", stem[i]) != nullptr) text += '\\';
      text += stem[i];
    }
  }
  return text + "*" + extension;
}

std::vector<std::string> matches(const std::string& pattern) {
  glob_t found{};
  std::vector<std::string> names;
  if (glob(glob_of(pattern).c_str(), 0, nullptr, &found) == 0)
    names.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  globfree(&found);
  return names;
}

// Tells a rewritten file from the one that lay there before.
std::string identity(const std::string& path) {
  struct stat status;
  if (stat(path.c_str(), &status) != 0) return {};
  return path + '\n' + std::to_string(status.st_ino) + '\n' + std::to_string(status.st_mtim.tv_sec) + '.' +
         std::to_string(status.st_mtim.tv_nsec);
}

// A folder of one report beside its snapshots stays what it is.
bool holds_snapshots(const std::string& folder) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    if (is_snapshot_name(entry.path().filename().string())) return true;
  }
  return false;
}

std::string escaped(const std::string& path) {
  std::string text;
  for (const char c : path) text += c == '%' ? std::string("%%") : std::string(1, c);
  return text;
}

std::vector<std::string> candidate_parents() {
  std::error_code error;
  const char* temporary = std::getenv("TMPDIR");
  return {fs::current_path(error).string(), temporary != nullptr && *temporary != '\0' ? temporary : "/tmp"};
}

}  // namespace

ReportPlace::ReportPlace(const std::string& pattern, const std::string& program) : pattern_(pattern) {
  if (off()) return;
  if (!pattern_.empty()) {
    for (const std::string& name : matches(pattern_)) older_.insert(identity(name));
    return;
  }
  make_folder(program);
  pattern_ = escaped(folder_) + "/%e.%p.json";
}

void ReportPlace::make_folder(const std::string& program) {
  std::string name = "/weir." + program + "." + std::to_string(getpid());
  std::replace_if(name.begin(), name.end(), is_control, '_');  // as %e has it
  std::string why;
  for (const std::string& parent : candidate_parents()) {
    for (int attempt = 0; attempt < 100; ++attempt) {
      const std::string folder = parent + name + (attempt > 0 ? "." + std::to_string(attempt) : "");
      if (mkdir(folder.c_str(), S_IRWXU) == 0) {
        folder_ = folder;
        return;
      }
      why = folder + ": " + std::strerror(errno);
      if (errno != EEXIST) break;
    }
  }
  throw Error(kExitOwnFailure, "cannot make a folder for the report: " + why);
}

std::vector<std::string> ReportPlace::collect() {
  if (off()) return {};
  std::vector<std::string> reports;
  for (std::string& name : matches(pattern_)) {
    if (older_.count(identity(name)) == 0 && !is_snapshot_name(name)) reports.push_back(std::move(name));
  }
  if (folder_.empty() || holds_snapshots(folder_)) return reports;
  if (reports.size() == 1) move_single(reports[0]);
  if (rmdir(folder_.c_str()) == 0) folder_.clear();
  return reports;
}

void ReportPlace::move_single(std::string& report) {
  const std::string base =
      fs::path(folder_).parent_path().string() + "/weir." + without_ending(fs::path(report).filename().string());
  for (int attempt = 0; attempt < 100; ++attempt) {
    const std::string name = base + (attempt > 0 ? "." + std::to_string(attempt) : "") + kEnding;
    if (renameat2(AT_FDCWD, report.c_str(), AT_FDCWD, name.c_str(), RENAME_NOREPLACE) == 0) {
      report = name;
      return;
    }
    if (errno != EEXIST) return;  // it stays where it is
  }
}

}  // namespace weir::cli
