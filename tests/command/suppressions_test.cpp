#include "symbolize/suppressions.h"

#include <gtest/gtest.h>

#include "cli/suppressed_leaks.h"

namespace weir::symbolize {
namespace {

using Json = nlohmann::ordered_json;

TEST(Pattern, MatchesAnyPartUnlessItIsAnchored) {
  EXPECT_TRUE(Pattern("grow").matches("cache::Store::grow(unsigned long)"));
  EXPECT_TRUE(Pattern("^cache::").matches("cache::Store::grow(unsigned long)"));
  EXPECT_FALSE(Pattern("^Store").matches("cache::Store::grow(unsigned long)"));
  EXPECT_TRUE(Pattern("long)$").matches("cache::Store::grow(unsigned long)"));
  EXPECT_FALSE(Pattern("grow$").matches("cache::Store::grow(unsigned long)"));
  EXPECT_TRUE(Pattern("^main$").matches("main"));
  EXPECT_FALSE(Pattern("^main$").matches("main2"));
  EXPECT_FALSE(Pattern("^main$").matches("domain"));
}

TEST(Pattern, AStarStandsForAnything) {
  EXPECT_TRUE(Pattern("cache*grow").matches("cache::Store::grow(unsigned long)"));
  EXPECT_FALSE(Pattern("grow*cache").matches("cache::Store::grow(unsigned long)"));
  EXPECT_TRUE(Pattern("^*grow").matches("cache::Store::grow(unsigned long)"));
  EXPECT_TRUE(Pattern("^a*a$").matches("abca"));
  EXPECT_FALSE(Pattern("^a*a$").matches("a")) << "two of them";
  EXPECT_TRUE(Pattern("^a*b*b$").matches("abcbb"));
  EXPECT_TRUE(Pattern("a*").matches("xay"));
  EXPECT_TRUE(Pattern("*").matches(""));
  EXPECT_TRUE(Pattern("^ab*").matches("ab"));
  EXPECT_FALSE(Pattern("^ab*cd$").matches("abc"));
}

// One leak each: of main alone, below grow, of a library without symbols, of the runtime, reachable.
Json report() {
  return Json::parse(R"json({
    "leak_check": {"suppression_files": [], "program_suppressions": null},
    "leaks": [
      {"memory": "host", "kind": "definite", "bytes": 100, "count": 1, "stack": 0, "indirect_bytes": 30, "indirect_count": 2},
      {"memory": "host", "kind": "indirect", "bytes": 30, "count": 2, "stack": 1},
      {"memory": "host", "kind": "definite", "bytes": 7, "count": 1, "stack": 2},
      {"memory": "host", "kind": "definite", "bytes": 4096, "count": 1, "stack": 0, "runtime": "stdio buffers"},
      {"memory": "host", "kind": "reachable", "bytes": 5, "count": 1, "stack": 0}],
    "stacks": [[0], [1, 0], [2, 0]],
    "frames": [
      {"module": 0, "offset": 1, "function": "main", "file": "/src/main.cpp", "line": 4},
      {"module": 0, "offset": 2, "function": "cache::grow(int)", "file": "/src/cache.cpp", "line": 5,
       "inlined": [{"function": "cache::Node::make()", "file": "/src/node.h", "line": 6}]},
      {"module": 1, "offset": 3}],
    "modules": [{"path": "/usr/bin/leaky"}, {"path": "/opt/lib/libplugin.so.2"}],
    "warnings": []})json");
}

std::vector<std::string> suppressed_by(const std::string& text, Json report) {
  Suppressions suppressions;
  EXPECT_TRUE(suppressions.add(text, "test").empty());
  suppressions.apply(report);
  std::vector<std::string> marks;
  for (const Json& leak : report["leaks"]) marks.push_back(leak.value("suppressed", ""));
  return marks;
}

using Marks = std::vector<std::string>;

TEST(Suppressions, AreComparedWithFunctionsFilesAndModulesOfAnyFrame) {
  EXPECT_EQ(suppressed_by("leak:^main$", report()), (Marks{"leak:^main$", "leak:^main$", "leak:^main$", "", ""}));
  EXPECT_EQ(suppressed_by("leak:cache.cpp", report()), (Marks{"", "leak:cache.cpp", "", "", ""}));
  EXPECT_EQ(suppressed_by("leak:Node::make", report()), (Marks{"", "leak:Node::make", "", "", ""}));
  EXPECT_EQ(suppressed_by("leak:node.h", report()), (Marks{"", "leak:node.h", "", "", ""}));
  EXPECT_EQ(suppressed_by("leak:libplugin.so", report()), (Marks{"", "", "leak:libplugin.so", "", ""}));
  EXPECT_EQ(suppressed_by("leak:nothing", report()), (Marks{"", "", "", "", ""}));
}

TEST(Suppressions, AWholeMangledNameIsTheFunctionThatItNames) {
  EXPECT_EQ(suppressed_by("leak:_ZN5cache4growEi", report()), (Marks{"", "leak:_ZN5cache4growEi", "", "", ""}));
  EXPECT_EQ(suppressed_by("leak:^_ZN5cache4growEi$", report()), (Marks{"", "leak:^_ZN5cache4growEi$", "", "", ""}));
  EXPECT_EQ(suppressed_by("leak:_ZN5cache4growEl", report()), (Marks{"", "", "", "", ""}));
}

TEST(Suppressions, TheFirstOfSeveralCountsAndEachSaysHowMuch) {
  Json own = report();
  Suppressions suppressions;
  const std::string text = "# known\n\n  leak:libplugin \r\nleak:^main$\nleak:grow\n";
  ASSERT_TRUE(suppressions.add(text, "known.txt").empty());
  suppressions.apply(own);
  EXPECT_EQ(own["leak_check"]["suppressions"],
            Json::parse(R"([{"pattern": "leak:libplugin", "source": "known.txt", "count": 1, "bytes": 7},
                            {"pattern": "leak:^main$", "source": "known.txt", "count": 3, "bytes": 130}])"));
}

TEST(Suppressions, AWrongLineIsNamed) {
  Suppressions suppressions;
  EXPECT_EQ(suppressions.add("leak:fine\nrace:other\n\nleak:\n", "f"),
            (std::vector<std::string>{"f:2: expected leak:PATTERN", "f:4: expected leak:PATTERN"}));
}

TEST(Suppressions, BuiltInOnesAreAllPatterns) {
  EXPECT_TRUE(Suppressions().add(kBuiltInSuppressions, "built-in").empty());
  EXPECT_EQ(suppressed_by(kBuiltInSuppressions, report()), (Marks{"", "", "", "", ""})) << "none that fits a program";
}

TEST(LeaksLeft, WhatHangsFromASuppressedBlockIsSuppressedWithIt) {
  const auto left = [](const std::string& text) {
    Json own = report();
    Suppressions suppressions;
    suppressions.add(text, "test");
    suppressions.apply(own);
    return cli::has_leaks_left(own);
  };
  EXPECT_TRUE(left(""));
  EXPECT_TRUE(left("leak:libplugin"));
  EXPECT_TRUE(left("leak:grow"));
  EXPECT_FALSE(left("leak:^main$"));
  Json own = report();
  own["leaks"].erase(2);
  own["leaks"][0]["suppressed"] = "leak:by hand";
  EXPECT_FALSE(cli::has_leaks_left(own)) << "its two indirect ones hang from it";
  own["leaks"][0]["indirect_count"] = 1;
  EXPECT_TRUE(cli::has_leaks_left(own)) << "one hangs from another";
  own["leaks"][0]["indirect_count"] = 2;
  own["leaks"].push_back(own["leaks"][1]);
  own["leaks"].back()["framework_cache"] = "PyTorch";
  EXPECT_TRUE(cli::has_leaks_left(own)) << "two of the four hang from it, which are excused by themselves";
}

}  // namespace
}  // namespace weir::symbolize
