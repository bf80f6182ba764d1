#include "stack/stack_table.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "stack/stack_nodes.h"

namespace weir::stack {
namespace {

constexpr uintptr_t kCode = 0x550000000000;
const auto kModule = static_cast<core::ModuleId>(7);

NodeId chain(NodeId root, const std::vector<uintptr_t>& outermost_first) {
  for (const uintptr_t ip : outermost_first) root = intern(root, frame_key(ip, kModule));
  return root;
}

TEST(StackTable, EqualStacksShareAnId) {
  const core::StackId first = stack_of(chain(NodeId::complete_root, {kCode, kCode + 16, kCode + 32}));
  const core::StackId again = stack_of(chain(NodeId::complete_root, {kCode, kCode + 16, kCode + 32}));
  EXPECT_NE(first, core::StackId::unknown);
  EXPECT_EQ(first, again);
  EXPECT_LE(core::index_of(first), stack_count());
}

TEST(StackTable, AnyDifferenceIsAnotherStack) {
  const NodeId outer = chain(NodeId::complete_root, {kCode, kCode + 48});
  const NodeId node = intern(outer, frame_key(kCode + 64, kModule));
  EXPECT_NE(node, intern(outer, frame_key(kCode + 65, kModule)));
  EXPECT_NE(node, intern(outer, frame_key(kCode + 64, static_cast<core::ModuleId>(8))));
  EXPECT_NE(node, intern(outer, frame_key(kCode + 64, kModule, true)));
  EXPECT_NE(node, intern(chain(NodeId::truncated_root, {kCode, kCode + 48}), frame_key(kCode + 64, kModule)));
}

TEST(StackTable, FramesComeInnermostFirst) {
  const NodeId node = intern(chain(NodeId::complete_root, {kCode + 1, kCode + 2}), frame_key(kCode + 3, kModule, true));
  StackFrame frames[8];
  bool truncated = true;
  ASSERT_EQ(frames_of(stack_of(node), frames, 8, &truncated), 3u);
  EXPECT_FALSE(truncated);
  EXPECT_EQ(frames[0].ip, kCode + 3);
  EXPECT_TRUE(frames[0].exact);
  EXPECT_EQ(frames[0].module, kModule);
  EXPECT_EQ(frames[2].ip, kCode + 1);
  EXPECT_FALSE(frames[2].exact);
}

TEST(StackTable, DepthIsWholeWhereTheBufferIsShort) {
  const NodeId node = chain(NodeId::truncated_root, {kCode + 5, kCode + 6, kCode + 7});
  StackFrame frame;
  bool truncated = false;
  EXPECT_EQ(frames_of(stack_of(node), &frame, 1, &truncated), 3u);
  EXPECT_EQ(frame.ip, kCode + 7);
  EXPECT_TRUE(truncated);
}

TEST(StackTable, UnknownIdsHaveNoFrames) {
  bool truncated;
  EXPECT_EQ(frames_of(core::StackId::unknown, nullptr, 0, &truncated), 0u);
  EXPECT_EQ(frames_of(static_cast<core::StackId>(stack_count() + 1), nullptr, 0, &truncated), 0u);
  EXPECT_EQ(intern(NodeId::none, frame_key(kCode, kModule)), NodeId::none);
  EXPECT_EQ(stack_of(NodeId::none), core::StackId::unknown);
}

TEST(StackTable, GrowsAndStillFindsAll) {
  constexpr uintptr_t kMany = 20'000;
  std::vector<core::StackId> ids;
  for (uintptr_t i = 0; i < kMany; ++i)
    ids.push_back(stack_of(intern(NodeId::complete_root, frame_key(kCode + 4096 + i, kModule))));
  for (uintptr_t i = 0; i < kMany; ++i) {
    ASSERT_EQ(stack_of(intern(NodeId::complete_root, frame_key(kCode + 4096 + i, kModule))), ids[i]);
    StackFrame frame;
    ASSERT_EQ(frames_of(ids[i], &frame, 1, nullptr), 1u);
    ASSERT_EQ(frame.ip, kCode + 4096 + i);
  }
}

TEST(StackTable, ANodeMetFurtherOutFirstIsAStackToo) {
  const NodeId outer = chain(NodeId::complete_root, {kCode + 80, kCode + 81});
  const NodeId inner = intern(outer, frame_key(kCode + 82, kModule), Place::innermost);
  const core::StackId stack = stack_of(outer);
  EXPECT_NE(stack, core::StackId::unknown);
  EXPECT_NE(stack, stack_of(inner));
  EXPECT_EQ(stack, stack_of(intern(chain(NodeId::complete_root, {kCode + 80}), frame_key(kCode + 81, kModule))));
  EXPECT_EQ(leaf_of(stack), outer);
  StackFrame frames[4];
  ASSERT_EQ(frames_of(stack, frames, 4, nullptr), 2u);
  EXPECT_EQ(frames[0].ip, kCode + 81);
}

TEST(StackTable, AnInnermostNodeMayLieFurtherOutInAnotherStack) {
  const NodeId leaf = intern(NodeId::complete_root, frame_key(kCode + 90, kModule), Place::innermost);
  const NodeId below = intern(leaf, frame_key(kCode + 91, kModule), Place::innermost);
  EXPECT_EQ(intern(NodeId::complete_root, frame_key(kCode + 90, kModule)), leaf);
  EXPECT_EQ(leaf_of(stack_of(leaf)), leaf);
  EXPECT_NE(stack_of(leaf), stack_of(below));
  StackFrame frames[4];
  ASSERT_EQ(frames_of(stack_of(below), frames, 4, nullptr), 2u);
  EXPECT_EQ(frames[1].ip, kCode + 90);
}

TEST(StackTable, FramesOfManyModulesComeBackWhole) {
  for (uint16_t module = 0; module < 200; ++module) {
    const uintptr_t ip = kCode + module * uintptr_t{0x12345671};
    const FrameKey key = frame_key(ip, static_cast<core::ModuleId>(module), module % 2 != 0);
    EXPECT_EQ(view_of(intern(NodeId::complete_root, key)).key, key);
  }
}

// Two new nodes, in code of 64 MiB; what lies further out is shared.
void add_stack(uint32_t number) {
  const NodeId outer = chain(NodeId::complete_root, {kCode + number / 4096, kCode + number / 64});
  const NodeId node = intern(outer, frame_key(kCode + number * uintptr_t{0x9e3779b1} % 0x4000000, kModule));
  ASSERT_NE(stack_of(intern(node, frame_key(kCode + 7, kModule), Place::innermost)), core::StackId::unknown);
}

// With all that finds it, the stacks' ids included, at any moment of growth.
TEST(StackTable, ANodeTakesAtMost16Bytes) {
  constexpr size_t kBegunChunks = 20 << 10;
  constexpr uint32_t kMany = 500'000;
  for (uint32_t stacks = 0; stacks < kMany; ++stacks) {
    const StackTableFigures figures = stack_table_figures();
    ASSERT_LE(figures.tree_bytes, 16 * size_t{figures.node_count} + kBegunChunks) << figures.node_count;
    add_stack(stacks);
  }
  EXPECT_GT(stack_table_figures().node_count, 2 * kMany);
}

// Whatever child of a node comes first, and where it is made: behind its parent, as a stack's innermost, or by the index.
TEST(StackTable, EveryChildIsFoundAgainAndNoOther) {
  struct Made {
    NodeId parent;
    uintptr_t ip;
    NodeId node;
  };
  std::mt19937 random(1);
  std::vector<NodeId> nodes{NodeId::complete_root, NodeId::truncated_root};
  std::vector<Made> made;
  std::set<NodeId> distinct;
  for (uintptr_t i = 0; i < 50'000; ++i) {
    const size_t back = random() % 3 != 0 ? 0 : random() % nodes.size();
    const NodeId parent = nodes[nodes.size() - 1 - back];
    const auto place = random() % 3 == 0 ? Place::innermost : Place::further_out;
    const NodeId node = intern(parent, frame_key(kCode + 0x100000 + i, kModule), place);
    ASSERT_NE(node, NodeId::none);
    if (random() % 8 == 0) stack_of(node);
    nodes.push_back(node);
    made.push_back({parent, kCode + 0x100000 + i, node});
    distinct.insert(node);
  }
  EXPECT_EQ(distinct.size(), made.size());
  for (const Made& each : made) {
    ASSERT_EQ(intern(each.parent, frame_key(each.ip, kModule)), each.node);
    ASSERT_EQ(view_of(each.node).parent, each.parent);
    ASSERT_EQ(ip_of(view_of(each.node).key), each.ip);
  }
}

// The nodes of a new stack lie one behind the other.
TEST(StackTable, ALongNewStackTakesLittleMoreThanAWordANode) {
  constexpr uint32_t kDeep = 100'000;
  const StackTableFigures before = stack_table_figures();
  NodeId node = intern(NodeId::complete_root, frame_key(kCode + 0x200000, kModule));
  for (uintptr_t i = 0; i < kDeep; ++i) node = intern(node, frame_key(kCode + 0x200001 + i, kModule));
  const StackTableFigures after = stack_table_figures();
  EXPECT_EQ(after.node_count - before.node_count, kDeep + 1);
  EXPECT_LT(after.tree_bytes - before.tree_bytes, 9 * kDeep);
}

// With every hash equal only the comparison of whole nodes tells stacks apart.
void intern_under_colliding_hashes() {
  set_node_hash_for_test(0);
  bool distinct = true;
  std::vector<NodeId> nodes;
  for (uintptr_t i = 0; i < 200; ++i)
    nodes.push_back(intern(NodeId::complete_root, frame_key(0x7f0000000000 + i, kModule)));
  for (uintptr_t i = 0; i < nodes.size(); ++i) {
    distinct &= intern(NodeId::complete_root, frame_key(0x7f0000000000 + i, kModule)) == nodes[i];
    distinct &= view_of(nodes[i]).key == frame_key(0x7f0000000000 + i, kModule);
  }
  exit(distinct ? 0 : 1);
}

TEST(StackTableDeathTest, CollidingHashesStayApart) {
  EXPECT_EXIT(intern_under_colliding_hashes(), testing::ExitedWithCode(0), "");
}

std::vector<FrameKey> keys_from(uintptr_t ip, size_t count) {
  std::vector<FrameKey> keys;
  for (size_t i = 0; i < count; ++i) keys.push_back(frame_key(ip + 16 * i, kModule));
  return keys;
}

TEST(StackTable, RowIsFoundFrameByFrame) {
  const NodeId parent = intern(NodeId::complete_root, frame_key(kCode + 0x700000, kModule));
  ASSERT_TRUE(is_last_made(parent));
  const std::vector<FrameKey> keys = keys_from(kCode + 0x700010, 5);
  NodeId nodes[5];
  ASSERT_EQ(intern_row(parent, keys, Place::innermost, nodes), 5u);
  EXPECT_TRUE(has_stack(nodes[4]));
  EXPECT_FALSE(has_stack(nodes[3]));
  NodeId node = parent;
  for (size_t i = 0; i < keys.size(); ++i) {
    node = intern(node, keys[i]);
    EXPECT_EQ(node, nodes[i]) << i;
  }
  EXPECT_EQ(leaf_of(stack_of(node)), node);
}

TEST(StackTable, RowOnlyWhereThereAreNoChildren) {
  const NodeId parent = intern(NodeId::complete_root, frame_key(kCode + 0x710000, kModule));
  const NodeId child = intern(parent, frame_key(kCode + 0x710010, kModule));
  NodeId nodes[2];
  EXPECT_EQ(intern_row(parent, keys_from(kCode + 0x710010, 2), Place::further_out, nodes), 0u);
  EXPECT_EQ(intern(parent, frame_key(kCode + 0x710010, kModule)), child);
  EXPECT_EQ(intern_row(NodeId::complete_root, keys_from(kCode + 0x710010, 2), Place::further_out, nodes), 0u);
}

// Makes what chain() makes, in rows where it can.
NodeId chain_in_rows(const std::vector<FrameKey>& keys) {
  NodeId node = NodeId::complete_root;
  std::vector<NodeId> nodes(keys.size());
  for (size_t done = 0; done < keys.size();) {
    const size_t made = intern_row(node, std::span(keys).subspan(done), Place::innermost, nodes.data() + done);
    if (made == 0) nodes[done] = intern(node, keys[done]);
    done += made == 0 ? 1 : made;
    node = nodes[done - 1];
  }
  return node;
}

// Whether threads that make the same stacks at the same time, the i-th by make(i), come to the same ids.
template <class Make>
void expect_threads_agree(Make make) {
  constexpr int kThreads = 4;
  constexpr uintptr_t kStacks = 3000;
  std::vector<core::StackId> ids[kThreads];
  auto intern_all = [&](int thread) {
    for (uintptr_t i = 0; i < kStacks; ++i) ids[thread].push_back(stack_of(make(i)));
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back(intern_all, i);
  for (std::thread& thread : threads) thread.join();
  for (int i = 1; i < kThreads; ++i) EXPECT_EQ(ids[i], ids[0]);
}

TEST(StackTable, ThreadsAgree) {
  expect_threads_agree([](uintptr_t i) {
    return chain(NodeId::complete_root, {kCode + 9, kCode + 65536 + i / 3, kCode + 131072 + i});
  });
}

TEST(StackTable, ThreadsAgreeOnRows) {
  expect_threads_agree([](uintptr_t i) { return chain_in_rows(keys_from(kCode + 0x800000 + i * 4096, 6)); });
}

}  // namespace
}  // namespace weir::stack
