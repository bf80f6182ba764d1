#include "report/report_writer.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "core/clock.h"
#include "live_blocks.h"
#include "options/options.h"
#include "track/heap_errors.h"
#include "track/mapping_table.h"

namespace weir::report {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
constexpr uint64_t kNsPerTick = 10'000;

class ReportWriterTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "weir_report_XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    configure({});
    core::clock_origin_cycles = 0;
    input_.exe = "/usr/bin/program";
    input_.argv = argv_;
    input_.argc = 2;
    input_.pid = 42;
    input_.ppid = 41;
    input_.host = "node7";
    input_.start_realtime_ns = 1795211400123456789;
    // One tick is kNsPerTick, counted from kFirstTick.
    constexpr uint64_t kTicks = 1'000'000;
    input_.start = {kFirstTick << core::kTickShift, 1000};
    input_.end = {(kFirstTick + kTicks) << core::kTickShift, 1000 + kTicks * kNsPerTick};
    input_.ignore_before_tick = kFirstTick;
    input_.has_exit_status = true;
    input_.exit_status = 3;
    input_.starting_folder = folder_.c_str();
  }
  void TearDown() override {
    options::load(nullptr);
    track::mapping_table_clear();
    fs::remove_all(folder_);
  }

  // Options beside WEIR_REPORT, which is report.json in the test's folder unless given.
  void configure(std::vector<std::string> entries) {
    entries.push_back("WEIR_REPORT=report.json");
    std::vector<const char*> environment;
    for (const std::string& entry : entries) environment.push_back(entry.c_str());
    environment.push_back(nullptr);
    options::load(environment.data());
  }

  // Writes; what stderr received is in said_.
  bool write() {
    testing::internal::CaptureStderr();
    core::Guard guard;
    const bool written = write_report(guard.token(), input_, &written_);
    said_ = testing::internal::GetCapturedStderr();
    return written;
  }
  std::string text() const {
    std::ifstream file(written_.path);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  Json report() {
    EXPECT_TRUE(write()) << said_;
    EXPECT_EQ(said_, "");
    return Json::parse(text());
  }
  static const Json* leak_of(const Json& report, uint64_t bytes) {
    for (const Json& leak : report.at("leaks")) {
      if (leak.at("bytes") == bytes) return &leak;
    }
    return nullptr;
  }
  size_t entries() const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }

  const char* argv_[2] = {"./program", "caf\xe9 \"quoted\""};
  fs::path folder_;
  ReportInput input_;
  WrittenReport written_{};
  std::string said_;
};

TEST_F(ReportWriterTest, TheKeysStandInTheirOrder) {
  ASSERT_TRUE(write());
  const auto ordered = nlohmann::ordered_json::parse(text());
  std::vector<std::string> keys;
  for (const auto& item : ordered.items()) keys.push_back(item.key());
  EXPECT_EQ(keys, (std::vector<std::string>{"schema", "process", "options", "sampling", "host", "devices", "cuda",
                                            "leak_check", "leaks", "errors", "out_of_memory", "peak", "hot_sites",
                                            "large", "timeline", "stacks", "frames", "modules", "warnings"}));
}

