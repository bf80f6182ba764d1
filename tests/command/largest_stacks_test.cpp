#include "cli/largest_stacks.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "cli/error.h"

namespace weir::cli {
namespace {

class Largest : public testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/weir-largest-XXXXXX";
    close(mkstemp(path));
    path_ = path;
  }
  void TearDown() override { unlink(path_.c_str()); }

  PartOfReport read(const std::string& text, size_t most) {
    std::ofstream(path_) << text;
    return read_largest(path_, most);
  }

  // Three leaks by three stacks of two frames each, of which the last is the same.
  static std::string report() {
    return R"({"schema": "weir-report/1", "process": {}, "host": {}, "devices": [{"index": 0}],
      "leaks": [{"memory": "host", "kind": "live", "bytes": 30, "count": 3, "stack": 2, "samples": [{"address": "0x1"}]},
                {"memory": "host", "kind": "live", "bytes": 20, "count": 2, "stack": 0, "threads": []},
                {"memory": "host", "kind": "live", "bytes": 10, "count": 1, "stack": 1}],
      "errors": [{"stack": 1, "allocation": {"stack": 1}, "free": {"stack": null}}],
      "peak": [], "hot_sites": [], "large": [{"stack": 99}], "timeline": {"peak": {"bytes": 1}},
      "stacks": [[0, 3], [1, 3], [2, 3]],
      "frames": [{"module": null, "address": "0x10"}, {"module": null, "address": "0x11"},
                 {"module": null, "address": "0x12"}, {"module": null, "address": "0x13"}],
      "modules": [], "warnings": []})";
  }

  std::string path_;
};

TEST_F(Largest, KeepsTheFirstEntriesAndWhatTheyReferTo) {
  const PartOfReport part = read(report(), 1);
  ASSERT_EQ(part.report["leaks"].size(), 1U);
  const Json& stack = part.report["stacks"][part.report["leaks"][0]["stack"].get<size_t>()];
  EXPECT_EQ(part.report["frames"][stack[0].get<size_t>()]["address"], "0x12");
  EXPECT_EQ(part.report["frames"][stack[1].get<size_t>()]["address"], "0x13");
  EXPECT_EQ(part.report["stacks"].size(), 2U);  // the error's too
  EXPECT_EQ(part.report["frames"].size(), 3U);
  EXPECT_FALSE(part.report["leaks"][0].contains("samples"));
  EXPECT_FALSE(part.report.contains("large"));
  EXPECT_EQ(part.report["devices"][0]["index"], 0);
  EXPECT_EQ(part.report["timeline"]["peak"]["bytes"], 1);
  ASSERT_EQ(part.left_out.size(), 1U);
  EXPECT_EQ(part.left_out[0].list, "leaks");
  EXPECT_EQ(part.left_out[0].stack_count, 2U);
  EXPECT_EQ(part.left_out[0].bytes, 30U);
  EXPECT_EQ(part.left_out[0].count, 3U);
}

TEST_F(Largest, OfEnoughRoomIsTheWholeReport) {
  const PartOfReport part = read(report(), 100);
  EXPECT_TRUE(part.left_out.empty());
  EXPECT_EQ(part.report["leaks"].size(), 3U);
  EXPECT_EQ(part.report["stacks"], Json::parse(report())["stacks"]);
  EXPECT_EQ(part.report["frames"], Json::parse(report())["frames"]);
  EXPECT_EQ(part.report["errors"], Json::parse(report())["errors"]);
}

TEST_F(Largest, EveryCutOfAReportIsRefused) {
  const std::string whole = report();
  for (size_t length = 0; length + 1 < whole.size(); length += 7) {
    EXPECT_THROW(read(whole.substr(0, length), 2), Error) << length;
  }
  EXPECT_NO_THROW(read(whole, 2));
}

}  // namespace
}  // namespace weir::cli
