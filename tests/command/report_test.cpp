#include "symbolize/report.h"

#include <gtest/gtest.h>
#include <link.h>

#include <filesystem>

#include "symbolize/module.h"

namespace weir::symbolize {
namespace {

using Json = nlohmann::ordered_json;

uint64_t address_of(const void* code) {
  uint64_t bias = 0;
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* result) {
        *static_cast<uint64_t*>(result) = info->dlpi_addr;
        return 1;
      },
      &bias);
  return reinterpret_cast<uint64_t>(code) - bias;
}

[[gnu::noinline]] int first_function(int value) { return value + 1; }

// A report with frames in this executable.
Json report_with(const Json& frames) {
  const std::string path = std::filesystem::read_symlink("/proc/self/exe").string();
  return {{"frames", frames},
          {"modules", Json::array({{{"path", path}, {"build_id", build_id_of(path)}, {"base", "0x0"}}})},
          {"warnings", Json::array()}};
}

TEST(SymbolizeReport, AReturnAddressIsLookedUpBeforeItself) {
  const uint64_t start = address_of(reinterpret_cast<const void*>(&first_function));
  Json report = report_with({{{"module", 0U}, {"offset", start + 1}},
                             {{"module", 0U}, {"offset", start}},
                             {{"module", 0U}, {"offset", start}, {"exact", true}}});
  Symbolizer().symbolize(report);
  const auto names_it = [&](size_t frame) {
    return report["frames"][frame].value("function", "").find("first_function") != std::string::npos;
  };
  EXPECT_TRUE(names_it(0));
  EXPECT_FALSE(names_it(1)) << report["frames"][1];
  EXPECT_TRUE(names_it(2));
  EXPECT_EQ(first_function(1), 2);
}

TEST(SymbolizeReport, MarksModulesAndLeavesAFinishedReportAlone) {
  Json report =
      report_with({{{"module", 0U}, {"offset", address_of(reinterpret_cast<const void*>(&first_function)) + 1}}});
  EXPECT_TRUE(is_raw(report));
  Symbolizer().symbolize(report);
  EXPECT_FALSE(is_raw(report));
  EXPECT_EQ(report["modules"][0]["symbols"], "debug_info");
  report["frames"][0]["function"] = "as it was";
  const Json before = report;
  Symbolizer().symbolize(report);
  EXPECT_EQ(report, before);
}

TEST(SymbolizeReport, AMissingModuleCostsOneWarningAndKeepsItsFrames) {
  Json report = report_with({{{"module", 1U}, {"offset", 10U}},
                             {{"module", 1U}, {"offset", 20U}},
                             {{"module", 2U}, {"offset", 30U}},
                             {{"module", nullptr}, {"address", "0x1000"}},
                             {{"module", nullptr}, {"truncated", true}}});
  report["modules"].push_back({{"path", "/no/such/file"}, {"build_id", nullptr}});
  report["modules"].push_back({{"path", "linux-vdso.so.1"}, {"build_id", nullptr}});
  const Json frames = report["frames"];
  Symbolizer().symbolize(report);
  EXPECT_EQ(report["frames"], frames);
  ASSERT_EQ(report["warnings"].size(), 1U);
  EXPECT_EQ(report["warnings"][0]["text"], "no functions and lines for /no/such/file: it is not on this machine");
  EXPECT_EQ(report["modules"][1]["symbols"], "none");
}

}  // namespace
}  // namespace weir::symbolize
