#include <algorithm>

#include "cli/export_formats.h"

namespace weir::cli {
namespace {

// Readers part frames at semicolons, and the value from them at the line's last space.
std::string one_frame(std::string name) {
  std::replace(name.begin(), name.end(), ';', ':');  // guard: collapsed-semicolon
  return name;
}

}  // namespace

void write_collapsed(const ExportReport& report, Value value, Output& output) {
  std::vector<ShownLine> lines;
  for (const ExportRow& row : report.rows) {
    const uint64_t amount = report.value_of(row, value);
    if (amount == 0) continue;
    lines_of(report, row, lines);
    std::string text = one_frame(report.group_of(row).place());
    for (auto line = lines.rbegin(); line != lines.rend(); ++line) text += ';' + one_frame(line->function);
    output.write(text + ' ' + std::to_string(amount) + '\n');
  }
}

}  // namespace weir::cli
