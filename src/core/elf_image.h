// A loaded module's dynamic symbols, read where the loader has them: by name without asking the loader, which would look at who asks,
// and by address. No lock, no allocation. The module must stay loaded meanwhile.
#pragma once

#include <link.h>

#include <cstddef>
#include <cstdint>

namespace weir::core {

class ElfImage {
 public:
  ElfImage() = default;
  ElfImage(uintptr_t base, const ElfW(Dyn) * dynamic);
  explicit ElfImage(const link_map& module) : ElfImage(module.l_addr, module.l_ld) {}
  explicit ElfImage(const dl_phdr_info& module);

  // Where the function of that name begins: of several versions the default one. nullptr where the module defines none, or one whose
  // address is to be asked for (ifunc).
  void* function(const char* name) const;

  // Where the variable of that name is; nullptr where the module defines none.
  void* object(const char* name) const;

  // The name of the function that `address` lies in, in the module's own memory; nullptr where no exported one does.
  const char* function_at(uintptr_t address) const;

  const char* soname() const;  // "" where it has none
  bool is_valid() const {
    return symbols_ != nullptr && names_ != nullptr && (gnu_hash_ != nullptr || hash_ != nullptr);
  }

 private:
  size_t symbol_count() const;
  bool is_named(size_t symbol, const char* name, unsigned type) const;  // and of that type (STT_), and defined
  void* address_of(size_t symbol) const;
  void* find(const char* name, unsigned type) const;
  void* find_by_gnu_hash(const char* name, unsigned type) const;

  uintptr_t base_ = 0;
  const ElfW(Sym) * symbols_ = nullptr;
  const char* names_ = nullptr;
  const uint32_t* gnu_hash_ = nullptr;
  const uint32_t* hash_ = nullptr;  // the older table, which some linkers still make alone
  const ElfW(Half) * versions_ = nullptr;
  size_t soname_ = 0;
};

// The module that holds `address`; nullptr where none does. Lock-free.
const link_map* module_at(const void* address);

}  // namespace weir::core
