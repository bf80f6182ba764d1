// The format: https://www.speedscope.app/file-format-schema.json.
#include <unordered_map>

#include "cli/export_formats.h"

namespace weir::cli {
namespace {

// Frames by number: places, functions, what stands for stacks without frames, then frames of which no function is known.
class Frames {
 public:
  explicit Frames(const ExportReport& report) : report_(report), code_(report.code) {
    for (const RowGroup& group : report.groups) places_.push_back(place_names_.number_of(group.place()));
  }

  void write(Output& output) {
    const char* separator = "";
    const auto write = [&](const std::string& name, const std::string& file) {
      output.write(separator + ("{\"name\":" + json_text(name)) + (file.empty() ? "" : ",\"file\":" + json_text(file)) +
                   "}");
      separator = ",\n";
      ++count_;
    };
    for (uint32_t i = 0; i < place_names_.size(); ++i) write(place_names_[i], "");
    for (const ExportFunction& function : code_.functions)
      write(code_.texts[function.name], code_.texts[function.file]);
    for (const char* name : {kUnknownStack, kLeftOutStacks}) write(name, "");
    for (size_t i = 0; i < code_.frames.size(); ++i) {
      const ExportFrame& frame = code_.frames[i];
      if (!frame.used || frame.line_count > 0 || frame.sort == ExportFrame::Sort::own) continue;
      raw_.emplace(static_cast<uint32_t>(i), count_);
      write(raw_name(report_, frame), "");
    }
  }

  // A row's stack as speedscope has it: numbers, outermost first.
  std::string stack_of(const ExportRow& row) {
    std::string text = "[" + std::to_string(places_[row.group]);
    report_.frames_of(row, frames_);
    for (auto number = frames_.rbegin(); number != frames_.rend(); ++number) {
      const ExportFrame& frame = code_.frames[*number];
      if (frame.line_count == 0) text += ',' + std::to_string(raw_.at(*number));
      for (uint32_t i = frame.line_count; i > 0; --i)
        text += ',' + std::to_string(place_names_.size() + code_.lines[frame.first_line + i - 1].function);
    }
    const size_t unknown = place_names_.size() + code_.functions.size();
    if (frames_.empty()) text += ',' + std::to_string(row.stack == ExportRow::kLeftOut ? unknown + 1 : unknown);
    return text + "]";
  }

 private:
  const ExportReport& report_;
  const ExportFrames& code_;
  PackedTexts place_names_;
  std::vector<uint32_t> places_;  // by group
  std::unordered_map<uint32_t, size_t> raw_;
  std::vector<uint32_t> frames_;
  size_t count_ = 0;
};

void write_profile(const ExportReport& report, const ValueName& value, Frames& frames, Output& output) {
  output.write("{\"type\":\"sampled\",\"name\":" + json_text(report.program + ": " + value.name) + ",\"unit\":\"" +
               (value.in_bytes ? "bytes" : "none") +
               "\",\"startValue\":0,\"endValue\":" + std::to_string(report.total_of(value.value)) + ",\n\"samples\":[");
  const auto for_each_row = [&](const auto& text_of_row) {
    const char* separator = "\n";
    for (const ExportRow& row : report.rows) {
      if (report.value_of(row, value.value) == 0) continue;
      output.write(separator + text_of_row(row));
      separator = ",\n";
    }
  };
  for_each_row([&](const ExportRow& row) { return frames.stack_of(row); });
  output.write("],\n\"weights\":[");
  for_each_row([&](const ExportRow& row) { return std::to_string(report.value_of(row, value.value)); });
  output.write("]}");
}

}  // namespace

void write_speedscope(const ExportReport& report, Output& output) {
  Frames frames(report);
  output.write("{\"$schema\":\"https://www.speedscope.app/file-format-schema.json\",\"exporter\":\"weir\",\"name\":" +
               json_text(report.program) + ",\n\"shared\":{\"frames\":[\n");
  frames.write(output);
  output.write("]},\n\"profiles\":[\n");
  const char* separator = "";
  for (const ValueName& value : kValueNames) {
    output.write(separator);
    write_profile(report, value, frames, output);
    separator = ",\n";
  }
  output.write("]}\n");
}

}  // namespace weir::cli
