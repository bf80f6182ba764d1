// The checks of a report that let everything else index without looking.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "cli/report_file.h"

namespace weir::cli {

inline constexpr char kReportSchema[] = "weir-report/1";

// A report of another schema, or of none, is refused.
void check_schema(const std::string& path, const Json* schema);

// What is wrong is thrown as Error(kExitBadReport): one line that names the file and the key.
class ShapeCheck {
 public:
  // Of a report with so many modules, frames and stacks.
  ShapeCheck(const std::string& path, size_t modules, size_t frames, size_t stacks)
      : path_(path), modules_(modules), frames_(frames), stacks_(stacks) {}

  void require(const char* key, bool holds, const char* expected) const;
  void check_frame(const Json& frame) const;
  void check_stack(const Json& stack) const;
  void check_entry(const char* key, const Json& entry) const;
  void check_entries(const Json& owner, const char* key) const;
  void check_error(const Json& error) const;
  // What came with CUDA: older reports have none of it.
  void check_short_lists(const Json& report) const;

 private:
  bool has_stack(const Json& entry, const char* key) const;

  const std::string& path_;
  const size_t modules_, frames_, stacks_;
};

void check_shape(const std::string& path, const Json& report);

// Calls `use` with whatever in a row of a list is a stack's number: of leaks, peak, hot_sites, large, errors, out_of_memory and CUDA's lists.
void for_each_stack(Json& row, const std::function<void(Json& stack)>& use);

}  // namespace weir::cli
