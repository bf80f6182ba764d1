#include "report/report_path.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::report {
namespace {

PathFacts facts() {
  PathFacts facts;
  facts.pid = 42;
  facts.host = "node7";
  facts.exe = "/usr/bin/python3.11";
  facts.rank = "3";
  facts.realtime_ns = 1795211400123456789;
  facts.starting_folder = "/start";
  return facts;
}

std::string expanded(const char* pattern, uint64_t counter = 0, const PathFacts& with = facts()) {
  char storage[kMaxPath];
  core::TextBuffer path(storage);
  EXPECT_TRUE(expand_pattern(pattern, with, counter, path));
  return storage;
}

TEST(ReportPath, EveryDirectiveIsExpanded) {
  EXPECT_EQ(expanded("/d/%p-%h-%t-%e-%r-%%.json"), "/d/42-node7-20261120T215000Z-python3.11-3-%.json");
  EXPECT_EQ(expanded("/d/%p.%x.%"), "/d/42.%x.%");
}

TEST(ReportPath, ANameBringsNeitherAFolderNorAControlCharacter) {
  PathFacts hostile = facts();
  hostile.exe = "/bin/ev\x1b[31mil\nx\x7f";
  hostile.host = "a/../b\r";
  hostile.rank = "\t1";
  EXPECT_EQ(expanded("/d/%e.%h.%r.json", 0, hostile), "/d/ev_[31mil_x_.a_.._b_._1.json");
}

TEST(ReportPath, ARelativePathLiesInTheStartingFolder) {
  EXPECT_EQ(expanded("./weir.%e.%p.json"), "/start/./weir.python3.11.42.json");
  PathFacts unknown = facts();
  unknown.starting_folder = "";
  EXPECT_EQ(expanded("a.%p.json", 0, unknown), "a.42.json");
}

TEST(ReportPath, ATakenNameGetsACounterBeforeItsSuffix) {
  EXPECT_EQ(expanded("/d/name.json", 1), "/d/name.1.json");
  EXPECT_EQ(expanded("/d/name.%p.json", 2), "/d/name.42.2.json");
  EXPECT_EQ(expanded("/d/name", 2), "/d/name.2");
  EXPECT_EQ(expanded("/d/name%n.json", 0), "/d/name0.json");
  EXPECT_EQ(expanded("/d/name%n.json", 7), "/d/name7.json");
  EXPECT_TRUE(has_counter("a%n"));
  EXPECT_FALSE(has_counter("a%%n"));
}

TEST(ReportPath, APathWithoutPidBelongsToTheFirstProcess) {
  PathFacts later = facts();
  later.is_first_process = false;
  EXPECT_EQ(expanded("/d/out.json"), "/d/out.json");
  EXPECT_EQ(expanded("/d/out.json", 0, later), "/d/out.42.json");
  EXPECT_EQ(expanded("/d/out.json", 3, later), "/d/out.42.3.json");
  EXPECT_EQ(expanded("/d/out.%p.json", 0, later), "/d/out.42.json");
  EXPECT_EQ(expanded("/d/out.%n.json", 1, later), "/d/out.1.json");
  EXPECT_EQ(expanded("/d/out%%p", 0, later), "/d/out%p.42");
}

TEST(ReportPath, AFolderGetsTheDefaultName) {
  EXPECT_EQ(expanded("/d/reports/"), "/d/reports/weir.python3.11.42.json");
}

TEST(ReportPath, NamesCannotLeadElsewhere) {
  PathFacts hostile = facts();
  hostile.host = "../../etc";
  hostile.rank = "/x";
  EXPECT_EQ(expanded("/d/%h.%r.json", 0, hostile), "/d/.._.._etc._x.json");
}

TEST(ReportPath, WhatIsUnknownHasAName) {
  const PathFacts nothing;
  EXPECT_EQ(expanded("/d/%h.%e.%r.json", 0, nothing), "/d/unknown.unknown.none.json");
}

TEST(ReportPath, ASnapshotHasANameOfItsOwn) {
  PathFacts of_snapshot = facts();
  of_snapshot.is_snapshot = true;
  EXPECT_EQ(expanded("/d/out.json", 0, of_snapshot), "/d/out.snapshot-1.json");
  EXPECT_EQ(expanded("/d/out.json", 1, of_snapshot), "/d/out.snapshot-2.json");
  EXPECT_EQ(expanded("/d/%e.%p.json", 0, of_snapshot), "/d/python3.11.42.snapshot-1.json");
  EXPECT_EQ(expanded("/d/reports/", 2, of_snapshot), "/d/reports/weir.python3.11.42.snapshot-3.json");
  EXPECT_EQ(expanded("/d/out", 0, of_snapshot), "/d/out.snapshot-1");
}

TEST(ReportPath, SnapshotsOfSeveralProcessesAreToldApart) {
  PathFacts of_snapshot = facts();
  of_snapshot.is_snapshot = true;
  EXPECT_EQ(expanded("/d/out.%n.json", 1, of_snapshot), "/d/out.0.42.snapshot-2.json");
  of_snapshot.is_first_process = false;
  EXPECT_EQ(expanded("/d/out.json", 0, of_snapshot), "/d/out.42.snapshot-1.json");
}

TEST(ReportPath, APathThatDoesNotFitIsRefused) {
  char storage[64];
  core::TextBuffer path(storage);
  EXPECT_FALSE(expand_pattern(std::string(100, 'x').c_str(), facts(), 0, path));
}

TEST(Rank, TheFirstLauncherThatSaysSoCounts) {
  const char* const slurm[] = {"PATH=/bin", "SLURM_PROCID=5", "RANKS=9", nullptr};
  EXPECT_STREQ(rank_in(slurm), "5");
  const char* const both[] = {"SLURM_PROCID=5", "RANK=", "PMI_RANK=2", "OMPI_COMM_WORLD_RANK=1", nullptr};
  EXPECT_STREQ(rank_in(both), "1");
  const char* const none[] = {"HOME=/", nullptr};
  EXPECT_EQ(rank_in(none), nullptr);
  EXPECT_EQ(rank_in(nullptr), nullptr);
}

}  // namespace
}  // namespace weir::report
