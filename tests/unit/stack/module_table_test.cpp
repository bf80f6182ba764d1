#include "stack/module_table.h"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <string>

#include "stack/module_registry.h"

namespace weir::stack {
namespace {

const ModuleInfo* module_of(uintptr_t pc) {
  LoadedModule loaded;
  return find_loaded_module(pc, &loaded) ? module_info(register_module(loaded)) : nullptr;
}

TEST(ModuleTable, TheExecutableIsNamedByItsFile) {
  char path[4096] = {};
  ASSERT_GT(readlink("/proc/self/exe", path, sizeof path - 1), 0);
  const auto pc = reinterpret_cast<uintptr_t>(&module_of);
  const ModuleInfo* info = module_of(pc);
  ASSERT_NE(info, nullptr);
  EXPECT_STREQ(info->path, path);
  EXPECT_LE(info->start, pc);
  EXPECT_GT(info->end, pc);
  EXPECT_TRUE(info->loaded);
}

TEST(ModuleTable, LibrariesHaveAbsolutePathAndBuildId) {
  const ModuleInfo* info = module_of(reinterpret_cast<uintptr_t>(dlsym(RTLD_DEFAULT, "qsort")));
  ASSERT_NE(info, nullptr);
  EXPECT_EQ(info->path[0], '/');
  EXPECT_NE(strstr(info->path, "libc.so.6"), nullptr);
  EXPECT_EQ(info->build_id_bytes, 20u);  // Debian links with --build-id=sha1
  EXPECT_EQ(info->base, info->start);
}

TEST(ModuleTable, TheKernelsOwnModule) {
  const uintptr_t vdso = getauxval(AT_SYSINFO_EHDR);
  ASSERT_NE(vdso, 0u);
  const ModuleInfo* info = module_of(vdso + 0x500);
  ASSERT_NE(info, nullptr);
  EXPECT_STREQ(info->path, "[vdso]");
}

TEST(ModuleTable, RegisteredOnce) {
  LoadedModule loaded;
  ASSERT_TRUE(find_loaded_module(reinterpret_cast<uintptr_t>(&module_of), &loaded));
  const core::ModuleId id = register_module(loaded);
  const uint32_t count = module_count();
  EXPECT_EQ(register_module(loaded), id);
  EXPECT_EQ(module_count(), count);
}

TEST(ModuleTable, NoModuleNoInfo) {
  int on_the_stack = 0;
  EXPECT_EQ(module_of(reinterpret_cast<uintptr_t>(&on_the_stack)), nullptr);
  EXPECT_EQ(module_info(core::ModuleId::none), nullptr);
  EXPECT_EQ(forget_module_of(nullptr), core::ModuleId::none);
  EXPECT_EQ(forget_module_of(&on_the_stack), core::ModuleId::none);
}

}  // namespace
}  // namespace weir::stack
