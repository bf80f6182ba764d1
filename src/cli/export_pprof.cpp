// Field numbers: github.com/google/pprof, proto/profile.proto. Its messages are written by hand, one at a time: a library would build the
// whole profile in memory first.
#include <algorithm>
#include <cstdint>

#include "cli/capped_sum.h"
#include "cli/export_formats.h"
#include "cli/gzip_output.h"

namespace weir::cli {
namespace {

constexpr Value kDefaultValue = Value::live_bytes;
constexpr uint64_t kPageBytes = 4096;

namespace field {
constexpr uint32_t kSampleType = 1, kSample = 2, kMapping = 3, kLocation = 4, kFunction = 5, kString = 6, kTime = 9,
                   kDuration = 10, kComment = 13, kDefaultSampleType = 14;  // of Profile
constexpr uint32_t kType = 1, kUnit = 2;                                    // of ValueType
constexpr uint32_t kLocationIds = 1, kValues = 2, kLabel = 3;               // of Sample
constexpr uint32_t kKey = 1, kText = 2;                                     // of Label
constexpr uint32_t kId = 1;                                                 // of Mapping, Location and Function
constexpr uint32_t kStart = 2, kLimit = 3, kFileName = 5, kBuildId = 6, kHasFunctions = 7, kHasFileNames = 8,
                   kHasLines = 9,
                   kHasInlined = 10;                               // of Mapping
constexpr uint32_t kMappingId = 2, kAddress = 3, kLine = 4;        // of Location
constexpr uint32_t kFunctionId = 1, kLineNumber = 2;               // of Line
constexpr uint32_t kName = 2, kSystemName = 3, kFunctionFile = 4;  // of Function
}  // namespace field

// One message of protocol buffers (protobuf.dev, "Encoding").
class Message {
 public:
  void number(uint32_t field, uint64_t value) {
    if (value == 0) return;  // the default
    varint(field << 3);
    varint(value);
  }
  void bytes(uint32_t field, std::string_view value) {
    varint(field << 3 | 2);
    varint(value.size());
    text_ += value;
  }
  void message(uint32_t field, const Message& value) { bytes(field, value.text_); }
  void packed(uint64_t value) { varint(value); }  // of a packed field's own text
  const std::string& text() const { return text_; }

 private:
  void varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) text_ += static_cast<char>(value | 0x80);
    text_ += static_cast<char>(value);
  }
  std::string text_;
};

uint64_t clamped(uint64_t value) { return std::min<uint64_t>(value, INT64_MAX); }

class Writer {
 public:
  Writer(const ExportReport& report, Output& output) : report_(report), code_(report.code), out_(output) {}

  void write() {
    write_types();
    for (const ExportRow& row : report_.rows) write_sample(row);
    write_locations();
    write_mappings();
    write_functions();
    write_texts();
    out_.finish();
  }

 private:
  // Locations and functions that no frame has, after those of frames and functions.
  enum class Pseudo : uint8_t { unknown, left_out, cut };

  void emit(uint32_t field, const Message& message) {
    Message outer;
    outer.message(field, message);
    out_.write(outer.text());
  }
  void emit(uint32_t field, uint64_t value) {
    Message outer;
    outer.number(field, value);
    out_.write(outer.text());
  }

  // In the profile's table of texts: "", then those of the frames, then these.
  uint64_t text(const std::string& text) {
    return text.empty() ? 0 : 1 + code_.texts.size() + own_texts_.number_of(text);
  }
  uint64_t code_text(uint32_t number) const { return 1 + uint64_t{number}; }
  uint64_t pseudo_location(Pseudo pseudo) const { return 1 + code_.frames.size() + static_cast<uint8_t>(pseudo); }
  uint64_t pseudo_function(Pseudo pseudo) const { return 1 + code_.functions.size() + static_cast<uint8_t>(pseudo); }

  void write_types();
  void write_sample(const ExportRow& row);
  void write_locations();
  void write_location(uint32_t number);
  void write_pseudo_location(Pseudo pseudo);
  void write_mappings();
  void write_functions();
  void write_texts();
  Message label(const char* key, const std::string& value);

  const ExportReport& report_;
  const ExportFrames& code_;
  GzipOutput out_;
  PackedTexts own_texts_;
  std::vector<uint32_t> frames_;
};

void Writer::write_types() {
  for (const ValueName& value : kValueNames) {
    Message type;
    type.number(field::kType, text(value.name));
    type.number(field::kUnit, text(value.in_bytes ? "bytes" : "count"));
    emit(field::kSampleType, type);
    if (value.value == kDefaultValue) emit(field::kDefaultSampleType, text(value.name));
  }
  emit(field::kTime, clamped(capped_sum(report_.start_ns, report_.duration_ns)));
  emit(field::kDuration, clamped(report_.duration_ns));
  emit(field::kComment, text("weir: " + report_.program + ", process " + std::to_string(report_.pid)));
}

Message Writer::label(const char* key, const std::string& value) {
  Message message;
  message.number(field::kKey, text(key));
  message.number(field::kText, text(value));
  return message;
}

