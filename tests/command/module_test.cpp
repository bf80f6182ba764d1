#include "symbolize/module.h"

#include <gtest/gtest.h>
#include <link.h>

#include <filesystem>
#include <fstream>

namespace weir::symbolize {
namespace {

std::string own_file() { return std::filesystem::read_symlink("/proc/self/exe").string(); }

uint64_t load_bias() {
  uint64_t bias = 0;
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* result) {
        *static_cast<uint64_t*>(result) = info->dlpi_addr;
        return 1;  // the first one is the executable
      },
      &bias);
  return bias;
}

// The address of an instruction of the function that this is written in, as in the file.
#define HERE()                                     \
  ({                                               \
    uint64_t here;                                 \
    asm volatile("lea 0(%%rip), %0" : "=r"(here)); \
    here - 1 - load_bias();                        \
  })

constexpr unsigned kInnerLine = __LINE__ + 1;
[[gnu::always_inline]] inline uint64_t inner() { return HERE(); }

constexpr unsigned kMiddleLine = __LINE__ + 1;
[[gnu::always_inline]] inline uint64_t middle() { return inner() + 0 * load_bias(); }

constexpr unsigned kOuterLine = __LINE__ + 1;
[[gnu::noinline]] uint64_t outer() { return middle(); }

std::string file_name(const std::string& path) { return std::filesystem::path(path).filename().string(); }

void expect_here(const SourcePosition& position, const std::string& function, unsigned line) {
  EXPECT_NE(position.function.find(function), std::string::npos) << position.function;
  EXPECT_EQ(file_name(position.file), "module_test.cpp");
  EXPECT_TRUE(position.file.starts_with('/')) << position.file;
  EXPECT_EQ(position.line, line);
}

TEST(Module, NamesInlinedCallsInnermostFirstAtTheirOwnLines) {
  Module module(own_file(), build_id_of(own_file()));
  ASSERT_TRUE(module.is_open()) << module.problem();
  EXPECT_EQ(module.symbols(), Symbols::debug_info);
  const Location location = module.locate(outer());
  ASSERT_EQ(location.inlined.size(), 2U);
  expect_here(location.inlined[0], "inner", kInnerLine);
  expect_here(location.inlined[1], "middle", kMiddleLine);
  expect_here(location.frame, "outer", kOuterLine);
}

TEST(Module, NamesTheFunctionOfALambda) {
  Module module(own_file(), build_id_of(own_file()));
  volatile bool never = false;
  const auto lambda = [&]() __attribute__((noinline)) { return never ? 0 : HERE(); };
  const unsigned line = __LINE__ - 1;
  const Location location = module.locate(lambda());
  EXPECT_NE(location.frame.function.find("operator()"), std::string::npos) << location.frame.function;
  EXPECT_EQ(location.frame.line, line);
}

TEST(Module, FindsNothingOutsideTheCode) {
  Module module(own_file(), build_id_of(own_file()));
  for (const uint64_t address : {uint64_t{0}, uint64_t{1}, ~uint64_t{0}, uint64_t{1} << 40}) {
    const Location location = module.locate(address);
    EXPECT_EQ(location.frame.function, "");
    EXPECT_EQ(location.frame.line, 0U);
    EXPECT_TRUE(location.inlined.empty());
  }
}

TEST(Module, RefusesAnotherBuild) {
  std::string id = build_id_of(own_file());
  ASSERT_EQ(id.size(), 40U);
  id[0] = id[0] == '0' ? '1' : '0';
  Module module(own_file(), id);
  EXPECT_FALSE(module.is_open());
  EXPECT_EQ(module.problem(), "is another build now");
  EXPECT_EQ(module.locate(outer()).frame.function, "");
}

TEST(Module, RefusesWhatIsNotThereOrNoElfFile) {
  EXPECT_EQ(Module("/no/such/file", "").problem(), "is not on this machine");
  EXPECT_EQ(Module("/dev/zero", "").problem(), "is not on this machine");
  EXPECT_EQ(Module("/proc/self/fd", "").problem(), "is not on this machine");
  const std::string text = testing::TempDir() + "no_elf_file";
  std::ofstream(text) << "text";
  EXPECT_EQ(Module(text, "").problem(), "is not an ELF file");
  std::filesystem::remove(text);
}

TEST(Module, FallsBackToTheSymbolTable) {
  const std::string stripped = testing::TempDir() + "symbols_only";
  ASSERT_EQ(std::system(("objcopy --strip-debug '" + own_file() + "' '" + stripped + "'").c_str()), 0);
  Module module(stripped, build_id_of(own_file()));
  ASSERT_TRUE(module.is_open());
  EXPECT_EQ(module.symbols(), Symbols::symbol_table);
  const Location location = module.locate(outer());
  EXPECT_EQ(location.frame.function, "weir::symbolize::(anonymous namespace)::outer()");
  EXPECT_EQ(location.frame.file, "");
  EXPECT_EQ(location.frame.line, 0U);
  std::filesystem::remove(stripped);
}

TEST(Module, ReadsDebugInformationBesideTheFile) {
  const std::string stripped = testing::TempDir() + "linked", debug = testing::TempDir() + "linked.debug";
  const std::string quiet = " 2>/dev/null";
  ASSERT_EQ(
      std::system(("objcopy --only-keep-debug '" + own_file() + "' '" + debug + "' && strip -o '" + stripped + "' '" +
                   own_file() + "' && objcopy --add-gnu-debuglink='" + debug + "' '" + stripped + "'" + quiet)
                      .c_str()),
      0);
  Module module(stripped, build_id_of(own_file()));
  EXPECT_EQ(module.symbols(), Symbols::debug_info);
  const Location location = module.locate(outer());
  ASSERT_EQ(location.inlined.size(), 2U);
  expect_here(location.inlined[0], "inner", kInnerLine);
  std::filesystem::remove(stripped);
  std::filesystem::remove(debug);
}

TEST(Module, NeverNamesAFunctionThatOnlyLiesBefore) {
  const std::string stripped = testing::TempDir() + "stripped";
  ASSERT_EQ(std::system(("strip -o '" + stripped + "' '" + own_file() + "'").c_str()), 0);
  Module module(stripped, build_id_of(own_file()));
  ASSERT_TRUE(module.is_open());
  EXPECT_EQ(module.locate(outer()).frame.function, "");
  std::filesystem::remove(stripped);
}

}  // namespace
}  // namespace weir::symbolize
