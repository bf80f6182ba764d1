// Of which processes reports are.
#pragma once

#include <string>
#include <vector>

#include "cli/report_file.h"

namespace weir::cli {

struct ReportProcesses {
  Json process;                         // the report's key of that name
  std::vector<std::string> identities;  // of each process that it is of; equal for reports of one process

  bool is_merged() const { return process.contains("merged_count"); }
};

// Reads no more than the file's beginning. Throws Error(kExitBadReport).
ReportProcesses read_processes(const std::string& path);

// Of the reports of one folder those in which each process is found once: without a merged report whose parts are all there, and without the parts
// of one that has more. A line on stderr says what was left out; nothing is said of a merged report at `replaced`, which is left out whatever
// its parts are. What cannot be read stays.
std::vector<std::string> with_each_process_once(const std::vector<std::string>& paths,
                                                const std::string& replaced = "");

// As expand_folders(), of each folder with_each_process_once(). What is named itself stays.
std::vector<std::string> expand_folders_once(const std::vector<std::string>& paths, const std::string& replaced = "");

}  // namespace weir::cli
