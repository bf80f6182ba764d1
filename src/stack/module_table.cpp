#include "stack/module_table.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <sys/auxv.h>

#include <cstring>

#include "core/arena.h"
#include "core/spin_lock.h"
#include "core/system_call.h"
#include "stack/chunked_array.h"
#include "stack/module_registry.h"

namespace weir::stack {

std::atomic<uint32_t> module_generation{1};

namespace {

constexpr uint32_t kMaxModules = 65534;  // one more is kPythonModule
constexpr size_t kMaxPathBytes = 4096;
constexpr char kUnknownPath[] = "[unknown]";
constexpr char kVdsoPath[] = "[vdso]";

struct Module {
  ModuleInfo info;
  const void* link_map;  // nullptr once unloaded
};

struct BuildId {
  uint8_t bytes[kMaxBuildIdBytes];
  size_t count = 0;
};

core::SpinLock registry_lock;
ChunkedArray<Module, 16> modules;
std::atomic<uint32_t> registered{0};

// From the ELF header at the start of a mapping; none where something else lies there.
ProgramHeaders headers_at(uintptr_t start, uintptr_t end) {
  const auto* header = reinterpret_cast<const Elf64_Ehdr*>(start);
  if (end - start < sizeof(Elf64_Ehdr) || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) return {};
  const size_t table_end = header->e_phoff + size_t{header->e_phnum} * sizeof(Elf64_Phdr);
  constexpr size_t kHeaderPage = 4096;  // the loader maps at least this much with the ELF header
  if (header->e_phentsize != sizeof(Elf64_Phdr) || table_end > kHeaderPage || table_end > end - start) return {};
  return {reinterpret_cast<const Elf64_Phdr*>(start + header->e_phoff), header->e_phnum};
}

// The loader gives the whole mapping of a module without holes, but of others only the segment asked for. Then the
// header is at the load bias, or for the executable where the kernel said.
ProgramHeaders program_headers(const dl_find_object& object) {
  const auto start = reinterpret_cast<uintptr_t>(object.dlfo_map_start);
  const ProgramHeaders found = headers_at(start, reinterpret_cast<uintptr_t>(object.dlfo_map_end));
  if (found.count != 0) return found;
  const link_map* map = object.dlfo_link_map;
  if (map->l_name[0] == 0) return {reinterpret_cast<const Elf64_Phdr*>(getauxval(AT_PHDR)), getauxval(AT_PHNUM)};
  dl_find_object first;
  if (map->l_addr == 0 || _dl_find_object(reinterpret_cast<void*>(map->l_addr), &first) != 0) return {};
  if (first.dlfo_link_map != map) return {};
  return headers_at(map->l_addr, reinterpret_cast<uintptr_t>(first.dlfo_map_end));
}

// The mapped range, holes included, and the readable parts of it.
void note_segments(LoadedModule* module) {
  ReadableMemory& readable = module->readable;
  readable.count = 0;
  for (size_t i = 0; i < module->headers.count; ++i) {
    const Elf64_Phdr& segment = module->headers.first[i];
    if (segment.p_type != PT_LOAD) continue;
    const uintptr_t start = module->base + segment.p_vaddr;
    if (start < module->start) module->start = start;
    if (start + segment.p_memsz > module->end) module->end = start + segment.p_memsz;
    if ((segment.p_flags & PF_R) == 0 || readable.count == ReadableMemory::kMaxRanges) continue;
    readable.ranges[readable.count++] = {start, start + segment.p_filesz};
  }
}

size_t note_padded(size_t bytes) { return (bytes + 3) & ~size_t{3}; }

bool build_id_in_notes(const uint8_t* at, const uint8_t* end, BuildId* id) {
  while (static_cast<size_t>(end - at) >= sizeof(Elf64_Nhdr)) {
    Elf64_Nhdr note;
    memcpy(&note, at, sizeof note);
    const size_t name_bytes = note_padded(note.n_namesz);
    const size_t body_bytes = name_bytes + note_padded(note.n_descsz);
    at += sizeof note;
    if (body_bytes > static_cast<size_t>(end - at)) return false;
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof "GNU" && memcmp(at, "GNU", sizeof "GNU") == 0) {
      id->count = note.n_descsz < kMaxBuildIdBytes ? note.n_descsz : kMaxBuildIdBytes;
      memcpy(id->bytes, at + name_bytes, id->count);
      return true;
    }
    at += body_bytes;
  }
  return false;
}

BuildId build_id_of(const LoadedModule& module) {
  BuildId id;
  for (size_t i = 0; i < module.headers.count; ++i) {
    const Elf64_Phdr& segment = module.headers.first[i];
    if (segment.p_type != PT_NOTE) continue;
    const uintptr_t start = module.base + segment.p_vaddr;
    const uintptr_t readable_end = module.readable.end_of_range(start);
    if (readable_end == 0 || segment.p_memsz > readable_end - start) continue;
    const auto* notes = reinterpret_cast<const uint8_t*>(start);
    if (build_id_in_notes(notes, notes + segment.p_memsz, &id)) break;
  }
  return id;
}

size_t executable_path(char* path) {
  const long length = core::system_call(SYS_readlink, core::as_argument("/proc/self/exe"), core::as_argument(path),
                                        static_cast<long>(kMaxPathBytes - 1));
  return core::failed(length) ? 0 : static_cast<size_t>(length);
}

size_t absolute_path(const char* name, char* path) {
  size_t length = 0;
  if (name[0] != '/') {
    const long cwd = core::system_call(SYS_getcwd, core::as_argument(path), static_cast<long>(kMaxPathBytes - 1));
    if (!core::failed(cwd) && cwd > 1) {
      length = static_cast<size_t>(cwd) - 1;  // the kernel counts the final 0
      path[length++] = '/';
    }
    if (name[0] == '.' && name[1] == '/') name += 2;
  }
  const size_t room = kMaxPathBytes - 1 - length;
  const size_t bytes = strnlen(name, room);
  memcpy(path + length, name, bytes);
  return length + bytes;
}

// Writes at most kMaxPathBytes and returns the length, 0 where nothing is known.
size_t path_of(const LoadedModule& module, char* path) {
  if (module.start == getauxval(AT_SYSINFO_EHDR)) {
    memcpy(path, kVdsoPath, sizeof kVdsoPath - 1);
    return sizeof kVdsoPath - 1;
  }
  return module.name == nullptr || module.name[0] == 0 ? executable_path(path) : absolute_path(module.name, path);
}

Module* live_module_of(const void* link_map, uint32_t* id) {
  for (uint32_t i = registered.load(std::memory_order_relaxed); i > 0; --i) {
    if (modules[i].link_map == link_map) {
      *id = i;
      return &modules[i];
    }
  }
  return nullptr;
}

bool same_file(const ModuleInfo& info, const BuildId& id, const char* path, size_t path_bytes) {
  return id.count != 0 && info.build_id_bytes == id.count && memcmp(info.build_id, id.bytes, id.count) == 0 &&
         strlen(info.path) == path_bytes && memcmp(info.path, path, path_bytes) == 0;
}

// A file loaded again where it was gets its old id back, so that a loop of dlopen and dlclose adds nothing to any
// table. Without a build id nothing says that it is the same file.
Module* unloaded_twin(const LoadedModule& loaded, const BuildId& id, const char* path, size_t path_bytes,
                      uint32_t* index) {
  for (uint32_t i = registered.load(std::memory_order_relaxed); i > 0; --i) {
    Module& module = modules[i];
    if (module.link_map == nullptr && module.info.base == loaded.base && module.info.start == loaded.start &&
        module.info.end == loaded.end && same_file(module.info, id, path, path_bytes)) {
      *index = i;
      return &module;
    }
  }
  return nullptr;
}

core::ModuleId add_module(const LoadedModule& loaded, const BuildId& id, const char* path, size_t path_bytes) {
  const uint32_t index = registered.load(std::memory_order_relaxed) + 1;
  if (index > kMaxModules || !modules.reserve(index)) return core::ModuleId::none;
  char* kept_path = path_bytes == 0 ? nullptr : core::arena_array<char>(path_bytes + 1);
  if (kept_path != nullptr) memcpy(kept_path, path, path_bytes);
  Module& module = modules[index];
  module.info.path = kept_path != nullptr ? kept_path : kUnknownPath;
  module.info.base = loaded.base;
  module.info.start = loaded.start;
  module.info.end = loaded.end;
  memcpy(module.info.build_id, id.bytes, id.count);
  module.info.build_id_bytes = id.count;
  module.info.loaded = true;
  module.link_map = loaded.link_map;
  registered.store(index, std::memory_order_release);
  return static_cast<core::ModuleId>(index);
}

}  // namespace

