#include "options/options.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

namespace weir::options {
namespace {

// Loads the entries and returns what stderr received.
std::string load_with(std::vector<const char*> environment) {
  environment.push_back(nullptr);
  testing::internal::CaptureStderr();
  load(environment.data());
  return testing::internal::GetCapturedStderr();
}

size_t lines_of(const std::string& text) { return static_cast<size_t>(std::count(text.begin(), text.end(), '\n')); }

class OptionsTest : public testing::Test {
 protected:
  void TearDown() override { load(nullptr); }
};

TEST_F(OptionsTest, DefaultsHoldWithoutAnEnvironment) {
  load(nullptr);
  EXPECT_TRUE(current().enabled);
  EXPECT_STREQ(current().report, "./weir.%e.%p.json");
  EXPECT_EQ(current().large, 100U << 20);
  EXPECT_EQ(current().host_min_align, 16U);
  EXPECT_EQ(current().symbolize, kSymbolizeLater);
  EXPECT_TRUE(tracks_host());
  EXPECT_TRUE(tracks_mmap());
  EXPECT_EQ(report_signals(), 0U);
}

TEST_F(OptionsTest, GoodValuesAreTakenSilently) {
  EXPECT_EQ(load_with({"WEIR_LARGE=1 gib", "WEIR_OVERWRITE=YES", "WEIR_REPORT_IF=leaks", "WEIR_HOST_POOL_GROWTH=1.5",
                       "WEIR_TRACK= mmap ", "WEIR_ON_SIGNAL=TERM, sigint", "WEIR_STACK_DEPTH=65535", "PATH=/bin"}),
            "");
  EXPECT_EQ(current().large, 1U << 30);
  EXPECT_TRUE(current().overwrite);
  EXPECT_EQ(current().report_if, kReportIfLeaks);
  EXPECT_DOUBLE_EQ(current().host_pool_growth, 1.5);
  EXPECT_FALSE(tracks_host());
  EXPECT_TRUE(tracks_mmap());
  EXPECT_EQ(report_signals(), (uint64_t{1} << (SIGTERM - 1)) | (uint64_t{1} << (SIGINT - 1)));
  EXPECT_EQ(current().stack_depth, 65535U);
}

TEST_F(OptionsTest, AWrongValueCostsOneLineThatNamesEverything) {
  const std::string line = load_with({"WEIR_LARGE=abc"});
  EXPECT_EQ(lines_of(line), 1U);
  for (const char* part : {"weir: ", "WEIR_LARGE", "abc", "a size such as 64KiB, 100MB, 2GiB", "100MiB"}) {
    EXPECT_NE(line.find(part), std::string::npos) << part << " in " << line;
  }
  EXPECT_EQ(current().large, 100U << 20);
}

TEST_F(OptionsTest, EveryLimitIsKept) {
  for (const char* entry : {"WEIR=maybe",
                            "WEIR_STACK_DEPTH=0",
                            "WEIR_STACK_DEPTH=65536",
                            "WEIR_STACK_DEPTH=-1",
                            "WEIR_HOST_MIN_ALIGN=8",
                            "WEIR_HOST_MIN_ALIGN=48",
                            "WEIR_HOST_MIN_ALIGN=8192",
                            "WEIR_HOST_POOL_GROWTH=0.5",
                            "WEIR_HOST_POOL_GROWTH=8.5",
                            "WEIR_HOST_POOL_GROWTH=2x",
                            "WEIR_HOST_POOL_GROWTH=nan",
                            "WEIR_TRACK=host,disk",
                            "WEIR_TRACK=host,,mmap",
                            "WEIR_ON_SIGNAL=TERM,KILL",
                            "WEIR_HOST_POOL_PREWARM=64B*",
                            "WEIR_HOST_POOL_PREWARM=0*5",
                            "WEIR_HOST_POOL_PREWARM=8EB",
                            "WEIR_HOST_POOL_PREWARM=1TiB*99999999",
                            "WEIR_CUDA_POOL=deferred",
                            "WEIR_CUDA_POOL_MAX=0",
                            "WEIR_CUDA_POOL_MAX=0%",
                            "WEIR_CUDA_POOL_MAX=101%",
                            "WEIR_CUDA_POOL_CACHE=0.5",
                            "WEIR_CUDA_POOL_FRACTION=80",
                            "WEIR_CUDA_POOL_FRACTION=0",
                            "WEIR_CUDA_POOL_FRACTION=1.01",
                            "WEIR_CUDA_POOL_FRACTION=%",
                            "WEIR_CUDA_POOL_IDLE=30",
                            "WEIR_CUDA_POOL_IDLE=0s",
                            "WEIR_CUDA_POOL_IDLE=5 days",
                            "WEIR_CUDA_POOL_IDLE=99999999999999h",
                            "WEIR_CUDA_POOL_PREWARM=0B*5",
                            "WEIR_CUDA_POOL_PREWARM=80%",
                            "WEIR_CUDA_POOL_PREWARM=80%:",
                            "WEIR_CUDA_POOL_PREWARM=80:1KiB",
                            "WEIR_CUDA_POOL_PREWARM=180%:1KiB",
                            "WEIR_CUDA_POOL_PREWARM=80%:1KiB*5",
                            "WEIR_CUDA_POOL_PREWARM=80%:20%:1KiB",
                            "WEIR_CUDA_POOL_PREWARM=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17",
                            "WEIR_PINNED_POOL=strict",
                            "WEIR_PINNED_POOL_MAX=off",
                            "WEIR_TRIM_ON_PRESSURE=on",
                            "WEIR_COMPACT_ABOVE=-0.3",
                            "WEIR_REPORT_IF=never",
                            "WEIR_EXITCODE=0",
                            "WEIR_EXITCODE=256",
                            "WEIR_EXITCODE=23 or so",
                            "WEIR_LARGE=12K"}) {
    EXPECT_EQ(lines_of(load_with({entry})), 1U) << entry;
    for (size_t i = 0; i < row_count(); ++i) EXPECT_TRUE(row(i).is_default) << entry << ": " << row(i).variable;
  }
}

TEST_F(OptionsTest, SharesAmountsAndDurationsAreTakenInTheirForms) {
  EXPECT_EQ(load_with({"WEIR_CUDA_POOL=VMM", "WEIR_CUDA_POOL_INITIAL=256MiB", "WEIR_CUDA_POOL_MAX=2GB",
                       "WEIR_CUDA_POOL_FRACTION=80 %", "WEIR_CUDA_POOL_CACHE=12.5%", "WEIR_CUDA_POOL_IDLE=10 min",
                       "WEIR_PINNED_POOL=no", "WEIR_PINNED_POOL_MAX=0", "WEIR_TRIM_ON_PRESSURE=90%",
                       "WEIR_COMPACT_ABOVE=0.3", "WEIR_WARN_UTILIZATION=1", "WEIR_WARN_FRAGMENTATION=100%"}),
            "");
  EXPECT_EQ(current().cuda_pool, kCudaPoolVmm);
  EXPECT_EQ(current().cuda_pool_initial, 256U << 20);
  EXPECT_EQ(current().cuda_pool_max.bytes, 2000000000U);
  EXPECT_EQ(current().cuda_pool_max.share, 0);
  EXPECT_DOUBLE_EQ(current().cuda_pool_fraction, 0.8);
  EXPECT_EQ(current().cuda_pool_cache.bytes, 0U);
  EXPECT_DOUBLE_EQ(current().cuda_pool_cache.share, 0.125);
  EXPECT_EQ(current().cuda_pool_idle, 600000000000U);
  EXPECT_FALSE(current().pinned_pool);
  EXPECT_EQ(current().pinned_pool_max, 0U);
  EXPECT_DOUBLE_EQ(current().trim_on_pressure, 0.9);
  EXPECT_DOUBLE_EQ(current().compact_above, 0.3);
  EXPECT_DOUBLE_EQ(current().warn_utilization, 1);
  EXPECT_DOUBLE_EQ(current().warn_fragmentation, 1);
}

TEST_F(OptionsTest, OffTurnsSharesAmountsAndDurationsOff) {
  EXPECT_EQ(load_with({"WEIR_CUDA_POOL_CACHE=OFF", "WEIR_CUDA_POOL_IDLE=off", "WEIR_TRIM_ON_PRESSURE=off"}), "");
  EXPECT_EQ(current().cuda_pool_cache.bytes, 0U);
  EXPECT_EQ(current().cuda_pool_cache.share, 0);
  EXPECT_EQ(current().cuda_pool_idle, 0U);
  EXPECT_EQ(current().trim_on_pressure, 0);
}

TEST_F(OptionsTest, AnExitStatusIsANumberOrOff) {
  EXPECT_EQ(current().exit_code, 0U);
  EXPECT_EQ(load_with({"WEIR_EXITCODE=255"}), "");
  EXPECT_EQ(current().exit_code, 255U);
  EXPECT_EQ(load_with({"WEIR_EXITCODE=Off"}), "");
  EXPECT_EQ(current().exit_code, 0U);
}

TEST_F(OptionsTest, TheOptionsOfLeakSanitizerAreKeptAsTheyAre) {
  EXPECT_STREQ(lsan_options(), "");
  EXPECT_EQ(load_with({"LSAN_OPTIONS=suppressions=a.txt:exitcode=9"}), "");
  EXPECT_STREQ(lsan_options(), "suppressions=a.txt:exitcode=9");
}

TEST_F(OptionsTest, ABudgetIsOnOffOrASize) {
  EXPECT_EQ(current().guard, 0U);
  const struct {
    const char* entry;
    uint64_t bytes;
  } kGood[] = {{"WEIR_GUARD=on", kUsualBudget},
               {"WEIR_GUARD=Off", 0},
               {"WEIR_GUARD=1", kUsualBudget},
               {"WEIR_GUARD=256MiB", 256U << 20},
               {"WEIR_GUARD=2B", 2}};
  for (const auto& good : kGood) {
    EXPECT_EQ(load_with({good.entry}), "") << good.entry;
    EXPECT_EQ(current().guard, good.bytes) << good.entry;
  }
  for (const char* entry : {"WEIR_GUARD=some", "WEIR_GUARD=-1", "WEIR_GUARD=0B", "WEIR_GUARD=18446744073709551615"}) {
    EXPECT_EQ(lines_of(load_with({entry})), 1U) << entry;
    EXPECT_EQ(current().guard, 0U) << entry;
  }
}

TEST_F(OptionsTest, DurationsTakeEveryUnit) {
  const struct {
    const char* entry;
    uint64_t ns;
  } kGood[] = {{"WEIR_CUDA_POOL_IDLE=500ms", 500000000},
               {"WEIR_CUDA_POOL_IDLE=30s", 30000000000},
               {"WEIR_CUDA_POOL_IDLE=1MIN", 60000000000},
               {"WEIR_CUDA_POOL_IDLE=2h", 7200000000000}};
  for (const auto& good : kGood) {
    EXPECT_EQ(load_with({good.entry}), "") << good.entry;
    EXPECT_EQ(current().cuda_pool_idle, good.ns) << good.entry;
  }
}

TEST_F(OptionsTest, AChoiceIsParsedByItsOptionsName) {
  unsigned index = 9;
  EXPECT_TRUE(parse_choice("WEIR_CUDA_POOL", "on", &index));
  EXPECT_EQ(index, kCudaPoolOn);
  EXPECT_FALSE(parse_choice("WEIR_CUDA_POOL", "of", &index));
  EXPECT_FALSE(parse_choice("WEIR_CUDA_POOL", "", &index));
  EXPECT_FALSE(parse_choice("WEIR_LARGE", "1", &index));
  EXPECT_FALSE(parse_choice("WEIR_NONE", "on", &index));
}

TEST_F(OptionsTest, TheLineStaysOneLine) {
  const std::string value = "WEIR_LARGE=a\nb\033[31m" + std::string(5000, 'x');
  const std::string line = load_with({value.c_str()});
  EXPECT_EQ(lines_of(line), 1U);
  EXPECT_LT(line.size(), 600U);
  EXPECT_EQ(line.find('\033'), std::string::npos);
  EXPECT_NE(line.find("using 100MiB"), std::string::npos);
}

TEST_F(OptionsTest, AnUnknownNameIsNamedWithTheNearest) {
  const std::string line = load_with({"WEIR_REPROT=x"});
  EXPECT_EQ(lines_of(line), 1U);
  EXPECT_NE(line.find("WEIR_REPROT"), std::string::npos);
  EXPECT_NE(line.find("WEIR_REPORT\n"), std::string::npos) << line;
  EXPECT_EQ(load_with({"WEIR_LIBRARY=/usr/lib/libweir.so"}), "") << "the command's own variable";
  EXPECT_EQ(lines_of(load_with({"WEIR_POOL=off", "WEIRD=1", "WEIR__HANDOVER=1", "XWEIR_A=1"})), 1U);
  const std::string long_name = "WEIR_" + std::string(3000, 'A') + "=1";
  EXPECT_EQ(lines_of(load_with({long_name.c_str()})), 1U);
}

TEST_F(OptionsTest, QuietAndOffSilenceEveryLine) {
  EXPECT_EQ(load_with({"WEIR_LARGE=abc", "WEIR_NONSENSE=1", "WEIR_QUIET=1", "WEIR_HELP=1"}), "");
  EXPECT_EQ(load_with({"WEIR_LARGE=abc", "WEIR_NONSENSE=1", "WEIR=off"}), "");
  EXPECT_FALSE(current().enabled);
}

TEST_F(OptionsTest, HelpPrintsEveryOption) {
  const std::string help = load_with({"WEIR_HELP=1"});
  for (size_t i = 0; i < row_count(); ++i) {
    EXPECT_NE(help.find(std::string(row(i).variable) + "="), std::string::npos);
    EXPECT_NE(help.find(row(i).description), std::string::npos);
  }
}

TEST_F(OptionsTest, AnEmptyValueCountsAsUnset) {
  EXPECT_EQ(load_with({"WEIR_LARGE=", "WEIR_REPORT="}), "");
  EXPECT_STREQ(current().report, "./weir.%e.%p.json");
}

TEST_F(OptionsTest, TheFirstOfTwoEntriesHolds) {
  load_with({"WEIR_LARGE=1MB", "WEIR_LARGE=2MB"});
  EXPECT_EQ(current().large, 1000000U);
}

TEST_F(OptionsTest, TextsOutliveTheEnvironment) {
  char entry[] = "WEIR_REPORT=/tmp/a.json";
  load_with({entry});
  memset(entry, 'x', sizeof entry - 1);
  EXPECT_STREQ(current().report, "/tmp/a.json");
}

TEST_F(OptionsTest, RowsTellValueAndDefault) {
  load_with({"WEIR_HELP=0", "WEIR_REPORT=/tmp/a.json"});
  EXPECT_STREQ(row(0).variable, "WEIR");
  EXPECT_STREQ(row(0).value_text, "on");
  EXPECT_TRUE(row(0).is_default);
  EXPECT_STREQ(row(1).variable, "WEIR_REPORT");
  EXPECT_STREQ(row(1).value_text, "/tmp/a.json");
  EXPECT_STREQ(row(1).default_text, "./weir.%e.%p.json");
  EXPECT_FALSE(row(1).is_default);
}

TEST(ParseSize, UnitsAndOverflow) {
  const struct {
    const char* text;
    uint64_t bytes;
  } kGood[] = {{"0", 0},
               {"17", 17},
               {"64B", 64},
               {"1kB", 1000},
               {"1KB", 1000},
               {"3MB", 3000000},
               {"2GB", 2000000000},
               {"1TB", 1000000000000},
               {"64KiB", 65536},
               {"1mib", 1U << 20},
               {"4 GiB", 4ULL << 30},
               {" 16TiB ", 16ULL << 40},
               {"18446744073709551615", UINT64_MAX}};
  for (const auto& good : kGood) {
    uint64_t bytes = 1;
    EXPECT_TRUE(parse_size(good.text, &bytes)) << good.text;
    EXPECT_EQ(bytes, good.bytes) << good.text;
  }
  for (const char* bad : {"", "B", "KiB", "-1", "1.5GiB", "1 2", "1KiBx", "64K", "18446744073709551616", "16777216TiB",
                          "0x10", "1Ki B"}) {
    uint64_t bytes = 0;
    EXPECT_FALSE(parse_size(bad, &bytes)) << bad;
  }
}

TEST(PrewarmItems, AreGivenOneByOne) {
  const char* cursor = "64B*1000, 4KiB * 100,1MiB";
  uint64_t bytes = 0, count = 0;
  ASSERT_TRUE(next_prewarm_item(&cursor, &bytes, &count));
  EXPECT_EQ(bytes, 64U);
  EXPECT_EQ(count, 1000U);
  ASSERT_TRUE(next_prewarm_item(&cursor, &bytes, &count));
  EXPECT_EQ(bytes, 4096U);
  EXPECT_EQ(count, 100U);
  ASSERT_TRUE(next_prewarm_item(&cursor, &bytes, &count));
  EXPECT_EQ(bytes, 1U << 20);
  EXPECT_EQ(count, 1U);
  EXPECT_FALSE(next_prewarm_item(&cursor, &bytes, &count));
  EXPECT_STREQ(cursor, "");
}

TEST(PrewarmShare, IsTakenFromTheFrontOfTheList) {
  const char* cursor = "80%: 1KiB,4KiB";
  EXPECT_DOUBLE_EQ(take_prewarm_share(&cursor), 0.8);
  EXPECT_STREQ(cursor, " 1KiB,4KiB");
  for (const char* list : {"1MiB*64,16MiB*8", "", "many:1KiB"}) {
    cursor = list;
    EXPECT_EQ(take_prewarm_share(&cursor), 0) << list;
    EXPECT_EQ(cursor, list);
  }
}

}  // namespace
}  // namespace weir::options
