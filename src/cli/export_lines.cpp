#include "cli/export_formats.h"

namespace weir::cli {

void lines_of(const ExportReport& report, const ExportRow& row, std::vector<ShownLine>& lines) {
  static const std::string kNoFile;
  const ExportFrames& code = report.code;
  std::vector<uint32_t> frames;
  report.frames_of(row, frames);
  lines.clear();
  for (const uint32_t number : frames) {
    const ExportFrame& frame = code.frames[number];
    if (frame.line_count == 0) lines.push_back({raw_name(report, frame), &kNoFile, 0, number});
    for (uint32_t i = 0; i < frame.line_count; ++i) {
      const ExportLine& line = code.lines[frame.first_line + i];
      const ExportFunction& function = code.functions[line.function];
      lines.push_back({code.texts[function.name], &code.texts[function.file], line.line, number});
    }
  }
  if (!lines.empty()) return;
  lines.push_back(
      {row.stack == ExportRow::kLeftOut ? kLeftOutStacks : kUnknownStack, &kNoFile, 0, ShownLine::kNoFrame});
}

}  // namespace weir::cli
