// A loaded module's relocations that refer to functions by name, and writing to where they lead.
#pragma once

#include <link.h>

#include <cstddef>
#include <cstdint>

namespace weir::runtime {

struct AddressRange {
  uintptr_t start = 0;
  uintptr_t end = 0;
  bool contains(uintptr_t address) const { return address >= start && address < end; }
};

// What a loaded module's headers and dynamic section tell. Valid while the loader's list of modules is held.
struct ModuleRelocations {
  explicit ModuleRelocations(const dl_phdr_info& module);

  // Symbols below this index are undefined: the hash table finds those behind. kUnknown where it finds none.
  size_t undefined_symbol_end() const;
  static constexpr size_t kUnknown = SIZE_MAX;

  uintptr_t base;
  AddressRange image;
  AddressRange read_only;  // once the loader is done with it
  const ElfW(Sym) * symbols = nullptr;
  const char* names = nullptr;
  const uint32_t* gnu_hash = nullptr;
  const ElfW(Rela) * tables[2] = {};  // data, then calls
  size_t table_bytes[2] = {};
};

// Calls visit(slot, symbol, name) for each slot that is to hold the address of a function that the module does not define.
template <class Visit>
void for_each_function_slot(const ModuleRelocations& module, const Visit& visit) {
  for (size_t table = 0; table < 2; ++table) {
    const size_t count = module.table_bytes[table] / sizeof(ElfW(Rela));
    for (size_t i = 0; i < count; ++i) {
      const ElfW(Rela)& relocation = module.tables[table][i];
      const auto type = ELF64_R_TYPE(relocation.r_info);
      if (type != R_X86_64_JUMP_SLOT && type != R_X86_64_GLOB_DAT && type != R_X86_64_64) continue;
      const ElfW(Sym)& symbol = module.symbols[ELF64_R_SYM(relocation.r_info)];
      if (symbol.st_shndx != SHN_UNDEF) continue;
      visit(module.base + relocation.r_offset, symbol, module.names + symbol.st_name);
    }
  }
}

// The slot may lie in what the loader has made read-only.
void write_function_slot(const ModuleRelocations& module, uintptr_t slot, const void* definition);

}  // namespace weir::runtime
