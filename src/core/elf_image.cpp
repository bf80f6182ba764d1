#include "core/elf_image.h"

#include <dlfcn.h>

#include <cstring>

namespace weir::core {
namespace {

constexpr ElfW(Half) kHiddenVersion = 0x8000;  // of a symbol version: not the default one

// The four words that a DT_GNU_HASH section begins with, and what follows them.
struct GnuHash {
  explicit GnuHash(const uint32_t* section)
      : bucket_count(section[0]),
        first_symbol(section[1]),
        buckets(section + 4 + section[2] * (sizeof(uintptr_t) / sizeof(uint32_t))),
        chains(buckets + bucket_count) {}

  uint32_t bucket_count;
  uint32_t first_symbol;
  const uint32_t* buckets;
  const uint32_t* chains;  // by symbol, from first_symbol on: its hash, with bit 0 at the end of a chain

  uint32_t chain_word(uint32_t symbol) const { return chains[symbol - first_symbol]; }
};

uint32_t gnu_hash_of(const char* name) {
  uint32_t hash = 5381;
  for (const char* c = name; *c != '\0'; ++c) hash = hash * 33 + static_cast<unsigned char>(*c);
  return hash;
}

// The loader has made most addresses of a dynamic section absolute.
uintptr_t absolute(uintptr_t base, ElfW(Addr) value) { return value < base ? value + base : value; }

const ElfW(Dyn) * dynamic_section(const dl_phdr_info& module) {
  for (size_t i = 0; i < module.dlpi_phnum; ++i) {
    if (module.dlpi_phdr[i].p_type == PT_DYNAMIC) {
      return reinterpret_cast<const ElfW(Dyn)*>(module.dlpi_addr + module.dlpi_phdr[i].p_vaddr);
    }
  }
  return nullptr;
}

bool is_defined(const ElfW(Sym) & symbol, unsigned type) {
  return symbol.st_shndx != SHN_UNDEF && ELF64_ST_TYPE(symbol.st_info) == type;
}

}  // namespace

ElfImage::ElfImage(uintptr_t base, const ElfW(Dyn) * dynamic) : base_(base) {
  for (const ElfW(Dyn)* entry = dynamic; entry != nullptr && entry->d_tag != DT_NULL; ++entry) {
    const uintptr_t address = absolute(base, entry->d_un.d_ptr);
    if (entry->d_tag == DT_SYMTAB) symbols_ = reinterpret_cast<const ElfW(Sym)*>(address);
    if (entry->d_tag == DT_STRTAB) names_ = reinterpret_cast<const char*>(address);
    if (entry->d_tag == DT_GNU_HASH) gnu_hash_ = reinterpret_cast<const uint32_t*>(address);
    if (entry->d_tag == DT_HASH) hash_ = reinterpret_cast<const uint32_t*>(address);
    if (entry->d_tag == DT_VERSYM) versions_ = reinterpret_cast<const ElfW(Half)*>(address);
    if (entry->d_tag == DT_SONAME) soname_ = entry->d_un.d_val;
  }
}

ElfImage::ElfImage(const dl_phdr_info& module) : ElfImage(module.dlpi_addr, dynamic_section(module)) {}

bool ElfImage::is_named(size_t symbol, const char* name, unsigned type) const {
  return is_defined(symbols_[symbol], type) && strcmp(names_ + symbols_[symbol].st_name, name) == 0;
}

void* ElfImage::address_of(size_t symbol) const { return reinterpret_cast<void*>(base_ + symbols_[symbol].st_value); }

void* ElfImage::find_by_gnu_hash(const char* name, unsigned type) const {
  const GnuHash table(gnu_hash_);
  const uint32_t hash = gnu_hash_of(name);
  void* found = nullptr;
  uint32_t symbol = table.bucket_count == 0 ? 0 : table.buckets[hash % table.bucket_count];
  if (symbol < table.first_symbol) return nullptr;
  for (;; ++symbol) {
    const uint32_t word = table.chain_word(symbol);
    if ((word | 1) == (hash | 1) && is_named(symbol, name, type)) {
      found = address_of(symbol);
      if (versions_ == nullptr || (versions_[symbol] & kHiddenVersion) == 0) return found;
    }
    if ((word & 1) != 0) return found;
  }
}

void* ElfImage::function(const char* name) const { return find(name, STT_FUNC); }

void* ElfImage::object(const char* name) const { return find(name, STT_OBJECT); }

void* ElfImage::find(const char* name, unsigned type) const {
  if (!is_valid()) return nullptr;
  if (gnu_hash_ != nullptr) return find_by_gnu_hash(name, type);
  void* found = nullptr;
  for (size_t symbol = 0; symbol < symbol_count(); ++symbol) {
    if (!is_named(symbol, name, type)) continue;
    found = address_of(symbol);
    if (versions_ == nullptr || (versions_[symbol] & kHiddenVersion) == 0) return found;
  }
  return found;
}

size_t ElfImage::symbol_count() const {
  if (gnu_hash_ == nullptr) return hash_[1];
  const GnuHash table(gnu_hash_);
  uint32_t last = 0;
  for (uint32_t i = 0; i < table.bucket_count; ++i) last = table.buckets[i] > last ? table.buckets[i] : last;
  if (last < table.first_symbol) return table.first_symbol;
  while ((table.chain_word(last) & 1) == 0) ++last;
  return last + 1;
}

const char* ElfImage::function_at(uintptr_t address) const {
  if (!is_valid()) return nullptr;
  const size_t count = symbol_count();
  for (size_t i = 0; i < count; ++i) {
    const ElfW(Sym)& symbol = symbols_[i];
    if (is_defined(symbol, STT_FUNC) && address - (base_ + symbol.st_value) < symbol.st_size) {
      return names_ + symbol.st_name;
    }
  }
  return nullptr;
}

const char* ElfImage::soname() const { return names_ == nullptr || soname_ == 0 ? "" : names_ + soname_; }

const link_map* module_at(const void* address) {
  dl_find_object found;
  return _dl_find_object(const_cast<void*>(address), &found) == 0 ? found.dlfo_link_map : nullptr;
}

}  // namespace weir::core