TEST_F(ReportWriterTest, TheProcessIsDescribed) {
  const Json expected = {{"exe", "/usr/bin/program"},
                         {"argv", {"./program", "caf\xef\xbf\xbd \"quoted\""}},
                         {"pid", 42},
                         {"ppid", 41},
                         {"rank", nullptr},
                         {"host", "node7"},
                         {"start", "2026-11-20T21:50:00.123456789Z"},
                         {"start_ns", 1795211400123456789},
                         {"duration_ns", 10'000'000'000},
                         {"end", "exit"},
                         {"exit_status", 3}};
  EXPECT_EQ(report().at("process"), expected);
  EXPECT_EQ(written_.path, folder_ / "report.json");
}

TEST_F(ReportWriterTest, OptionsTellValueAndDefault) {
  configure({"WEIR_LARGE=1MiB"});
  const Json options = report().at("options");
  EXPECT_EQ(options.size(), options::row_count());
  EXPECT_EQ(options.at("WEIR_LARGE"), (Json{{"value", "1MiB"}, {"default", false}}));
  EXPECT_EQ(options.at("WEIR"), (Json{{"value", "on"}, {"default", true}}));
}

TEST_F(ReportWriterTest, ALeakHasItsStackTimesThreadsAndSamples) {
  LiveBlocks blocks;
  const core::StackId stack = make_stack({0x7001, 0x7002});
  const uintptr_t address = blocks.add(stack, 123, kFirstTick + 50, 7, track::Family::array_new, 6).address;
  blocks.add(stack, 1000, kFirstTick + 10, 7);
  const Json whole = report();
  const Json* leak = leak_of(whole, 1123);
  ASSERT_NE(leak, nullptr);
  EXPECT_EQ(leak->at("memory"), "host");
  EXPECT_EQ(leak->at("kind"), "live");
  EXPECT_EQ(leak->at("count"), 2);
  EXPECT_NEAR(leak->at("first_ns").get<double>(), 10 * kNsPerTick, 2);
  EXPECT_NEAR(leak->at("last_ns").get<double>(), 50 * kNsPerTick, 2);
  EXPECT_EQ(leak->at("thread_count"), 1);
  EXPECT_EQ(leak->at("threads").at(0).at("id"), 7);
  char text[32];
  snprintf(text, sizeof text, "0x%lx", address);
  bool found = false;
  for (const Json& sample : leak->at("samples")) {
    if (sample.at("address") != text) continue;
    found = true;
    EXPECT_EQ(sample.at("bytes"), 123);
    EXPECT_EQ(sample.at("thread"), 7);
    EXPECT_EQ(sample.at("family"), "new[]");
    EXPECT_EQ(sample.at("align_bytes"), 64);
  }
  EXPECT_TRUE(found);
  const Json& frames = whole.at("frames");
  std::vector<std::string> addresses;
  for (const Json& frame : whole.at("stacks").at(leak->at("stack").get<size_t>())) {
    addresses.push_back(frames.at(frame.get<size_t>()).at("address"));
  }
  EXPECT_EQ(addresses, (std::vector<std::string>{"0x7001", "0x7002"}));
}

TEST_F(ReportWriterTest, TruncatedAndExactFramesAreMarked) {
  LiveBlocks blocks;
  blocks.add(make_stack({0x7101}, true), 4001);
  blocks.add(make_stack({0x7102}, false, true), 4002);
  blocks.add(core::StackId::unknown, 4003);
  const Json whole = report();
  const auto frames_of = [&whole](uint64_t bytes) {
    Json frames = Json::array();
    for (const Json& frame : whole.at("stacks").at(leak_of(whole, bytes)->at("stack").get<size_t>())) {
      frames.push_back(whole.at("frames").at(frame.get<size_t>()));
    }
    return frames;
  };
  EXPECT_EQ(frames_of(4001),
            (Json{{{"module", nullptr}, {"address", "0x7101"}}, {{"module", nullptr}, {"truncated", true}}}));
  EXPECT_EQ(frames_of(4002), (Json{{{"module", nullptr}, {"address", "0x7102"}, {"exact", true}}}));
  EXPECT_EQ(frames_of(4003), Json::array());
}

TEST_F(ReportWriterTest, AStackDeeperThanTheOptionIsCut) {
  configure({"WEIR_STACK_DEPTH=2"});
  LiveBlocks blocks;
  blocks.add(make_stack({0x7201, 0x7202, 0x7203}), 4004);
  const Json whole = report();
  const Json stack = whole.at("stacks").at(leak_of(whole, 4004)->at("stack").get<size_t>());
  ASSERT_EQ(stack.size(), 3U);
  EXPECT_EQ(whole.at("frames").at(stack.at(2).get<size_t>()).at("truncated"), true);
}

TEST_F(ReportWriterTest, OnlyStacksThatAreReferredToAreWritten) {
  make_stack({0x7301});
  const std::string unused = "\"0x7301\"";
  ASSERT_TRUE(write());
  EXPECT_EQ(text().find(unused), std::string::npos);
}

TEST_F(ReportWriterTest, EveryReferenceLeadsSomewhere) {
  LiveBlocks blocks;
  for (uint32_t i = 0; i < 500; ++i) blocks.add(make_stack({0x70000 + i, 0x71000 + i / 10, 0x72000}), 200 + i);
  const Json whole = report();
  const auto check = [&whole](const char* key) {
    for (const Json& entry : whole.at(key))
      ASSERT_LT(entry.at("stack").get<size_t>(), whole.at("stacks").size()) << key;
  };
  for (const char* key : {"leaks", "peak", "hot_sites", "large"}) check(key);
  for (const Json& stack : whole.at("stacks")) {
    for (const Json& frame : stack) ASSERT_LT(frame.get<size_t>(), whole.at("frames").size());
  }
  for (const Json& frame : whole.at("frames")) {
    if (frame.at("module").is_null()) continue;
    ASSERT_LT(frame.at("module").get<size_t>(), whole.at("modules").size());
  }
  EXPECT_EQ(Json(whole.at("frames")).size(),
            std::set<Json>(whole.at("frames").begin(), whole.at("frames").end()).size())
      << "each frame once";
}

TEST_F(ReportWriterTest, LargeBlocksAreListedOneByOne) {
  configure({"WEIR_LARGE=1MiB"});
  LiveBlocks blocks;
  const core::StackId stack = make_stack({0x7401});
  blocks.add(stack, 1 << 20);
  blocks.add(stack, 3 << 20);
  blocks.add(stack, (1 << 20) - 1);
  const Json whole = report();
  ASSERT_EQ(whole.at("large").size(), 2U);
  EXPECT_EQ(whole.at("large").at(0).at("bytes"), 3 << 20);
  EXPECT_EQ(whole.at("host").at("large_left_out_count"), 0);
}

TEST_F(ReportWriterTest, MappingsHaveTheirSectionUnlessLeftOut) {
  track::mapping_table_clear();
  track::Mapping mapping;
  mapping.address = 0x20000000000;
  mapping.bytes = 1 << 16;
  mapping.protection = PROT_NONE;
  mapping.stack = make_stack({0x7501});
  mapping.tick = kFirstTick;
  track::insert_mapping(mapping);
  configure({"WEIR_TRACK=host"});
  EXPECT_FALSE(report().at("host").contains("mmap"));
  track::mapping_table_clear();
  track::insert_mapping(mapping);
  configure({"WEIR_OVERWRITE=on"});
  const Json host = report().at("host");
  for (const char* key : {"totals", "kinds", "files", "file_left_out_count"})
    EXPECT_TRUE(host.at("mmap").contains(key));
  EXPECT_EQ(host.at("mmap").at("totals").at("mapped_bytes"), 1 << 16);
}

TEST_F(ReportWriterTest, EveryFigureOfTheHostHasItsUnit) {
  const Json host = report().at("host");
  const auto check = [](const Json& figures, const std::string& where) {
    for (const auto& item : figures.items()) {
      if (!item.value().is_number()) continue;
      const std::string& key = item.key();
      const size_t underscore = key.rfind('_');
      ASSERT_NE(underscore, std::string::npos) << where << "." << key;
      EXPECT_TRUE(std::set<std::string>({"bytes", "count", "ns", "ratio"}).count(key.substr(underscore + 1)) == 1)
          << where << "." << key;
    }
  };
  for (const char* part : {"totals", "pool", "process_memory"}) check(host.at(part), part);
  check(host, "host");
}

TEST_F(ReportWriterTest, WarningsAreObjectsWithText) {
  const char* const warnings[] = {"one", "two"};
  input_.warnings = warnings;
  input_.warning_count = 2;
  const Json whole = report();
  ASSERT_GE(whole.at("warnings").size(), 2U);
  EXPECT_EQ(whole.at("warnings").at(1).at("text"), "two");
}

TEST_F(ReportWriterTest, WhatIsUnknownIsNull) {
  input_ = ReportInput{};
  input_.starting_folder = folder_.c_str();
  const Json process = report().at("process");
  EXPECT_EQ(process.at("exe"), nullptr);
  EXPECT_EQ(process.at("argv"), Json::array());
  EXPECT_EQ(process.at("duration_ns"), 0);
  EXPECT_FALSE(process.contains("exit_status"));
}

TEST_F(ReportWriterTest, AReportThatCannotBeWrittenCostsOneLine) {
  std::ofstream(folder_ / "file") << "x";
  const std::string inside_file = (folder_ / "file").string();
  input_.starting_folder = inside_file.c_str();
  EXPECT_FALSE(write());
  EXPECT_EQ(std::count(said_.begin(), said_.end(), '\n'), 1);
  EXPECT_NE(said_.find(inside_file + "/report.json"), std::string::npos) << said_;
  EXPECT_NE(said_.find("not a folder"), std::string::npos) << said_;
  EXPECT_STREQ(written_.path, "");
}

TEST_F(ReportWriterTest, VerboseTellsWhereTheReportIs) {
  configure({"WEIR_VERBOSE=on"});
  ASSERT_TRUE(write());
  EXPECT_EQ(std::count(said_.begin(), said_.end(), '\n'), 1);
  EXPECT_NE(said_.find(written_.path), std::string::npos) << said_;
  configure({"WEIR_VERBOSE=on", "WEIR_QUIET=on"});
  ASSERT_TRUE(write());
  EXPECT_EQ(said_, "");
}

// Runs `in_child` in a child process and expects it to return true.
template <class Check>
void in_child(const Check& check) {
  const pid_t child = fork();
  if (child == 0) _exit(check() ? 0 : 1);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << "ended by signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(ReportWriterTest, AFileSizeLimitDoesNotKill) {
  in_child([this] {
    const rlimit limit{1000, 1000};
    setrlimit(RLIMIT_FSIZE, &limit);
    core::Guard guard;
    return !write_report(guard.token(), input_, &written_);
  });
  EXPECT_EQ(entries(), 0U) << "nothing is left";
}

TEST_F(ReportWriterTest, AFullDiskLeavesNothing) {
  const fs::path disk = folder_ / "disk";
  fs::create_directory(disk);
  if (mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=16k") != 0) GTEST_SKIP() << "needs the right to mount a tmpfs";
  LiveBlocks blocks;
  for (uint32_t i = 0; i < 1000; ++i) blocks.add(make_stack({0x80000 + i}), 100);
  input_.starting_folder = disk.c_str();
  EXPECT_FALSE(write());
  EXPECT_NE(said_.find("no space left on the device"), std::string::npos) << said_;
  EXPECT_EQ(fs::directory_iterator(disk), fs::directory_iterator());
  EXPECT_EQ(umount(disk.c_str()), 0);
}

TEST_F(ReportWriterTest, WithoutMemoryThereIsALineAndNoReport) {
  in_child([this] {
    const rlimit limit{1 << 20, 1 << 20};
    setrlimit(RLIMIT_AS, &limit);
    core::Guard guard;
    return !write_report(guard.token(), input_, &written_);
  });
  EXPECT_EQ(entries(), 0U);
}

// Each thread may have a stack as small as PTHREAD_STACK_MIN, and any of them may end the process.
TEST_F(ReportWriterTest, ASmallThreadStackSuffices) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 16384);
  pthread_t thread;
  struct Call {
    const ReportInput& input;
    WrittenReport* report;
    bool written;
  } call{input_, &written_, false};
  const auto run = [](void* context) -> void* {
    auto* call = static_cast<Call*>(context);
    core::Guard guard;
    call->written = write_report(guard.token(), call->input, call->report);
    return nullptr;
  };
  ASSERT_EQ(pthread_create(&thread, &attributes, run, &call), 0);
  pthread_join(thread, nullptr);
  EXPECT_TRUE(call.written);
  pthread_attr_destroy(&attributes);
}

