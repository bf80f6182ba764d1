#include "cli/export_report.h"

#include <algorithm>

#include "cli/capped_sum.h"
#include "cli/format.h"
#include "cli/json_access.h"

namespace weir::cli {

uint64_t ExportReport::value_of(const ExportRow& row, Value value) const {
  const RowGroup& group = group_of(row);
  switch (value) {
    case Value::leaked_bytes:
      return group.leaked() ? row.bytes : 0;
    case Value::leaked_count:
      return group.leaked() ? row.count : 0;
    case Value::live_bytes:
      return group.sort == RowSort::live ? row.bytes : 0;
    case Value::live_count:
      return group.sort == RowSort::live ? row.count : 0;
    case Value::peak_bytes:
      return group.sort == RowSort::peak ? row.bytes : 0;
    case Value::peak_count:
      return group.sort == RowSort::peak ? row.count : 0;
    case Value::total_bytes:
      return group.sort == RowSort::total ? row.bytes : 0;
    case Value::total_count:
      return group.sort == RowSort::total ? row.count : 0;
    case Value::temporary_count:
      return group.sort == RowSort::temporary ? row.count : 0;
  }
  return 0;
}

uint64_t ExportReport::total_of(Value value) const {
  uint64_t sum = 0;
  for (const ExportRow& row : rows) sum = capped_sum(sum, value_of(row, value));
  return sum;
}

void ExportReport::frames_of(const ExportRow& row, std::vector<uint32_t>& frames) const {
  frames.clear();
  if (row.stack == ExportRow::kLeftOut) return;
  stacks.get(row.stack, frames);
  std::erase_if(frames, [this](uint32_t frame) { return code.frames[frame].sort == ExportFrame::Sort::own; });
}

std::string raw_name(const ExportReport& report, const ExportFrame& frame) {
  if (frame.sort == ExportFrame::Sort::cut) return "(the stack goes on; it was cut here)";
  if (frame.module == ExportFrame::kNoModule) return "code without a file at " + hexadecimal(frame.address);
  return base_name(report.code.modules[frame.module].path) + "+" + hexadecimal(frame.address);
}

namespace {

// Of UTF-8: U+0080 to U+009F, which terminals obey as they do escape codes; U+2028 and U+2029, which end lines in JavaScript; and what turns
// the direction of text: U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069.
bool is_harmful(std::string_view character) {
  const auto byte = [character](size_t at) { return static_cast<unsigned char>(character[at]); };
  if (character.size() >= 2 && byte(0) == 0xc2) return byte(1) < 0xa0;
  if (character.size() < 3 || byte(0) != 0xe2) return false;
  if (byte(1) == 0x80) return byte(2) == 0x8e || byte(2) == 0x8f || (byte(2) >= 0xa8 && byte(2) <= 0xae);
  return byte(1) == 0x81 && byte(2) >= 0xa6 && byte(2) <= 0xa9;
}

}  // namespace

std::string harmless(std::string text) {
  text = printable(std::move(text));
  for (size_t at = 0; at < text.size(); ++at) {
    const auto lead = static_cast<unsigned char>(text[at]);
    if (lead != 0xc2 && lead != 0xe2) continue;
    const bool is_bad = is_harmful(std::string_view(text).substr(at));
    if (is_bad) text.replace(at, lead == 0xc2 ? 2 : 3, "?");  // guard: export-names
  }
  return text;
}

}  // namespace weir::cli
