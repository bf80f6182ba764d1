// Where a module's symbols are looked for beside the place that a report names. Whether a file is the module's its build id decides.
#pragma once

#include <string>
#include <vector>

namespace weir::symbolize {

struct SymbolSearch {
  std::vector<std::string> folders;  // with .build-id/AB/CDEF.debug, a copy of another machine's root, or files by name
  bool asks_debuginfod = false;      // of $DEBUGINFOD_URLS; else nothing is ever fetched

  // Whether symbols may be found that the machine itself does not have in their places.
  bool goes_beyond_machine() const { return !folders.empty() || asks_debuginfod; }
};

// For the whole process, before the first module is opened.
void set_symbol_search(SymbolSearch search);
const SymbolSearch& symbol_search();

// Files that may be the module's, or have its symbols, the first to be tried first; not all of them are there. path: as the machine had it
// that it was loaded on; where only its name is known it is in none but the folders.
std::vector<std::string> symbol_files(const std::string& path, const std::string& build_id);

// The same asked of a debuginfod server: a file in the cache of its library. "" where it has none, or is not asked.
std::string fetch_symbol_file(const std::string& build_id);

// The folders as libdw has them: those that it looks for separate debug files in.
char** debug_path_of_libdw();

}  // namespace weir::symbolize
