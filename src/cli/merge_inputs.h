// Which reports are merged, and in which order.
#pragma once

#include <string>
#include <vector>

#include "cli/report_file.h"

namespace weir::cli {

struct MergeInput {
  std::string path;
  Json process;  // the report's key of that name
};

// The reports at these places (expand_folders) by rank, then by host, start and process id, whatever the order in which they are named. Of
// several reports of one process, such as snapshots, the latest is taken; `notes` says so. Reads no more than each file's beginning. Throws
// Error(kExitBadReport), for merged reports too, but for the one at `output`: what an earlier merge left in the folder is written anew.
std::vector<MergeInput> find_merge_inputs(const std::vector<std::string>& paths, const std::string& output,
                                          std::vector<std::string>& notes);

}  // namespace weir::cli
