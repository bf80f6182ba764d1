// A module's ELF symbols by address: the fallback for functions that have no debug information.
#pragma once

#include <elfutils/libdwfl.h>

#include <string>
#include <vector>

namespace weir::symbolize {

class SymbolIndex {
 public:
  SymbolIndex() = default;
  // Reads .symtab or .dynsym, and .gnu_debugdata where the module has it. Addresses are the module's own.
  explicit SymbolIndex(Dwfl_Module* module);

  // The function whose [start, start + size) holds the address, demangled; empty where none does. Never the nearest one:
  // in a stripped library that would name a function which did not run.
  std::string function_at(GElf_Addr address) const;
  bool empty() const { return symbols_.empty(); }

 private:
  struct Symbol {
    GElf_Addr start;
    GElf_Xword size;
    const char* name;  // owned by the Dwfl
    int rank;          // of symbols at the same address the lowest names it best
  };
  static int rank_of(const GElf_Sym& symbol, const char* name);

  std::vector<Symbol> symbols_;  // by start, then rank
};

}  // namespace weir::symbolize
