#include "runtime/deep_binding.h"

#include <dlfcn.h>
#include <link.h>
#include <sys/mman.h>

#include <cstring>

#include "core/system_call.h"
#include "runtime/host_symbols.h"

namespace weir::runtime {
namespace {

constexpr uintptr_t kPageBytes = 4096;
constexpr size_t kMaxHeapFunctions = 16;
constexpr size_t kNone = SIZE_MAX;

// What a loaded module's dynamic section tells.
struct Dynamic {
  const ElfW(Sym) * symbols = nullptr;
  const char* names = nullptr;
  const ElfW(Rela) * relocations[2] = {};  // data, then calls
  size_t relocation_bytes[2] = {};
};

struct Range {
  uintptr_t start = 0;
  uintptr_t end = 0;
  bool contains(uintptr_t address) const { return address >= start && address < end; }
};

struct Rebinding {
  uintptr_t first_base;  // the library's; what it brought along comes after it in the loader's list
  bool reached;
  const HeapFunction* functions;
  size_t count;
  void* next_definitions[kMaxHeapFunctions];  // what the library finds instead, looked up ahead of the loader's lock
};

template <class T>
T* address_in(const dl_phdr_info& module, ElfW(Addr) value) {
  if (value < module.dlpi_addr) value += module.dlpi_addr;  // the loader has made most of them absolute
  return reinterpret_cast<T*>(value);
}

Dynamic read_dynamic(const dl_phdr_info& module, const ElfW(Dyn) * entry) {
  Dynamic dynamic;
  for (; entry->d_tag != DT_NULL; ++entry) {
    const ElfW(Addr) value = entry->d_un.d_ptr;
    if (entry->d_tag == DT_SYMTAB) dynamic.symbols = address_in<const ElfW(Sym)>(module, value);
    if (entry->d_tag == DT_STRTAB) dynamic.names = address_in<const char>(module, value);
    if (entry->d_tag == DT_RELA) dynamic.relocations[0] = address_in<const ElfW(Rela)>(module, value);
    if (entry->d_tag == DT_RELASZ) dynamic.relocation_bytes[0] = value;
    if (entry->d_tag == DT_JMPREL) dynamic.relocations[1] = address_in<const ElfW(Rela)>(module, value);
    if (entry->d_tag == DT_PLTRELSZ) dynamic.relocation_bytes[1] = value;
  }
  return dynamic;
}

size_t find_function(const Rebinding& rebinding, const char* name) {
  for (size_t i = 0; i < rebinding.count; ++i) {
    if (strcmp(rebinding.functions[i].name, name) == 0) return i;
  }
  return kNone;
}

bool refers_to_function(const ElfW(Rela) & relocation) {
  const auto type = ELF64_R_TYPE(relocation.r_info);
  return type == R_X86_64_JUMP_SLOT || type == R_X86_64_GLOB_DAT || type == R_X86_64_64;
}

// The slot may lie in what the loader has made read-only.
void write_slot(uintptr_t slot, void* definition, const Range& read_only) {
  auto* page = reinterpret_cast<void*>(slot & ~(kPageBytes - 1));
  const bool closed = read_only.contains(slot);
  const auto protect = [page](int protection) {
    return core::system_call(SYS_mprotect, core::as_argument(page), kPageBytes, protection);
  };
  if (closed && core::failed(protect(PROT_READ | PROT_WRITE))) return;
  __atomic_store_n(reinterpret_cast<void**>(slot), definition, __ATOMIC_RELEASE);
  if (closed) protect(PROT_READ);
}

// A slot that leads into the libc, or is still to be bound and leads into the module itself, is led to `definition`; one that
// leads elsewhere has an allocator of the library's own behind it.
bool is_libcs_or_unbound(const void* libcs, uintptr_t slot, const Range& module) {
  const void* target = *reinterpret_cast<void**>(slot);
  return target == libcs || module.contains(reinterpret_cast<uintptr_t>(target));
}

void rebind_module(const Rebinding& rebinding, const dl_phdr_info& module, const Dynamic& dynamic, const Range& image,
                   const Range& read_only) {
  for (size_t table = 0; table < 2; ++table) {
    const size_t count = dynamic.relocation_bytes[table] / sizeof(ElfW(Rela));
    for (size_t i = 0; i < count; ++i) {
      const ElfW(Rela)& relocation = dynamic.relocations[table][i];
      if (!refers_to_function(relocation)) continue;
      const ElfW(Sym)& symbol = dynamic.symbols[ELF64_R_SYM(relocation.r_info)];
      if (symbol.st_shndx != SHN_UNDEF) continue;  // the module's own
      const size_t function = find_function(rebinding, dynamic.names + symbol.st_name);
      const uintptr_t slot = module.dlpi_addr + relocation.r_offset;
      if (function == kNone || !is_libcs_or_unbound(rebinding.next_definitions[function], slot, image)) continue;
      write_slot(slot, rebinding.functions[function].definition, read_only);
    }
  }
}

// Under the loader's lock: no module comes or goes meanwhile.
int visit_module(dl_phdr_info* module, size_t, void* context) {
  auto& rebinding = *static_cast<Rebinding*>(context);
  rebinding.reached = rebinding.reached || module->dlpi_addr == rebinding.first_base;
  if (!rebinding.reached) return 0;
  const ElfW(Dyn)* dynamic = nullptr;
  Range image, read_only;
  for (size_t i = 0; i < module->dlpi_phnum; ++i) {
    const ElfW(Phdr)& header = module->dlpi_phdr[i];
    const Range range{module->dlpi_addr + header.p_vaddr, module->dlpi_addr + header.p_vaddr + header.p_memsz};
    if (header.p_type == PT_DYNAMIC) dynamic = reinterpret_cast<const ElfW(Dyn)*>(range.start);
    if (header.p_type == PT_GNU_RELRO) read_only = range;
    if (header.p_type != PT_LOAD) continue;
    if (image.start == 0) image.start = range.start;
    image.end = range.end;
  }
  if (dynamic != nullptr) rebind_module(rebinding, *module, read_dynamic(*module, dynamic), image, read_only);
  return 0;
}

bool has_search_path(uintptr_t caller) {
  Dl_info info{};
  void* map = nullptr;
  if (dladdr1(reinterpret_cast<void*>(caller), &info, &map, RTLD_DL_LINKMAP) == 0 || map == nullptr) return false;
  for (const ElfW(Dyn)* entry = static_cast<link_map*>(map)->l_ld; entry->d_tag != DT_NULL; ++entry) {
    if (entry->d_tag == DT_RUNPATH || entry->d_tag == DT_RPATH) return true;
  }
  return false;
}

}  // namespace

bool must_rebind(const char* path, int flags, uintptr_t caller) {
  if ((flags & RTLD_DEEPBIND) == 0 || path == nullptr) return false;
  if (strchr(path, '$') != nullptr) return false;  // $ORIGIN is the caller's
  return strchr(path, '/') != nullptr || !has_search_path(caller);
}

void* open_and_rebind(const char* path, int flags, const HeapFunction* functions, size_t count) {
  void* handle = host_dlopen()(path, flags);
  if (handle == nullptr) return nullptr;
  Rebinding rebinding{static_cast<link_map*>(handle)->l_addr, false, functions, count, {}};
  for (size_t i = 0; i < count; ++i) rebinding.next_definitions[i] = find_host_symbol(functions[i].name);
  dl_iterate_phdr(&visit_module, &rebinding);
  return handle;
}

}  // namespace weir::runtime
