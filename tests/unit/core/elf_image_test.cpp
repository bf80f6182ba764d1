#include "core/elf_image.h"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstring>

namespace weir::core {
namespace {

const link_map& libc() {
  const link_map* module = module_at(reinterpret_cast<const void*>(&qsort));
  EXPECT_NE(module, nullptr);
  return *module;
}

TEST(ElfImage, FindsAFunctionByName) {
  const ElfImage image(libc());
  for (const char* name : {"qsort", "dlsym", "dlvsym", "strtol", "puts"}) {
    EXPECT_EQ(image.function(name), dlsym(RTLD_DEFAULT, name)) << name;
  }
  EXPECT_EQ(image.function("no_such_function"), nullptr);
  EXPECT_EQ(image.function("environ"), nullptr) << "no function";
}

TEST(ElfImage, FindsAVariableByName) {
  const ElfImage image(libc());
  EXPECT_EQ(image.object("program_invocation_name"), dlsym(RTLD_DEFAULT, "program_invocation_name"));
  EXPECT_EQ(image.object("qsort"), nullptr) << "a function";
  EXPECT_EQ(image.object("no_such_variable"), nullptr);
}

TEST(ElfImage, GivesTheDefaultOfSeveralVersions) {
  const ElfImage image(libc());
  EXPECT_EQ(image.function("pthread_cond_wait"), dlsym(RTLD_DEFAULT, "pthread_cond_wait"));
  EXPECT_NE(image.function("pthread_cond_wait"), dlvsym(RTLD_DEFAULT, "pthread_cond_wait", "GLIBC_2.2.5"));
}

TEST(ElfImage, NamesTheFunctionThatAnAddressLiesIn) {
  const ElfImage image(libc());
  const auto start = reinterpret_cast<uintptr_t>(dlsym(RTLD_DEFAULT, "qsort"));
  EXPECT_STREQ(image.function_at(start), "qsort");
  EXPECT_STREQ(image.function_at(start + 1), "qsort");
  EXPECT_EQ(image.function_at(1), nullptr);
}

TEST(ElfImage, TellsTheModulesOwnName) { EXPECT_STREQ(ElfImage(libc()).soname(), "libc.so.6"); }

TEST(ElfImage, OfNothingFindsNothing) {
  const ElfImage image;
  EXPECT_FALSE(image.is_valid());
  EXPECT_EQ(image.function("qsort"), nullptr);
  EXPECT_EQ(image.function_at(1), nullptr);
  EXPECT_STREQ(image.soname(), "");
}

TEST(ModuleAt, KnowsCodeAndNothingElse) {
  int on_stack = 0;
  EXPECT_EQ(module_at(&on_stack), nullptr);
  EXPECT_NE(module_at(reinterpret_cast<const void*>(&module_at)), nullptr);
}

}  // namespace
}  // namespace weir::core
