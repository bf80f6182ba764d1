#include "cli/line_tree.h"

#include <algorithm>

namespace weir::cli {
namespace {

constexpr size_t kFramesAtOnce = 16384;  // what they take as JSON is some megabytes

}  // namespace

uint32_t LineTree::number_of(const StackLine& line) {
  const uint32_t function = names_.id_of(line.function), place = names_.id_of(line.place);
  const std::string text = std::to_string(function) + ' ' + std::to_string(place);
  const std::string key = text + (line.inlined ? "i" : "") + (line.noise ? "n" : "") + (line.is_short ? "s" : "");
  const auto number = static_cast<uint32_t>(lines_.size());
  const auto [known, is_new] = line_numbers_.try_emplace(key, number);
  if (!is_new) return known->second;
  const uint32_t first = text_numbers_.try_emplace(text, number).first->second;
  lines_.push_back({function, place, line.inlined, line.noise, line.is_short, first});
  return number;
}

LineTree::FrameLines LineTree::lines_of_frames(const FrameTable& frames) {
  FrameLines all;
  for (size_t begin = 0; begin < frames.frame_count(); begin += kFramesAtOnce) {
    const size_t end = std::min(begin + kFramesAtOnce, frames.frame_count());
    Json piece = {{"modules", frames.modules()}, {"frames", Json::array()}};
    for (size_t i = begin; i < end; ++i) piece["frames"].push_back(frames.frame_json(i));
    for (size_t i = begin; i < end; ++i) {
      all.begins.push_back(static_cast<uint32_t>(all.lines.size()));
      for (const StackLine& line : frame_lines(piece, i - begin)) all.lines.push_back(number_of(line));
    }
  }
  all.begins.push_back(static_cast<uint32_t>(all.lines.size()));
  return all;
}

uint32_t LineTree::child(uint32_t parent, uint32_t line) {
  const uint32_t node = tree_.child(parent, line), first = lines_[line].first, parent_text = same_text(parent);
  const bool is_other = first != line || parent_text != parent;
  if (is_other) same_texts_.try_emplace(node, tree_.child(parent_text, first));  // guard: show-places
  return node;
}

uint32_t LineTree::same_text(uint32_t node) const {
  const auto other = same_texts_.find(node);
  return other == same_texts_.end() ? node : other->second;
}

std::vector<uint32_t> LineTree::add(CompactReport& report) {
  const FrameLines frames = lines_of_frames(report.frames());
  StackTree tree = report.take_tree();
  std::vector<uint32_t> nodes(tree.size(), StackTree::kRoot);
  tree.drain([&](uint32_t node, uint32_t parent, uint32_t frame) {
    uint32_t own = nodes[parent];
    for (uint32_t i = frames.begins[frame + 1]; i > frames.begins[frame]; --i) own = child(own, frames.lines[i - 1]);
    nodes[node] = own;
  });
  return nodes;
}

std::vector<StackLine> LineTree::lines(uint32_t node) const {
  std::vector<StackLine> lines;
  for (; node != StackTree::kRoot; node = tree_.parent(node)) {
    const Line& line = lines_[tree_.item(node)];
    lines.push_back(
        {names_.name(line.function), names_.name(line.place), line.is_inlined, line.is_noise, line.is_short});
  }
  return lines;
}

}  // namespace weir::cli
