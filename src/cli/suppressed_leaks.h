// Suppressions of a report's leaks, and what is left of them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/report_file.h"

namespace weir::cli {

// Applies what the report itself names (WEIR_SUPPRESSIONS and the program's own) and what is built in. A file that is not there, and a line
// that is none, cost an entry in `warnings`.
void apply_own_suppressions(Json& report);

// Applies those of more files, to what is not suppressed yet. Throws Error(kExitUsage) for a file that cannot be read or has a wrong line.
class SuppressionFiles {
 public:
  SuppressionFiles() = default;
  explicit SuppressionFiles(const std::vector<std::string>& paths);
  void apply(Json& report) const;
  bool is_empty() const { return files_.empty(); }

 private:
  struct File {
    std::string path, text;
  };
  std::vector<File> files_;
};

// Whether blocks are definitely or indirectly lost that no suppression names. What hangs from a suppressed block alone is suppressed with it,
// and what a runtime keeps by design, or a framework in a cache of its own, is no leak.
bool has_leaks_left(const Json& report);

}  // namespace weir::cli
