#include "cli/merged_stacks.h"

#include <numeric>
#include <utility>

#include "cli/json_access.h"

namespace weir::cli {
namespace {

bool is_identity(const std::vector<uint32_t>& numbers) {
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (numbers[i] != i) return false;
  }
  return true;
}

// Of tables that share their names.
std::string position_key(const CompactPosition& position) {
  return 'p' + std::to_string(position.function) + ' ' + std::to_string(position.file) + ' ' +
         std::to_string(position.line);
}

}  // namespace

uint32_t MergedStacks::add_module(const Json& module) {
  const auto number = static_cast<uint32_t>(frames_.module_count());
  const auto [known, is_new] =
      module_numbers_.try_emplace(text_of(module, "path") + '\n' + text_of(module, "build_id"), number);
  if (is_new) {
    frames_.add_module(module);
  } else {
    frames_.add_symbols(known->second, text_of(module, "symbols"));
  }
  return known->second;
}

uint32_t MergedStacks::add_frame(const FrameTable& frames, size_t index, const std::vector<uint32_t>& modules) {
  CompactFrame frame = frames.frame(index);
  if (frame.module != CompactFrame::kNoModule) frame.module = modules[frame.module];
  const std::string key = std::to_string(frame.module) + ' ' + std::to_string(frame.offset) + ' ' +
                          std::to_string(frame.address) + (frame.is_exact ? "e" : "") +
                          (frame.is_truncated ? "t" : "") +
                          (frame.is_python ? position_key(frame.position) : "");  // guard: merge-python
  const auto [known, is_new] = frame_numbers_.try_emplace(key, static_cast<uint32_t>(frames_.frame_count()));
  if (is_new) {
    frames_.add_copy(frames, frame);
  } else {
    frames_.add_names(known->second, frames, frame);
  }
  return known->second;
}

std::vector<uint32_t> MergedStacks::add(CompactReport& report) {
  std::vector<uint32_t> modules, frames(report.frames().frame_count());
  for (const Json& module : report.frames().modules()) modules.push_back(add_module(module));
  for (size_t i = 0; i < frames.size(); ++i) frames[i] = add_frame(report.frames(), i, modules);
  StackTree tree = report.take_tree();
  std::vector<uint32_t> nodes(tree.size(), StackTree::kRoot);
  if (tree_.size() == 1 && is_identity(frames)) {  // the first report's tree is this one
    std::iota(nodes.begin(), nodes.end(), StackTree::kRoot);
    tree_ = std::move(tree);
    return nodes;
  }
  for (uint32_t node = 1; node < nodes.size(); ++node)
    nodes[node] = tree_.child(nodes[tree.parent(node)], frames[tree.item(node)]);
  return nodes;
}

}  // namespace weir::cli
