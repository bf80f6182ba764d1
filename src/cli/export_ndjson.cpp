#include "cli/export_formats.h"

namespace weir::cli {
namespace {

std::string text_or_null(const std::string& text) { return text.empty() ? "null" : json_text(text); }

std::string module_of(const ExportReport& report, const ShownLine& line) {
  if (line.frame == ShownLine::kNoFrame) return "";
  const ExportFrame& frame = report.code.frames[line.frame];
  return frame.module == ExportFrame::kNoModule ? "" : report.code.modules[frame.module].path;
}

std::string columns_of_place(const ExportReport& report, const ShownLine& innermost) {
  return ",\"function\":" + json_text(innermost.function) + ",\"file\":" + text_or_null(*innermost.file) +
         ",\"line\":" + (innermost.line == 0 ? "null" : std::to_string(innermost.line)) +
         ",\"module\":" + text_or_null(module_of(report, innermost));
}

}  // namespace

void write_ndjson(const ExportReport& report, Output& output) {
  const std::string process = "{\"program\":" + json_text(report.program) + ",\"pid\":" + std::to_string(report.pid) +
                              ",\"host\":" + text_or_null(report.host) + ",\"rank\":" + text_or_null(report.rank);
  std::vector<ShownLine> lines;
  for (const ExportRow& row : report.rows) {
    const RowGroup& group = report.group_of(row);
    lines_of(report, row, lines);
    std::string text = process + ",\"memory\":" + json_text(group.memory) +
                       ",\"device\":" + (group.device.empty() ? "null" : group.device) +
                       ",\"kind\":" + text_or_null(group.kind) +
                       ",\"stack_id\":" + (row.stack == ExportRow::kLeftOut ? "null" : std::to_string(row.stack)) +
                       columns_of_place(report, lines.front()) + ",\"stack\":[";
    const char* separator = "";
    for (const ShownLine& line : lines) {
      text += separator + json_text(line.function);
      separator = ",";
    }
    text += ']';
    for (const ValueName& value : kValueNames)
      text += std::string(",\"") + value.name + "\":" + std::to_string(report.value_of(row, value.value));
    output.write(text + "}\n");
  }
}

}  // namespace weir::cli
