#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "cli/html_page.h"
#include "cli/html_stacks.h"

namespace weir::cli {
namespace {

StackLine line(const std::string& function, const std::string& place, bool noise = false) {
  return {function, place, false, noise};
}

TEST(ScriptText, EndsNoScriptAndBeginsNoComment) {
  const Json data = {{"a", "</script><!--&\u2028\u2029\u202e\x1b"}};
  const std::string text = script_text(data);
  EXPECT_EQ(text.find_first_of("<>&\x1b"), std::string::npos);
  for (const char c : text) EXPECT_LT(static_cast<unsigned char>(c), 0x80);
  EXPECT_EQ(Json::parse(text), data);
}

TEST(ScriptText, ReplacesBytesThatAreNoText) {
  EXPECT_EQ(Json::parse(script_text(Json("\xff"
                                         "a"))),
            Json("\uFFFDa"));
}

TEST(PageStacks, SharesWhatStacksHaveInCommon) {
  const Json report = Json::object();
  TextTable texts;
  PageStacks tree(report, texts);
  const uint32_t first = tree.node_of({line("leaf", "a.c:1"), line("main", "a.c:9")});
  const uint32_t second = tree.node_of({line("other", "a.c:2"), line("main", "a.c:9")});
  EXPECT_EQ(tree.node_of({line("leaf", "a.c:1"), line("main", "a.c:9")}), first);
  const Json nodes = tree.to_json()["nodes"];
  EXPECT_EQ(nodes["parent"][first], nodes["parent"][second]);
  EXPECT_EQ(nodes["parent"].size(), 4U);  // the root, main and its two calls
  EXPECT_EQ(tree.node_of(std::vector<StackLine>()), 0U);
}

TEST(PageStacks, LeavesStartUpCodeOutWhereSomethingIsLeft) {
  const Json report = Json::object();
  TextTable texts;
  PageStacks tree(report, texts);
  const StackLine start = line("_start", "a.out", true);
  EXPECT_EQ(tree.node_of({line("main", "a.c:9"), start}), tree.node_of({line("main", "a.c:9")}));
  EXPECT_NE(tree.node_of({start}), 0U);
  const StackLine cut = {"", "(the stack goes on; it was cut here)", false, true};
  EXPECT_NE(tree.node_of({line("main", "a.c:9"), cut}), tree.node_of({line("main", "a.c:9")}));
}

}  // namespace
}  // namespace weir::cli