void Writer::write_sample(const ExportRow& row) {
  Message sample, locations, values;
  report_.frames_of(row, frames_);
  for (const uint32_t frame : frames_) locations.packed(frame + uint64_t{1});
  if (frames_.empty())
    locations.packed(pseudo_location(row.stack == ExportRow::kLeftOut ? Pseudo::left_out : Pseudo::unknown));
  for (const ValueName& value : kValueNames) values.packed(clamped(report_.value_of(row, value.value)));
  sample.bytes(field::kLocationIds, locations.text());
  sample.bytes(field::kValues, values.text());
  const RowGroup& group = report_.group_of(row);
  sample.message(field::kLabel, label("memory", group.memory));
  if (!group.device.empty()) sample.message(field::kLabel, label("device", group.device));
  if (!group.kind.empty()) sample.message(field::kLabel, label("kind", group.kind));
  emit(field::kSample, sample);
}

void Writer::write_locations() {
  for (size_t i = 0; i < code_.frames.size(); ++i) {
    const ExportFrame& frame = code_.frames[i];
    if (frame.used && frame.sort != ExportFrame::Sort::own) write_location(static_cast<uint32_t>(i));
  }
  for (const Pseudo pseudo : {Pseudo::unknown, Pseudo::left_out}) write_pseudo_location(pseudo);
}

void Writer::write_location(uint32_t number) {
  const ExportFrame& frame = code_.frames[number];
  Message location;
  location.number(field::kId, number + uint64_t{1});
  uint64_t base = 0;
  if (frame.module != ExportFrame::kNoModule) {
    location.number(field::kMappingId, frame.module + uint64_t{1});
    base = code_.modules[frame.module].base;
  }
  location.number(field::kAddress, base + frame.address - (frame.exact || frame.address == 0 ? 0 : 1));
  for (uint32_t i = 0; i < frame.line_count; ++i) {
    const ExportLine& its_line = code_.lines[frame.first_line + i];
    Message line;
    line.number(field::kFunctionId, its_line.function + uint64_t{1});
    line.number(field::kLineNumber, its_line.line);
    location.message(field::kLine, line);
  }
  if (frame.sort == ExportFrame::Sort::cut) {
    Message line;
    line.number(field::kFunctionId, pseudo_function(Pseudo::cut));
    location.message(field::kLine, line);
  }
  emit(field::kLocation, location);
}

void Writer::write_pseudo_location(Pseudo pseudo) {
  Message location, line;
  location.number(field::kId, pseudo_location(pseudo));
  line.number(field::kFunctionId, pseudo_function(pseudo));
  location.message(field::kLine, line);
  emit(field::kLocation, location);
}

// A report does not say where a module ends: here behind the last address that is known to lie in it.
void Writer::write_mappings() {
  std::vector<uint64_t> limits(code_.modules.size());
  std::vector<bool> has_lines(code_.modules.size());
  for (const ExportFrame& frame : code_.frames) {
    if (frame.module == ExportFrame::kNoModule) continue;
    limits[frame.module] = std::max(limits[frame.module], frame.address);
    if (frame.line_count > 0) has_lines[frame.module] = true;
  }
  for (size_t i = 0; i < code_.modules.size(); ++i) {
    const ExportModule& module = code_.modules[i];
    Message mapping;
    mapping.number(field::kId, i + 1);
    mapping.number(field::kStart, module.base);
    mapping.number(field::kLimit, module.base + (limits[i] / kPageBytes + 1) * kPageBytes);
    mapping.number(field::kFileName, text(module.path));
    mapping.number(field::kBuildId, text(module.build_id));
    for (const uint32_t has : {field::kHasFunctions, field::kHasFileNames, field::kHasLines, field::kHasInlined})
      mapping.number(has, has_lines[i] ? 1 : 0);
    emit(field::kMapping, mapping);
  }
}

void Writer::write_functions() {
  const auto write = [this](uint64_t id, uint64_t name, uint64_t file) {
    Message function;
    function.number(field::kId, id);
    function.number(field::kName, name);
    function.number(field::kSystemName, name);
    function.number(field::kFunctionFile, file);
    emit(field::kFunction, function);
  };
  for (size_t i = 0; i < code_.functions.size(); ++i)
    write(i + 1, code_text(code_.functions[i].name), code_text(code_.functions[i].file));
  ExportFrame cut;
  cut.sort = ExportFrame::Sort::cut;
  write(pseudo_function(Pseudo::unknown), text(kUnknownStack), 0);
  write(pseudo_function(Pseudo::left_out), text(kLeftOutStacks), 0);
  write(pseudo_function(Pseudo::cut), text(raw_name(report_, cut)), 0);
}

void Writer::write_texts() {
  const auto write = [this](const std::string& text) {
    Message outer;
    outer.bytes(field::kString, text);
    out_.write(outer.text());
  };
  write("");
  for (uint32_t i = 0; i < code_.texts.size(); ++i) write(code_.texts[i]);
  for (uint32_t i = 0; i < own_texts_.size(); ++i) write(own_texts_[i]);
}

}  // namespace

void write_pprof(const ExportReport& report, Output& output) { Writer(report, output).write(); }

}  // namespace weir::cli
