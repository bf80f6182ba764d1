#include "runtime/module_relocations.h"

#include <sys/mman.h>

#include "core/system_call.h"

namespace weir::runtime {
namespace {

constexpr uintptr_t kPageBytes = 4096;

template <class T>
T* address_in(uintptr_t base, ElfW(Addr) value) {
  if (value < base) value += base;  // the loader has made most of them absolute
  return reinterpret_cast<T*>(value);
}

}  // namespace

ModuleRelocations::ModuleRelocations(const dl_phdr_info& module) : base(module.dlpi_addr) {
  const ElfW(Dyn)* entry = nullptr;
  for (size_t i = 0; i < module.dlpi_phnum; ++i) {
    const ElfW(Phdr)& header = module.dlpi_phdr[i];
    const AddressRange range{base + header.p_vaddr, base + header.p_vaddr + header.p_memsz};
    if (header.p_type == PT_DYNAMIC) entry = reinterpret_cast<const ElfW(Dyn)*>(range.start);
    if (header.p_type == PT_GNU_RELRO) read_only = range;
    if (header.p_type != PT_LOAD) continue;
    if (image.start == 0) image.start = range.start;
    image.end = range.end;
  }
  for (; entry != nullptr && entry->d_tag != DT_NULL; ++entry) {
    const ElfW(Addr) value = entry->d_un.d_ptr;
    if (entry->d_tag == DT_SYMTAB) symbols = address_in<const ElfW(Sym)>(base, value);
    if (entry->d_tag == DT_STRTAB) names = address_in<const char>(base, value);
    if (entry->d_tag == DT_GNU_HASH) gnu_hash = address_in<const uint32_t>(base, value);
    if (entry->d_tag == DT_RELA) tables[0] = address_in<const ElfW(Rela)>(base, value);
    if (entry->d_tag == DT_RELASZ) table_bytes[0] = value;
    if (entry->d_tag == DT_JMPREL) tables[1] = address_in<const ElfW(Rela)>(base, value);
    if (entry->d_tag == DT_PLTRELSZ) table_bytes[1] = value;
  }
}

size_t ModuleRelocations::undefined_symbol_end() const {
  if (symbols == nullptr || names == nullptr) return 0;
  if (gnu_hash == nullptr) return kUnknown;
  const uint32_t bucket_count = gnu_hash[0];
  const uint32_t* buckets = gnu_hash + 4 + gnu_hash[2] * (sizeof(uintptr_t) / sizeof(uint32_t));
  for (uint32_t i = 0; i < bucket_count; ++i) {
    if (buckets[i] != 0) return gnu_hash[1];
  }
  return kUnknown;  // a table of nothing tells nothing
}

void write_function_slot(const ModuleRelocations& module, uintptr_t slot, const void* definition) {
  auto* page = reinterpret_cast<void*>(slot & ~(kPageBytes - 1));
  const bool closed = module.read_only.contains(slot);
  const auto protect = [page](int protection) {
    return core::system_call(SYS_mprotect, core::as_argument(page), kPageBytes, protection);
  };
  if (closed && core::failed(protect(PROT_READ | PROT_WRITE))) return;
  __atomic_store_n(reinterpret_cast<const void**>(slot), definition, __ATOMIC_RELEASE);
  if (closed) protect(PROT_READ);
}

}  // namespace weir::runtime
