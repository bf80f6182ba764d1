#include "cli/export_symbols.h"

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "cli/json_access.h"

namespace weir::cli {
namespace {

constexpr char kUnknownFunction[] = "(unknown function)";
constexpr size_t kFramesAtATime = 4096;
constexpr size_t kPartsOfASymbolizer = 32;  // it keeps every place that it looked up

void take_line(ExportFrames& code, ExportFrame& frame, const Json& position) {
  const std::string function = harmless(text_of(position, "function"));
  const auto line = position.find("line");
  const bool has_line = line != position.end() && line->is_number_unsigned();
  code.add_line(frame,
                code.function_of(function.empty() ? kUnknownFunction : function, harmless(text_of(position, "file"))),
                has_line ? static_cast<uint32_t>(std::min<uint64_t>(line->get<uint64_t>(), UINT32_MAX)) : 0);
}

// The frames that lack a function, by module and address: a module's are looked up together.
std::vector<uint32_t> raw_frames(const ExportFrames& code) {
  std::vector<uint32_t> frames;
  for (size_t i = 0; i < code.frames.size(); ++i) {
    const ExportFrame& frame = code.frames[i];
    const bool is_code = frame.sort == ExportFrame::Sort::code && frame.module != ExportFrame::kNoModule;
    if (is_code && frame.line_count == 0) frames.push_back(static_cast<uint32_t>(i));
  }
  std::sort(frames.begin(), frames.end(), [&](uint32_t a, uint32_t b) {
    const ExportFrame &first = code.frames[a], &second = code.frames[b];
    return std::pair(first.module, first.address) < std::pair(second.module, second.address);
  });
  return frames;
}

}  // namespace

void take_lines(ExportFrames& code, ExportFrame& frame, const Json& entry) {
  const Json& inlined = array_of(entry, "inlined");
  for (const Json& position : inlined) {
    if (position.is_object()) take_line(code, frame, position);
  }
  if (frame.line_count > 0 || !text_of(entry, "function").empty()) take_line(code, frame, entry);
}

void add_symbols(ExportReport& report, const Json& modules) {
  const std::vector<uint32_t> frames = raw_frames(report.code);
  std::unique_ptr<symbolize::Symbolizer> symbolizer;
  std::set<std::string> warnings;
  for (size_t done = 0; done < frames.size(); done += kFramesAtATime) {
    if (done % (kFramesAtATime * kPartsOfASymbolizer) == 0) symbolizer = std::make_unique<symbolize::Symbolizer>();
    const size_t end = std::min(frames.size(), done + kFramesAtATime);
    Json part = {{"modules", modules}, {"frames", Json::array()}, {"warnings", Json::array()}};
    for (size_t i = done; i < end; ++i) {
      const ExportFrame& frame = report.code.frames[frames[i]];
      part["frames"].push_back({{"module", frame.module}, {"offset", frame.address}, {"exact", frame.exact}});
    }
    symbolizer->symbolize(part);
    for (size_t i = done; i < end; ++i)
      take_lines(report.code, report.code.frames[frames[i]], part["frames"][i - done]);
    for (const Json& warning : part["warnings"]) warnings.insert(harmless(text_of(warning, "text")));
  }
  report.unread_modules.assign(warnings.begin(), warnings.end());
}

}  // namespace weir::cli
