#include "cli/report_stream.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "cli/error.h"

namespace weir::cli {
namespace {

class Stream : public testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/weir-stream-XXXXXX";
    close(mkstemp(path));
    path_ = path;
  }
  void TearDown() override { unlink(path_.c_str()); }

  // What is taken of the key "part", one text for each call.
  std::vector<std::string> taken(const std::string& value, ReportPart part) {
    std::ofstream(path_) << R"({"schema": "weir-report/1", "part": )" + value + R"(, "later": {"a": 1}})";
    std::vector<std::string> texts;
    part.take = [&texts](Json& taken) { texts.push_back(taken.dump()); };
    stream_report(path_, [&](const std::string& key) { return key == "part" ? part : ReportPart{}; });
    return texts;
  }

  std::string path_;
};

using Texts = std::vector<std::string>;

TEST_F(Stream, HandsOverAValueOrItsElements) {
  EXPECT_EQ(taken(R"([{"a": [1]}, 2])", {}), Texts({R"([{"a":[1]},2])"}));
  EXPECT_EQ(taken(R"([{"a": [1]}, 2])", {true, {}}), Texts({R"({"a":[1]})", "2"}));
  EXPECT_EQ(taken("7", {}), Texts({"7"}));
  EXPECT_THROW(taken("{}", {true, {}}), Error);
}

TEST_F(Stream, LeavesOutMembersOfElementsAlone) {
  EXPECT_EQ(taken(R"([{"a": [{"b": 1}], "b": 2, "c": {"a": 3}}, {"a": null}])", {true, {}, {"a"}}),
            Texts({R"({"b":2,"c":{"a":3}})", "{}"}));
}

TEST_F(Stream, LeavesOutMembersOfAnObjectAlone) {
  EXPECT_EQ(taken(R"({"a": {"a": 1, "b": [2]}, "b": {"a": 3}, "c": [{"a": 4}], "a": 5})", {false, {}, {"a"}}),
            Texts({R"({"b":{"a":3},"c":[{"a":4}]})"}));
  EXPECT_EQ(taken(R"([{"a": 1}])", {false, {}, {"a"}}), Texts({R"([{"a":1}])"}));
}

}  // namespace
}  // namespace weir::cli
