// The stacks of many reports in one numbering: equal ones of equal code are one.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "cli/compact_report.h"
#include "cli/frame_table.h"
#include "cli/stack_tree.h"

namespace weir::cli {

// Code is equal by its module's path and build id, and its offset there; code without a module by its address.
class MergedStacks {
 public:
  MergedStacks() : names_(std::make_shared<NameTable>()), frames_(names_) {}

  // What the reports' frames are to share.
  std::shared_ptr<NameTable> names() const { return names_; }

  // The node here of each node of the report's tree, which is taken from it. The report must be symbolised.
  std::vector<uint32_t> add(CompactReport& report);
  // Gives up what add() makes anew where it needs it.
  void seal() { tree_.seal(); }

  const StackTree& tree() const { return tree_; }
  const FrameTable& frames() const { return frames_; }

 private:
  uint32_t add_module(const Json& module);
  uint32_t add_frame(const FrameTable& frames, size_t index, const std::vector<uint32_t>& modules);

  std::shared_ptr<NameTable> names_;
  FrameTable frames_;
  StackTree tree_;  // of frames_
  std::unordered_map<std::string, uint32_t> module_numbers_, frame_numbers_;
};

}  // namespace weir::cli
