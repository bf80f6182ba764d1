#include "symbolize/symbol_index.h"

#include <algorithm>

#include "symbolize/demangle.h"

namespace weir::symbolize {
namespace {

bool is_function(const GElf_Sym& symbol) {
  const int type = GELF_ST_TYPE(symbol.st_info);
  return (type == STT_FUNC || type == STT_GNU_IFUNC) && symbol.st_shndx != SHN_UNDEF && symbol.st_size > 0;
}

// .symtab keeps "memcpy@@GLIBC_2.14".
std::string without_version(const char* name) {
  const std::string text(name);
  return text.substr(0, text.find('@'));
}

}  // namespace

SymbolIndex::SymbolIndex(Dwfl_Module* module) {
  const int count = dwfl_module_getsymtab(module);
  for (int i = 1; i < count; ++i) {
    GElf_Sym symbol;
    GElf_Addr address = 0;
    const char* name = dwfl_module_getsym_info(module, i, &symbol, &address, nullptr, nullptr, nullptr);
    if (name == nullptr || *name == '\0' || !is_function(symbol)) continue;
    symbols_.push_back({address, symbol.st_size, name, rank_of(symbol, name)});
  }
  std::sort(symbols_.begin(), symbols_.end(),
            [](const Symbol& a, const Symbol& b) { return a.start != b.start ? a.start < b.start : a.rank < b.rank; });
  symbols_.erase(std::unique(symbols_.begin(), symbols_.end(),
                             [](const Symbol& a, const Symbol& b) { return a.start == b.start; }),
                 symbols_.end());
}

// Public names before internal ones (malloc before __libc_malloc), global before weak before local.
int SymbolIndex::rank_of(const GElf_Sym& symbol, const char* name) {
  const int bind = GELF_ST_BIND(symbol.st_info);
  const int binding_rank = bind == STB_GLOBAL ? 0 : bind == STB_WEAK ? 1 : 2;
  const bool internal = name[0] == '_' && name[1] != 'Z';
  return (internal ? 3 : 0) + binding_rank;
}

std::string SymbolIndex::function_at(GElf_Addr address) const {
  const auto after = std::upper_bound(symbols_.begin(), symbols_.end(), address,
                                      [](GElf_Addr value, const Symbol& symbol) { return value < symbol.start; });
  if (after == symbols_.begin()) return {};
  const Symbol& symbol = *std::prev(after);
  if (address - symbol.start >= symbol.size) return {};
  return demangle(without_version(symbol.name).c_str());
}

}  // namespace weir::symbolize
