#include "cli/html_stacks.h"

namespace weir::cli {

uint32_t TextTable::number_of(const std::string& text) {
  const auto [number, is_new] = numbers_.try_emplace(text, static_cast<uint32_t>(texts_.size()));
  if (is_new) texts_.push_back(text);
  return number->second;
}

uint32_t PageStacks::node_of(size_t stack) {
  std::vector<uint32_t> lines;
  for (const Json& index : report_["stacks"][stack]) {
    const std::vector<uint32_t>& its_lines = lines_of_frame(index.get<size_t>());
    lines.insert(lines.end(), its_lines.begin(), its_lines.end());
  }
  return add(lines);
}

uint32_t PageStacks::node_of(const std::vector<StackLine>& lines) {
  std::vector<uint32_t> numbers;
  for (const StackLine& line : lines) numbers.push_back(number_of(line));
  return add(numbers);
}

const std::vector<uint32_t>& PageStacks::lines_of_frame(size_t frame) {
  const auto [numbers, is_new] = frames_.try_emplace(frame);
  if (is_new) {
    for (const StackLine& line : frame_lines(report_, frame)) numbers->second.push_back(number_of(line));
  }
  return numbers->second;
}

uint32_t PageStacks::number_of(const StackLine& line) {
  const std::string key = line.function + '\n' + line.place + (line.inlined ? "\ni" : "\n");
  const auto [number, is_new] = line_numbers_.try_emplace(key, static_cast<uint32_t>(lines_.size()));
  if (is_new) {
    const bool is_start_up = line.noise && !line.place.starts_with('(');  // else: that the stack was cut
    lines_.push_back({texts_.number_of(line.function), texts_.number_of(line.place), line.inlined, is_start_up});
  }
  return number->second;
}

uint32_t PageStacks::add(const std::vector<uint32_t>& lines) {
  size_t count = lines.size();
  while (count > 0 && lines_[lines[count - 1]].noise) --count;
  if (count == 0) count = lines.size();
  uint32_t node = 0;
  for (size_t i = count; i > 0; --i) node = child_of(node, lines[i - 1]);
  return node;
}

uint32_t PageStacks::child_of(uint32_t parent, uint32_t line) {
  const auto [child, is_new] =
      children_.try_emplace(uint64_t{parent} << 32 | line, static_cast<uint32_t>(parents_.size()));
  if (is_new) {
    parents_.push_back(parent);
    node_lines_.push_back(line);
  }
  return child->second;
}

Json PageStacks::to_json() const {
  Json functions = Json::array(), places = Json::array(), inlined = Json::array();
  for (const Line& line : lines_) {
    functions.push_back(line.function);
    places.push_back(line.place);
    inlined.push_back(line.inlined ? 1 : 0);
  }
  return {{"lines", {{"function", functions}, {"place", places}, {"inlined", inlined}}},
          {"nodes", {{"parent", parents_}, {"line", node_lines_}}}};
}

}  // namespace weir::cli
