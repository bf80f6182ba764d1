// One ELF file on this machine, checked to be the one a report speaks of.
#pragma once

#include <elfutils/libdwfl.h>

#include <cstdint>
#include <memory>
#include <string>

#include "symbolize/debug_index.h"
#include "symbolize/location.h"
#include "symbolize/symbol_index.h"

namespace weir::symbolize {

enum class Symbols { none, symbol_table, debug_info };

// Opened once per module of a report; not for use by two threads at a time.
class Module {
 public:
  // Opens `path`, or where that is missing or another build what symbol_search.h finds; where more folders or servers are searched, also for
  // a file that has no debug information. Its build id (lower-case hexadecimal, "" for none) must be `build_id`; else the module stays
  // closed and problem() says why.
  Module(const std::string& path, const std::string& build_id);
  ~Module();
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  bool is_open() const { return module_ != nullptr; }
  const std::string& problem() const { return problem_; }
  Symbols symbols() const;

  // `address` as in the file (offset from the load bias), of an instruction, not of the one after a call.
  Location locate(uint64_t address);

 private:
  bool open(const std::string& path, const std::string& build_id);
  bool open_with_symbols(const std::string& path, const std::string& build_id);
  void close();
  void read_indexes();

  std::string problem_;
  Dwfl* dwfl_ = nullptr;
  Dwfl_Module* module_ = nullptr;
  Dwarf_Addr debug_bias_ = 0;
  bool has_debug_info_ = false;
  DebugIndex debug_info_;
  SymbolIndex symbols_;
};

// The build id of an ELF file in lower-case hexadecimal; "" where it has none or is no ELF file.
std::string build_id_of(const std::string& path);

}  // namespace weir::symbolize
