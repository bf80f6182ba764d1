#include "cli/report_processes.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <set>

#include "cli/error.h"
#include "cli/format.h"
#include "cli/json_access.h"
#include "cli/message.h"
#include "cli/output_place.h"
#include "cli/report_input.h"
#include "cli/report_stream.h"

namespace weir::cli {
namespace {

// One process: an executed image has another start.
std::string identity_of(const Json& process) {
  return text_of(process, "host") + '\n' + number_text(process, "pid") + '\n' + number_text(process, "start_ns") +
         '\n' + text_of(process, "exe");
}

std::optional<ReportProcesses> processes_if_known(const std::string& path) {
  try {
    return read_processes(path);
  } catch (const Error&) {
    return std::nullopt;  // whoever reads it says why
  }
}

// A folder's reports, of which some are to be left out.
class Folder {
 public:
  Folder(const std::vector<std::string>& paths, const std::string& replaced) : paths_(paths) {
    for (const std::string& path : paths) {
      const std::optional<ReportProcesses> known = processes_if_known(path);
      if (!known) continue;
      if (!known->is_merged()) {
        of_process_[known->identities[0]].push_back(path);
      } else if (is_same_file(path, replaced)) {
        left_out_.insert(path);
      } else {
        merged_.emplace_back(path, known->identities);
      }
    }
  }

  void leave_out_doubles() {
    for (const auto& [path, identities] : merged_) {
      const auto has_part = [this](const std::string& identity) { return of_process_.contains(identity); };
      const auto parts = static_cast<size_t>(std::count_if(identities.begin(), identities.end(), has_part));
      if (parts > 0 && parts == identities.size()) {
        leave_out_merged(path);
      } else if (parts > 0) {
        leave_out_parts(path, identities);
      }
    }
  }

  std::vector<std::string> left() const {
    std::vector<std::string> paths;
    for (const std::string& path : paths_) {
      if (!left_out_.contains(path)) paths.push_back(path);
    }
    return paths;
  }

 private:
  void leave_out_merged(const std::string& path) {
    left_out_.insert(path);  // guard: merged-once
    say(path + " is left out: the reports that it was merged from are in this folder too");
  }

  void leave_out_parts(const std::string& merged, const std::vector<std::string>& identities) {
    size_t count = 0;
    for (const std::string& identity : identities) {
      const auto parts = of_process_.find(identity);
      if (parts == of_process_.end()) continue;
      for (const std::string& path : parts->second) count += left_out_.insert(path).second ? 1 : 0;
    }
    if (count > 0) say(plural(count, "report") + " left out: " + merged + " was merged from them, and from more");
  }

  const std::vector<std::string>& paths_;
  std::map<std::string, std::vector<std::string>> of_process_;  // reports of one process by its identity
  std::vector<std::pair<std::string, std::vector<std::string>>> merged_;
  std::set<std::string> left_out_;
};

}  // namespace

ReportProcesses read_processes(const std::string& path) {
  ReportProcesses found;
  const auto take_process = [&found](Json& process) {
    found.process = std::move(process);
    if (found.process.is_object() && found.is_merged()) return;
    throw StopReading();
  };
  const auto take_processes = [&found](Json& processes) {
    for (const Json& process : processes) found.identities.push_back(identity_of(process));
    throw StopReading();
  };
  stream_report(path, [&](const std::string& key) {
    if (key == "process") return ReportPart{false, take_process};
    if (key == "processes" && found.process.is_object()) return ReportPart{false, take_processes};
    return ReportPart();
  });
  if (!found.process.is_object()) refuse_report(path, "expected \"process\" to hold an object");
  if (!found.is_merged()) found.identities = {identity_of(found.process)};
  return found;
}

std::vector<std::string> with_each_process_once(const std::vector<std::string>& paths, const std::string& replaced) {
  Folder folder(paths, replaced);
  folder.leave_out_doubles();
  return folder.left();
}

std::vector<std::string> expand_folders_once(const std::vector<std::string>& paths, const std::string& replaced) {
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    std::error_code error;
    const std::vector<std::string> found = expand_folders({path});
    const std::vector<std::string> kept =
        std::filesystem::is_directory(path, error) ? with_each_process_once(found, replaced) : found;
    files.insert(files.end(), kept.begin(), kept.end());
  }
  return files;
}

}  // namespace weir::cli
