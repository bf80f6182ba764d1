#include "cli/cuda_calls.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace weir::cli {
namespace {

using Frames = std::vector<std::pair<std::string, int>>;  // function and module, innermost first

Json report_of(const Frames& frames, const std::string& call) {
  Json report = {{"frames", Json::array()}, {"stacks", {Json::array()}}};
  for (const auto& [function, module] : frames) {
    report["stacks"][0].push_back(report["frames"].size());
    report["frames"].push_back({{"module", module}, {"offset", 1}});
    if (!function.empty()) report["frames"].back()["function"] = function;
  }
  const Json entry = {{"call", call}, {"stack", 0}};
  report["leaks"] = {entry};
  report["leaks"][0]["samples"] = {Json{{"family", call}}};
  report["large"] = {Json{{"family", call}, {"stack", 0}}};
  report["errors"] = {Json{{"call", "cuMemFree_v2"}, {"stack", 0}, {"alloc_call", call}, {"alloc_stack", 0}}};
  report["out_of_memory"] = {entry};
  report["cuda"] = {{"transfers", {entry}}};
  return report;
}

std::string named(const Frames& frames, const std::string& call = "cuMemAlloc_v2") {
  Json report = report_of(frames, call);
  name_cuda_calls(report);
  return report["leaks"][0]["call"].get<std::string>();
}

TEST(CudaCalls, TheCallIsTheOutermostOfTheRuntimesInnermostFrames) {
  EXPECT_EQ(named({{"cudaMalloc", 0}, {"main", 0}}), "cudaMalloc");
  EXPECT_EQ(named({{"libcudart_static_4ea6681a6d17a692cabd1b4f", 0}, {"cudaMalloc", 0}, {"main", 0}}), "cudaMalloc");
  EXPECT_EQ(named({{"cudaHostAlloc", 0}, {"libcudart_static_4ea6", 0}, {"cudaMallocHost", 0}, {"main", 0}}),
            "cudaMallocHost");
  EXPECT_EQ(named({{"simcudart::cudaMalloc", 0}, {"cudaMalloc<float>", 0}, {"main", 0}}), "cudaMalloc");
}

TEST(CudaCalls, WhatIsNotOfTheRuntimeEndsTheSearch) {
  EXPECT_EQ(named({{"main", 0}, {"cudaMalloc", 0}}), "cuMemAlloc_v2");
  EXPECT_EQ(named({{"cudaMalloc", 0}, {"", 0}, {"cudaMemcpy", 0}}), "cudaMalloc");
  EXPECT_EQ(named({{"cudaMalloc", 0}, {"cudaMemcpy", 1}}), "cudaMalloc");
  EXPECT_EQ(named({{"", 0}, {"main", 0}}), "cuMemAlloc_v2");
  EXPECT_EQ(named({}), "cuMemAlloc_v2");
}

TEST(CudaCalls, TheProgramsOwnFunctionsAreNoCallsOfTheRuntime) {
  EXPECT_EQ(named({{"cudaMalloc", 0}, {"cudaCheckedMalloc(unsigned long)", 0}}), "cudaMalloc");
  EXPECT_EQ(named({{"cudaMalloc", 0}, {"mine::cudaMallocOrDie", 0}}), "cudaMalloc");
  EXPECT_EQ(named({{"cuda_allocate", 0}, {"main", 0}}), "cuMemAlloc_v2");
}

TEST(CudaCalls, ANameOfTheRuntimeStays) {
  EXPECT_EQ(named({{"cudaHostAlloc", 0}}, "cudaMallocHost"), "cudaMallocHost");
  EXPECT_EQ(named({{"cudaMalloc", 0}}, "malloc"), "malloc");
}

TEST(CudaCalls, EveryPartOfTheReportIsNamed) {
  Json report = report_of({{"cudaMalloc", 0}, {"main", 0}}, "cuMemAlloc_v2");
  name_cuda_calls(report);
  EXPECT_EQ(report.dump().find("cuMem"), std::string::npos) << report;
}

}  // namespace
}  // namespace weir::cli
