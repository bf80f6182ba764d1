#include "cuda/graphs.h"

#include <gtest/gtest.h>

#include <set>

namespace weir::cuda {
namespace {

constexpr uint64_t kGraph = 1, kExec = 2;

class Graphs : public testing::Test {
 protected:
  void SetUp() override { graphs_reset_after_fork(); }
  void TearDown() override { graphs_reset_after_fork(); }

  static void add_alloc(uint64_t graph, uint64_t node, uint64_t address) {
    Allocation allocation;
    allocation.owner = graph;
    allocation.key = node;
    add_alloc_node(allocation, address);
  }
  struct Launched {
    std::set<uint64_t> left, taken;
  };
  static Launched launch(uint64_t exec) {
    Launched launched;
    visit_launch(exec, {[](void* context, const Allocation&, uint64_t address) {
                          static_cast<Launched*>(context)->left.insert(address);
                        },
                        [](void* context, uint64_t address) { static_cast<Launched*>(context)->taken.insert(address); },
                        &launched});
    return launched;
  }
};

TEST_F(Graphs, ALaunchLeavesWhatTheGraphDoesNotFree) {
  add_alloc(kGraph, 10, 0x1000);
  add_alloc(kGraph, 11, 0x2000);
  add_free_node(kGraph, 12, 0x1000);
  instantiate_nodes(kGraph, kExec);
  EXPECT_EQ(launch(kExec).left, std::set<uint64_t>{0x2000});
  EXPECT_TRUE(launch(kExec).taken.empty());
}

TEST_F(Graphs, ALaunchTakesWhatAnotherLeft) {
  add_free_node(kGraph, 12, 0x1000);
  instantiate_nodes(kGraph, kExec);
  EXPECT_EQ(launch(kExec).taken, std::set<uint64_t>{0x1000});
}

TEST_F(Graphs, WhatWasInstantiatedOutlivesItsGraph) {
  add_alloc(kGraph, 10, 0x1000);
  instantiate_nodes(kGraph, kExec);
  forget_graph(kGraph);
  EXPECT_EQ(launch(kExec).left.size(), 1u);
  forget_exec(kExec);
  EXPECT_TRUE(launch(kExec).left.empty());
}

TEST_F(Graphs, AGraphTakenOverIsItsNewOwners) {
  constexpr uint64_t kChild = 3, kLaterExec = 4;
  add_alloc(kChild, 10, 0x1000);
  move_nodes(kChild, kGraph);
  instantiate_nodes(kGraph, kExec);
  EXPECT_EQ(launch(kExec).left, std::set<uint64_t>{0x1000});
  copy_nodes(kChild, kLaterExec);  // of a later graph that got the handle
  EXPECT_TRUE(launch(kLaterExec).left.empty());
}

TEST_F(Graphs, ANodeTakenOutIsNotLaunched) {
  add_alloc(kGraph, 10, 0x1000);
  add_alloc(kGraph, 11, 0x2000);
  forget_node(10);
  instantiate_nodes(kGraph, kExec);
  EXPECT_EQ(launch(kExec).left, std::set<uint64_t>{0x2000});
}

}  // namespace
}  // namespace weir::cuda
