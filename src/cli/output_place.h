// What a command may not write over.
#pragma once

#include <string>
#include <vector>

namespace weir::cli {

// Whether both names lead to one file that is there, through links too.
bool is_same_file(const std::string& a, const std::string& b);

// `output`: as an Output's, given by `option`. Throws Error(kExitUsage) where it is one of the files that the command reads: writing would
// destroy it.
void refuse_to_replace_input(const std::vector<std::string>& inputs, const std::string& output, const char* option);

}  // namespace weir::cli
