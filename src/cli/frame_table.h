// The modules and frames of one report, kept in few bytes.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "cli/name_table.h"
#include "cli/report_file.h"
#include "cli/report_shape.h"

namespace weir::cli {

// Texts are numbers of the table's names; 0: not known.
struct CompactPosition {
  uint32_t function = 0, file = 0;
  uint32_t line = 0;
};

struct CompactFrame {
  static constexpr uint32_t kNoModule = UINT32_MAX;
  uint32_t module = kNoModule;
  uint32_t address = 0;  // as text, of code without a module
  uint64_t offset = 0;
  CompactPosition position;
  uint32_t first_inlined = 0, inlined_count = 0;  // innermost first
  bool is_exact = false, is_truncated = false;
  bool is_python = false;  // a Python function and line: nothing but its position tells it from others
};

class FrameTable {
 public:
  explicit FrameTable(std::shared_ptr<NameTable> names) : names_(std::move(names)) {}

  void add_module(const Json& module) { modules_.push_back(module); }
  void add_frame(const Json& frame);
  // A frame of another table that shares this one's names, with its module's number here.
  void add_copy(const FrameTable& other, CompactFrame frame);
  // The same where this table has the frame already: its functions and lines, where they are not known yet.
  void add_names(size_t index, const FrameTable& other, const CompactFrame& frame);
  // What another report's machine had of the module.
  void add_symbols(size_t module, const std::string& symbols);

  // Each frame's module is one of the table's; throws as ShapeCheck does.
  void check(const std::string& path) const;

  // Adds functions and lines, and puts what is wrong with a module among the report's `warnings`, an array, in place of what they said of it
  // before; nothing where the frames have all of it already. True where it did.
  bool symbolize(symbolize::Symbolizer& symbolizer, Json& warnings, bool is_confidential);

  size_t frame_count() const { return frames_.size(); }
  size_t module_count() const { return modules_.size(); }
  const CompactFrame& frame(size_t index) const { return frames_[index]; }
  const CompactPosition& inlined(size_t index) const { return inlined_[index]; }
  const std::string& name(uint32_t id) const { return names_->name(id); }
  const Json& modules() const { return modules_; }
  Json frame_json(size_t index) const;  // as the report has it
  // The name that is compared with other reports': what differs from build to build is taken off.
  std::string plain_name(const CompactFrame& frame, const CompactPosition& position) const;

 private:
  CompactPosition position_of(const Json& entry);
  void take_names(CompactFrame& frame, const Json& entry);
  void copy_inlined(CompactFrame& target, const FrameTable& other, const CompactFrame& frame);

  Json modules_ = Json::array();
  std::deque<CompactFrame> frames_;
  std::deque<CompactPosition> inlined_;
  std::shared_ptr<NameTable> names_;
};

}  // namespace weir::cli
