// Which reports are merged, and in which order.
#pragma once

#include <string>
#include <vector>

#include "cli/report_file.h"

namespace weir::cli {

struct MergeInput {
  std::string path;
  Json process;          // the report's key of that name
  std::string identity;  // read_processes()
};

// The reports at these places (expand_folders_once) by rank, then by host, start and process id, whatever the order in which they are named. Of
// several reports of one process, such as snapshots, the latest is taken; `notes` says so. Reads no more than each file's beginning. Throws
// Error(kExitBadReport), for merged reports too, but for the one at `output` where it lies in a folder, or is named with all that it was merged from: it is
// written anew. Throws Error(kExitUsage) where the report of a process is at `output`.
std::vector<MergeInput> find_merge_inputs(const std::vector<std::string>& paths, const std::string& output,
                                          std::vector<std::string>& notes);

}  // namespace weir::cli
