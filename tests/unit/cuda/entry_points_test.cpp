#include "cuda/entry_points.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "cuda/driver.h"
#include "cuda/hooks.h"

namespace weir::cuda {
namespace {

TEST(EntryPoints, EachNameIsThereOnceAndFound) {
  std::set<std::string> names;
  for (size_t i = 0; i < kEntries; ++i) {
    const auto entry = static_cast<Entry>(i);
    EXPECT_TRUE(names.insert(entry_name(entry)).second) << entry_name(entry);
    EXPECT_EQ(find_entry(entry_name(entry)), entry);
  }
  EXPECT_STREQ(entry_name(Entry::cuMemAlloc_v2), "cuMemAlloc_v2");
}

TEST(EntryPoints, OtherNamesAreNotFound) {
  for (const char* name : {"", "c", "cu", "cuInit", "cuMemAlloc_v", "cuMemAlloc_v22", "malloc", "cudaMalloc"}) {
    EXPECT_EQ(find_entry(name), Entry::count) << name;
  }
}

TEST(EntryPoints, ABaseNameIsOneWithoutVersionAndStream) {
  for (const char* name : {"cuMemAlloc", "cuMemFreeAsync", "cuMemcpy", "cuGetProcAddress"})
    EXPECT_TRUE(is_base_name(name)) << name;
  for (const char* name : {"cuMem", "cuInit", "cuMemAllocX", "cuMemcpyHto"}) EXPECT_FALSE(is_base_name(name)) << name;
}

TEST(Driver, IsNotThereWhereNoneIsLoaded) {
  EXPECT_FALSE(bind_driver());
  EXPECT_EQ(driver_function(Entry::cuMemAlloc_v2), nullptr);
  EXPECT_EQ(entry_at(nullptr), Entry::count);
}

TEST(Driver, AFunctionIsKnownByItsAddress) {
  static char functions[2];
  bind_driver_to([](const char* name) -> void* {
    if (std::string(name) == "cuMemAlloc_v2") return &functions[0];
    return std::string(name) == "cuMemFree_v2" ? &functions[1] : nullptr;
  });
  EXPECT_EQ(entry_at(&functions[1]), Entry::cuMemFree_v2);
  EXPECT_EQ(driver_function(Entry::cuMemAlloc_v2), &functions[0]);
  EXPECT_EQ(driver_function(Entry::cuMemHostAlloc), nullptr) << "an older driver lacks functions";
  EXPECT_EQ(entry_at(functions - 1), Entry::count);
}

TEST(Driver, AFunctionAtAnUnknownAddressIsTold) {
  static char elsewhere;
  bind_driver_to([](const char*) -> void* { return nullptr; });
  const uint64_t before = unrecognised_count();
  EXPECT_EQ(hook_for_asked("cuInit", &elsewhere), &elsewhere);
  EXPECT_EQ(unrecognised_count(), before);
  EXPECT_EQ(hook_for_asked("cuMemAlloc", &elsewhere), &elsewhere);
  EXPECT_EQ(unrecognised_count(), before + 1);
  EXPECT_STREQ(first_unrecognised(), "cuMemAlloc");
}

}  // namespace
}  // namespace weir::cuda
