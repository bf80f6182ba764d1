#include "cli/frame_table.h"

#include <algorithm>

#include "cli/confidential.h"
#include "cli/function_name.h"
#include "cli/json_access.h"
#include "cli/python_frame.h"

namespace weir::cli {
namespace {

constexpr size_t kFramesAtOnce = 16384;  // symbolised at a time: what they take as JSON is some megabytes

std::string raw_text(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

CompactPosition FrameTable::position_of(const Json& entry) {
  const uint64_t line = std::min<uint64_t>(figure(entry, "line"), UINT32_MAX);
  return {names_->id_of(raw_text(entry, "function")), names_->id_of(raw_text(entry, "file")),
          static_cast<uint32_t>(line)};
}

void FrameTable::take_names(CompactFrame& frame, const Json& entry) {
  frame.position = position_of(entry);
  const Json& inlined = array_of(entry, "inlined");
  frame.first_inlined = static_cast<uint32_t>(inlined_.size());
  frame.inlined_count = static_cast<uint32_t>(inlined.size());
  for (const Json& position : inlined) inlined_.push_back(position_of(position));
}

void FrameTable::add_frame(const Json& entry) {
  CompactFrame frame;
  const auto module = entry.find("module");
  if (module != entry.end() && module->is_number_unsigned())
    frame.module = static_cast<uint32_t>(std::min<uint64_t>(module->get<uint64_t>(), CompactFrame::kNoModule - 1));
  frame.offset = figure(entry, "offset");
  frame.address = names_->id_of(raw_text(entry, "address"));
  frame.is_exact = is_true(entry, "exact");
  frame.is_truncated = is_true(entry, "truncated");
  frame.is_python = is_python(entry);
  take_names(frame, entry);
  frames_.push_back(frame);
}

void FrameTable::add_copy(const FrameTable& other, CompactFrame frame) {
  frames_.push_back(frame);
  copy_inlined(frames_.back(), other, frame);
}

void FrameTable::copy_inlined(CompactFrame& target, const FrameTable& other, const CompactFrame& frame) {
  target.first_inlined = static_cast<uint32_t>(inlined_.size());
  target.inlined_count = frame.inlined_count;
  for (size_t i = 0; i < frame.inlined_count; ++i) inlined_.push_back(other.inlined(frame.first_inlined + i));
}

void FrameTable::add_names(size_t index, const FrameTable& other, const CompactFrame& frame) {
  CompactFrame& known = frames_[index];
  const bool knows_more = (known.position.function == 0 && frame.position.function != 0) ||
                          (known.position.line == 0 && frame.position.line != 0);
  if (!knows_more) return;
  known.position = frame.position;
  copy_inlined(known, other, frame);
}

void FrameTable::add_symbols(size_t module, const std::string& symbols) {
  const std::string known = text_of(modules_[module], "symbols");
  if (known == "debug_info" || symbols.empty() || symbols == "none") return;
  modules_[module]["symbols"] = symbols;
}

void FrameTable::check(const std::string& path) const {
  const ShapeCheck shape(path, modules_.size(), 0, 0);
  for (const Json& module : modules_) shape.require("modules", module.is_object(), "objects");
  for (const CompactFrame& frame : frames_) {
    shape.require("frames", frame.module == CompactFrame::kNoModule || frame.module < modules_.size(),
                  "indices into modules");
  }
}

bool FrameTable::symbolize(symbolize::Symbolizer& symbolizer, Json& warnings, bool is_confidential) {
  const Json raw_modules = modules_;
  if (!symbolize::is_unfinished({{"modules", raw_modules}})) return false;
  size_t begin = 0;
  do {  // once where there are no frames: modules then say that they have no symbols
    const size_t end = std::min(begin + kFramesAtOnce, frames_.size());
    Json piece = {{"modules", raw_modules}, {"frames", Json::array()}, {"warnings", std::move(warnings)}};
    for (size_t i = begin; i < end; ++i) piece["frames"].push_back(frame_json(i));
    symbolizer.symbolize(piece);
    if (is_confidential) hide_private(piece);  // guard: confidential-again
    for (size_t i = begin; i < end; ++i) take_names(frames_[i], piece["frames"][i - begin]);
    warnings = std::move(piece["warnings"]);
    for (size_t i = 0; i < modules_.size(); ++i) {
      Json& symbols = modules_[i]["symbols"];
      if (symbols.is_null() || symbols == "none" || piece["modules"][i]["symbols"] == "debug_info")
        symbols = piece["modules"][i]["symbols"];
    }
    begin = end;
  } while (begin < frames_.size());
  return true;
}

std::string FrameTable::plain_name(const CompactFrame& frame, const CompactPosition& position) const {
  const std::string& function = name(position.function);
  return frame.is_python ? function : function_without_build(function);
}

Json FrameTable::frame_json(size_t index) const {
  const CompactFrame& frame = frames_[index];
  const auto add_position = [this](Json& target, const CompactPosition& position) {
    if (position.function != 0) target["function"] = name(position.function);
    if (position.file != 0) target["file"] = name(position.file);
    if (position.line != 0) target["line"] = position.line;
  };
  Json entry = {{"module", nullptr}};
  if (frame.module != CompactFrame::kNoModule) {
    entry["module"] = frame.module;
    entry["offset"] = frame.offset;
  } else if (frame.is_python) {
    entry["language"] = kPython;
  } else if (!frame.is_truncated) {
    entry["address"] = name(frame.address);
  }
  if (frame.is_exact) entry["exact"] = true;
  if (frame.is_truncated) entry["truncated"] = true;
  add_position(entry, frame.position);
  for (size_t i = 0; i < frame.inlined_count; ++i) {
    Json position = Json::object();
    add_position(position, inlined_[frame.first_inlined + i]);
    entry["inlined"].push_back(std::move(position));
  }
  return entry;
}

}  // namespace weir::cli
