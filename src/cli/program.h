// The program to run: which file it is, and whether Weir may be preloaded into it.
#pragma once

#include <string>

namespace weir::cli {

// Finds `name` as execvp would. Throws Error: kExitNotFound, kExitNotExecutable.
std::string find_program(const std::string& name);

// Why the program at `path` must run without the preload, as the end of "PATH is ..."; empty where nothing speaks against
// it. A script stands for its interpreter, also behind env.
std::string reason_against_preload(const std::string& path);

// Is this a text that only a shell can run: neither ELF nor "#!"?
bool needs_shell(const std::string& path);

}  // namespace weir::cli
