// Where libweir.so is, and how it gets into a program.
#pragma once

#include <string>

namespace weir::cli {

// $WEIR_LIBRARY, else beside the command (../lib, ../lib64, ../lib/<triplet>), else where it was installed. Absolute; throws
// Error(kExitOwnFailure) where there is none, or where its path cannot stand in LD_PRELOAD (a space or a colon in it).
std::string find_library();

// An LD_PRELOAD with the library first and `existing` (nullptr: none) kept; the library is not named twice.
std::string preload_with(const std::string& library, const char* existing);

// This executable's own path.
std::string own_path();

}  // namespace weir::cli