TEST_F(ReportWriterTest, AMillionLeaksOfTenStacksFitIn100Kilobytes) {
  LiveBlocks blocks;
  for (uint32_t i = 0; i < 1'000'000; ++i) {
    const std::vector<uintptr_t> ips = {0x90000 + i % 10, 0x91000, 0x92000};
    blocks.add(make_stack(ips), 24, kFirstTick + i, i % 1000 + 1);
  }
  const Json whole = report();
  EXPECT_LT(fs::file_size(written_.path), 100'000U);
  size_t leaks = 0;
  for (const Json& leak : whole.at("leaks")) leaks += leak.at("count") == 100'000 && leak.at("bytes") == 2'400'000;
  EXPECT_EQ(leaks, 10U);
}

// Of this thread: other programs that use the machine do not count.
double cpu_seconds() { return static_cast<double>(core::thread_cpu_ns()) * 1e-9; }

TEST_F(ReportWriterTest, AMillionBlocksOverAHundredThousandStacksTakeHalfASecond) {
  constexpr uint32_t kBlocks = 1'000'000, kStacks = 100'000, kDepth = 20;
  LiveBlocks blocks;
  std::vector<core::StackId> stacks;
  for (uint32_t i = 0; i < kStacks; ++i) {
    std::vector<uintptr_t> ips;
    for (uint32_t depth = 0; depth < kDepth; ++depth) ips.push_back(0x100000 * (depth + 1) + (i >> depth));
    stacks.push_back(make_stack(ips));
  }
  for (uint32_t i = 0; i < kBlocks; ++i) blocks.add(stacks[i % kStacks], 16 + i % 1000, kFirstTick + i);
  configure({"WEIR_OVERWRITE=on"});
  double taken = 1000;
  for (int round = 0; round < 3; ++round) {
    const double start = cpu_seconds();
    ASSERT_TRUE(write());
    taken = std::min(taken, cpu_seconds() - start);
  }
  printf("report of %u blocks over %u stacks of depth %u: %.3f s, %.1f MB\n", kBlocks, kStacks, kDepth, taken,
         static_cast<double>(fs::file_size(written_.path)) / 1e6);
  EXPECT_LT(taken, 0.5);
  EXPECT_EQ(Json::parse(text()).at("leaks").size(), kStacks);
}

TEST_F(ReportWriterTest, MisuseOfTheHeapIsListedWithAllThatIsKnown) {
  track::heap_errors_reset_after_fork();
  const core::StackId call = make_stack({0x1001}), made = make_stack({0x2001}), freed = make_stack({0x3001});
  track::HeapError error{};
  error.kind = track::HeapErrorKind::wrong_size;
  error.call = "operator delete";
  error.address = 0x5000;
  error.event = {call, static_cast<core::ThreadId>(2), kFirstTick + 30};
  error.said_bytes = 8;
  error.has_block = true;
  error.block.address = 0x5000;
  error.block.bytes = 24;
  error.block.family = track::Family::scalar_new;
  error.block.stack = made;
  error.block.thread = static_cast<core::ThreadId>(1);
  error.block.tick = kFirstTick + 10;
  track::record_heap_error(error);
  track::record_heap_error(error);
  error.kind = track::HeapErrorKind::double_free;
  error.said_bytes = track::kNotSaid;
  error.was_freed = true;
  error.block.thread = core::ThreadId::unknown;
  error.block.tick = 0;
  error.freed = {freed, static_cast<core::ThreadId>(3), kFirstTick + 20};
  track::record_heap_error(error);
  error.kind = track::HeapErrorKind::interior_free;
  error.was_freed = false;
  error.address = 0x4ff8;
  track::record_heap_error(error);

  const Json whole = report();
  track::heap_errors_reset_after_fork();
  const Json& rows = whole.at("errors");
  ASSERT_EQ(rows.size(), 3U);
  const Json& size = rows[0];
  EXPECT_EQ(size.at("memory"), "host");
  EXPECT_EQ(size.at("kind"), "wrong_size");
  EXPECT_EQ(size.at("call"), "operator delete");
  EXPECT_EQ(size.at("address"), "0x5000");
  EXPECT_EQ(size.at("call_bytes"), 8);
  EXPECT_EQ(size.at("ns"), 30 * kNsPerTick);
  EXPECT_EQ(size.at("thread"), 2);
  EXPECT_EQ(size.at("count"), 2);
  EXPECT_EQ(size.at("allocation").at("bytes"), 24);
  EXPECT_EQ(size.at("allocation").at("family"), "new");
  EXPECT_EQ(size.at("allocation").at("ns"), 10 * kNsPerTick);
  EXPECT_EQ(size.at("allocation").at("thread"), 1);
  EXPECT_FALSE(size.contains("free"));
  const Json& twice = rows[1];
  EXPECT_FALSE(twice.contains("call_bytes"));
  EXPECT_TRUE(twice.at("allocation").at("ns").is_null());
  EXPECT_TRUE(twice.at("allocation").at("thread").is_null());
  EXPECT_EQ(twice.at("free").at("ns"), 20 * kNsPerTick);
  EXPECT_EQ(twice.at("free").at("thread"), 3);
  EXPECT_NE(twice.at("free").at("stack"), twice.at("allocation").at("stack"));
  EXPECT_EQ(rows[2].at("offset_bytes"), -8);
  EXPECT_EQ(whole.at("host").at("errors_left_out_count"), 0);
}

}  // namespace
}  // namespace weir::report
