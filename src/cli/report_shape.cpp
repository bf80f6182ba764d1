#include "cli/report_shape.h"

#include "cli/json_access.h"
#include "cli/report_input.h"

namespace weir::cli {
namespace {

bool indexes(const Json& value, size_t count) { return value.is_number_unsigned() && value.get<uint64_t>() < count; }

bool holds_array(const Json& report, const char* key) { return report.contains(key) && report[key].is_array(); }

}  // namespace

void check_schema(const std::string& path, const Json* schema) {
  if (schema == nullptr || !schema->is_string())
    refuse_report(path, "expected a Weir report: the key \"schema\" is missing");
  const std::string found = printable(schema->get<std::string>());
  if (found != kReportSchema) refuse_report(path, "expected schema " + std::string(kReportSchema) + ", found " + found);
}

void ShapeCheck::require(const char* key, bool holds, const char* expected) const {
  if (!holds) refuse_report(path_, "expected \"" + std::string(key) + "\" to hold " + expected);
}

void ShapeCheck::check_frame(const Json& frame) const {
  require("frames", frame.is_object(), "objects");
  const auto module = frame.find("module");
  if (module == frame.end() || module->is_null()) return;
  require("frames", indexes(*module, modules_), "indices into modules");
  const auto offset = frame.find("offset");
  require("frames", offset != frame.end() && offset->is_number_unsigned(), "an offset for each module");
}

void ShapeCheck::check_stack(const Json& stack) const {
  require("stacks", stack.is_array(), "arrays");
  for (const Json& frame : stack) require("stacks", indexes(frame, frames_), "indices into frames");
}

bool ShapeCheck::has_stack(const Json& entry, const char* key) const {
  return entry.is_object() && entry.contains(key) && indexes(entry[key], stacks_);
}

void ShapeCheck::check_entry(const char* key, const Json& entry) const {
  require(key, has_stack(entry, "stack"), "entries with an index into stacks");
}

void ShapeCheck::check_entries(const Json& owner, const char* key) const {
  if (!owner.contains(key)) return;
  require(key, owner[key].is_array(), "an array");
  for (const Json& entry : owner[key]) check_entry(key, entry);
}

void ShapeCheck::check_error(const Json& error) const {
  for (const char* key : {"alloc_stack", "free_stack"}) {
    require("errors", !error.contains(key) || has_stack(error, key), "indices into stacks");
  }
  const auto offset = error.find("offset_bytes");
  require("errors", offset == error.end() || offset->is_number_integer(), "whole numbers of bytes");
  for (const char* key : {"allocation", "free"}) {
    if (!error.contains(key)) continue;
    const Json& event = error[key];
    const bool has_none = event.is_object() && event.contains("stack") && event["stack"].is_null();
    require("errors", has_none || has_stack(event, "stack"), "indices into stacks");
  }
}

void ShapeCheck::check_short_lists(const Json& report) const {
  for (const char* key : {"errors", "out_of_memory"}) check_entries(report, key);
  for (const Json& error : array_of(report, "errors")) check_error(error);
  for (const Json& event : array_of(report, "out_of_memory")) check_entries(event, "holders");
  for (const Json& device : array_of(report, "devices")) require("devices", device.is_object(), "objects");
  if (!report.contains("cuda")) return;
  require("cuda", report["cuda"].is_object(), "an object");
  for (const char* key : {"transfers", "freed_with_context"}) check_entries(report["cuda"], key);
}

void check_shape(const std::string& path, const Json& report) {
  const auto schema = report.find("schema");
  check_schema(path, schema == report.end() ? nullptr : &*schema);
  const ShapeCheck of_tables(path, 0, 0, 0);
  for (const char* key : {"process", "host"})
    of_tables.require(key, report.contains(key) && report[key].is_object(), "an object");
  for (const char* key : {"leaks", "peak", "hot_sites", "stacks", "frames", "modules", "warnings"})
    of_tables.require(key, holds_array(report, key), "an array");
  const ShapeCheck check(path, report["modules"].size(), report["frames"].size(), report["stacks"].size());
  for (const Json& module : report["modules"]) check.require("modules", module.is_object(), "objects");
  for (const Json& frame : report["frames"]) check.check_frame(frame);
  for (const Json& stack : report["stacks"]) check.check_stack(stack);
  for (const char* key : {"leaks", "peak", "hot_sites", "large"}) check.check_entries(report, key);
  check.check_short_lists(report);
  check.require("leak_check", !report.contains("leak_check") || report["leak_check"].is_object(), "an object");
}

void for_each_stack(Json& row, const std::function<void(Json& stack)>& use) {
  if (!row.is_object()) return;
  for (const char* key : {"stack", "alloc_stack", "free_stack"}) {
    const auto stack = row.find(key);
    if (stack != row.end() && stack->is_number_unsigned()) use(*stack);
  }
  for (const char* key : {"allocation", "free"}) {
    if (const auto event = row.find(key); event != row.end()) for_each_stack(*event, use);
  }
  const auto holders = row.find("holders");
  if (holders == row.end() || !holders->is_array()) return;
  for (Json& holder : *holders) for_each_stack(holder, use);
}

}  // namespace weir::cli
