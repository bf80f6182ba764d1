#include "cli/export_tables.h"

namespace weir::cli {

uint32_t PackedTexts::number_of(const std::string& text) {
  if (const auto known = numbers_.find(text); known != numbers_.end()) return known->second;
  const auto number = static_cast<uint32_t>(texts_.size());
  numbers_.emplace(texts_.emplace_back(text), number);
  return number;
}

namespace {

constexpr unsigned kBitsOfByte = 7;
constexpr uint8_t kMore = 1U << kBitsOfByte;

}  // namespace

void PackedLists::add(const std::vector<uint32_t>& list) {
  starts_.push_back(bytes_.size());
  for (uint32_t number : list) {
    for (; number >= kMore; number >>= kBitsOfByte) bytes_.push_back(static_cast<uint8_t>(number | kMore));
    bytes_.push_back(static_cast<uint8_t>(number));
  }
}

void PackedLists::get(size_t index, std::vector<uint32_t>& list) const {
  list.clear();
  const auto at = [this](uint64_t place) { return bytes_.begin() + static_cast<std::ptrdiff_t>(place); };
  const auto end = at(index + 1 < starts_.size() ? starts_[index + 1] : bytes_.size());
  uint32_t number = 0;
  unsigned shift = 0;
  for (auto byte = at(starts_[index]); byte != end; ++byte) {
    number |= static_cast<uint32_t>(*byte & (kMore - 1)) << shift;
    shift += kBitsOfByte;
    if ((*byte & kMore) != 0) continue;
    list.push_back(number);
    number = shift = 0;
  }
}

uint32_t ExportFrames::function_of(const std::string& name, const std::string& file) {
  const uint32_t name_number = texts.number_of(name), file_number = texts.number_of(file);
  const auto [known, is_new] =
      numbers_.try_emplace(uint64_t{name_number} << 32 | file_number, static_cast<uint32_t>(functions.size()));
  if (is_new) functions.push_back({name_number, file_number});
  return known->second;
}

void ExportFrames::add_line(ExportFrame& frame, uint32_t function, uint32_t line) {
  if (frame.line_count++ == 0) frame.first_line = static_cast<uint32_t>(lines.size());
  lines.push_back({function, line});
}

}  // namespace weir::cli
