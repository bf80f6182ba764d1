#include "stack/table_pages.h"

#include <elf.h>

#include "core/confinement.h"
#include "core/print.h"
#include "core/spin_lock.h"
#include "core/system_call.h"

namespace weir::stack {
namespace {

constexpr uintptr_t kPageBytes = 4096;
constexpr uint64_t kRulesAtLeast = 8, kRulesShare = 32;  // of a module: so many, and one in so many of the process's

// How many rules were built from a module's tables since they were given back. Modules that share a place give back more rarely.
struct Read {
  uintptr_t unwind_header;
  uint64_t rules;
};
constexpr int kPlacesLog = 5;
core::SpinLock lock;
Read reads[1 << kPlacesLog];

uintptr_t page_below(uintptr_t address) { return address & ~(kPageBytes - 1); }
uintptr_t page_above(uintptr_t address) { return page_below(address + kPageBytes - 1); }

// Whether the loader itself wrote to segments that are read-only (DT_TEXTREL). True also where that cannot be told.
bool has_text_relocations(const LoadedModule& module) {
  for (size_t i = 0; i < module.headers.count; ++i) {
    const Elf64_Phdr& segment = module.headers.first[i];
    if (segment.p_type != PT_DYNAMIC) continue;
    const uintptr_t start = module.base + segment.p_vaddr;
    if (start + segment.p_filesz > module.readable.end_of_range(start)) return true;
    const auto* entry = reinterpret_cast<const Elf64_Dyn*>(start);
    const auto* end = entry + segment.p_filesz / sizeof *entry;
    for (; entry != end && entry->d_tag != DT_NULL; ++entry) {
      if (entry->d_tag == DT_TEXTREL) return true;
      if (entry->d_tag == DT_FLAGS && (entry->d_un.d_val & DF_TEXTREL) != 0) return true;
    }
    return false;
  }
  return true;
}

// By the name that the kernel gives the mapping's file: for memory of no file there is none. Needs no descriptor.
bool is_mapped_file(uintptr_t start, uintptr_t end) {
  char path[64];
  core::TextBuffer text(path);
  text.text("/proc/self/map_files/").hex(start).text("-").hex(end);
  char target[16];
  return !core::failed(
      core::system_call(SYS_readlink, core::as_argument(path), core::as_argument(target), sizeof target));
}

bool due(uintptr_t unwind_header, uint64_t built) {
  core::LockScope scope(lock);
  Read& read = reads[(unwind_header >> 12) * 0x9e3779b97f4a7c15 >> (64 - kPlacesLog)];
  if (read.unwind_header != unwind_header) read = {unwind_header, 0};
  if (++read.rules < kRulesAtLeast + built / kRulesShare) return false;
  read.rules = 0;
  return true;
}

}  // namespace

TablePages table_pages_of(const LoadedModule& module) {
  for (size_t i = 0; i < module.headers.count; ++i) {
    const Elf64_Phdr& segment = module.headers.first[i];
    const uintptr_t start = module.base + segment.p_vaddr;
    if (segment.p_type != PT_LOAD || module.unwind_header - start >= segment.p_filesz) continue;
    if ((segment.p_flags & (PF_W | PF_X)) != 0 || has_text_relocations(module)) return {};
    return {page_above(module.unwind_header), page_above(start + segment.p_filesz), page_below(start)};
  }
  return {};
}

bool give_back(const TablePages& pages) {
  if (pages.empty() || core::system_calls_restricted()) return false;
  if (!is_mapped_file(pages.segment_start, pages.end) || core::system_calls_restricted()) return false;
  return !core::failed(core::system_call(SYS_madvise, static_cast<long>(pages.start),
                                         static_cast<long>(pages.end - pages.start), MADV_DONTNEED));
}

void note_tables_read(const LoadedModule& module, uint64_t built) {
  if (module.unwind_header != 0 && due(module.unwind_header, built)) give_back(table_pages_of(module));
}

void table_pages_reset_after_fork() { lock.reset_after_fork(); }

}  // namespace weir::stack
