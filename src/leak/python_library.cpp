#include "leak/python_library.h"

#include <link.h>

#include "core/elf_image.h"

namespace weir::leak {
namespace {

uintptr_t variable(const core::ElfImage& image, const char* name) {
  return reinterpret_cast<uintptr_t>(image.object(name));
}

PythonLibrary library_in(const core::ElfImage& image) {
  const uintptr_t types = variable(image, "PyType_Type"), integers = variable(image, "PyLong_Type");
  if (types == 0 || integers == 0) return {};
  const void* version = image.object("Py_Version");  // since 3.11
  return {types, integers, version == nullptr ? 0 : *static_cast<const unsigned long*>(version)};
}

}  // namespace

PythonLibrary find_python_library(const MemoryMap& map) {
  const link_map* last = nullptr;
  for (size_t i = 0; i < map.size(); ++i) {
    if (!map[i].executable || map[i].kind != AreaKind::file) continue;
    const link_map* module = core::module_at(reinterpret_cast<const void*>(map[i].start));
    if (module == nullptr || module == last) continue;
    last = module;
    const PythonLibrary library = library_in(core::ElfImage(*module));
    if (library.exists()) return library;
  }
  return {};
}

}  // namespace weir::leak
