#include "cli/output_place.h"

#include <sys/stat.h>

#include "cli/error.h"

namespace weir::cli {

bool is_same_file(const std::string& a, const std::string& b) {
  struct stat status_a, status_b;
  return stat(a.c_str(), &status_a) == 0 && stat(b.c_str(), &status_b) == 0 && status_a.st_dev == status_b.st_dev &&
         status_a.st_ino == status_b.st_ino;
}

void refuse_to_replace_input(const std::vector<std::string>& inputs, const std::string& output, const char* option) {
  if (output == "-") return;
  for (const std::string& input : inputs) {
    if (!is_same_file(input, output)) continue;  // guard: input-kept
    throw Error(kExitUsage,
                output + ": writing there would replace a file that is read; " + option + " names another one");
  }
}

}  // namespace weir::cli