bool find_loaded_module(uintptr_t pc, LoadedModule* module) {
  dl_find_object object;
  if (_dl_find_object(reinterpret_cast<void*>(pc), &object) != 0 || object.dlfo_link_map == nullptr) return false;
  module->link_map = object.dlfo_link_map;
  module->name = object.dlfo_link_map->l_name;
  module->base = object.dlfo_link_map->l_addr;
  module->start = reinterpret_cast<uintptr_t>(object.dlfo_map_start);
  module->end = reinterpret_cast<uintptr_t>(object.dlfo_map_end);
  module->unwind_header = reinterpret_cast<uintptr_t>(object.dlfo_eh_frame);
  module->headers = program_headers(object);
  note_segments(module);
  return true;
}

core::ModuleId register_module(const LoadedModule& loaded) {
  uint32_t index = 0;
  {
    core::LockScope scope(registry_lock);
    if (live_module_of(loaded.link_map, &index) != nullptr) return static_cast<core::ModuleId>(index);
  }
  char* path = core::arena_array<char>(kMaxPathBytes);
  if (path == nullptr) return core::ModuleId::none;
  const size_t path_bytes = path_of(loaded, path);
  const BuildId id = build_id_of(loaded);
  core::ModuleId result;
  {
    core::LockScope scope(registry_lock);
    if (live_module_of(loaded.link_map, &index) != nullptr) {
      result = static_cast<core::ModuleId>(index);
    } else if (Module* twin = unloaded_twin(loaded, id, path, path_bytes, &index)) {
      twin->link_map = loaded.link_map;
      twin->info.loaded = true;
      result = static_cast<core::ModuleId>(index);
    } else {
      result = add_module(loaded, id, path, path_bytes);
    }
  }
  core::arena_release(path, kMaxPathBytes);
  return result;
}

core::ModuleId forget_module_of(const void* link_map) {
  if (link_map == nullptr) return core::ModuleId::none;
  core::LockScope scope(registry_lock);
  uint32_t index = 0;
  Module* module = live_module_of(link_map, &index);
  if (module == nullptr) return core::ModuleId::none;
  module->link_map = nullptr;
  module->info.loaded = false;
  return static_cast<core::ModuleId>(index);
}

bool find_module_range(uintptr_t code, uintptr_t* start, uintptr_t* end) {
  LoadedModule module;
  if (!find_loaded_module(code, &module)) return false;
  *start = module.start;
  *end = module.end;
  return true;
}

uint32_t module_count() { return registered.load(std::memory_order_acquire); }

const ModuleInfo* module_info(core::ModuleId id) {
  const uint32_t index = core::index_of(id);
  return index == 0 || index > module_count() ? nullptr : &modules[index].info;
}

void module_registry_reset_after_fork() { registry_lock.reset_after_fork(); }

}  // namespace weir::stack
