#include "cli/report_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>

#include "cli/cuda_calls.h"
#include "cli/error.h"
#include "cli/json_access.h"
#include "cli/runtime_allocations.h"
#include "cli/suppressed_leaks.h"

namespace weir::cli {
namespace {

constexpr char kSchema[] = "weir-report/1";

[[noreturn]] void fail(const std::string& path, const std::string& what) {
  throw Error(kExitBadReport, path + ": " + what);
}

std::string system_text() { return std::strerror(errno); }

std::string read_file(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) fail(path, system_text());
  struct stat status;
  if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
    close(fd);
    fail(path, "expected a regular file");
  }
  std::string text(static_cast<size_t>(status.st_size), '\0');
  size_t length = 0;
  ssize_t got = 0;
  while (length < text.size() && (got = read(fd, text.data() + length, text.size() - length)) > 0) {
    length += static_cast<size_t>(got);
  }
  const bool failed = got < 0;
  const std::string why = failed ? system_text() : "";
  close(fd);
  if (failed) fail(path, why);
  text.resize(length);
  return text;
}

// The checks that let everything else index without looking.
class ShapeCheck {
 public:
  ShapeCheck(const std::string& path, const Json& report) : path_(path), report_(report) {}

  void check() {
    const auto schema = report_.find("schema");
    if (schema == report_.end() || !schema->is_string())
      fail(path_, "expected a Weir report: the key \"schema\" is missing");
    if (*schema != kSchema) {
      fail(path_, "expected schema " + std::string(kSchema) + ", found " + schema->get<std::string>());
    }
    for (const char* key : {"process", "host"})
      require(key, report_.contains(key) && report_[key].is_object(), "an object");
    for (const char* key : {"leaks", "peak", "hot_sites", "stacks", "frames", "modules", "warnings"}) {
      require(key, report_.contains(key) && report_[key].is_array(), "an array");
    }
    for (const Json& module : report_["modules"]) require("modules", module.is_object(), "objects");
    for (const Json& frame : report_["frames"]) check_frame(frame);
    for (const Json& stack : report_["stacks"]) check_stack(stack);
    for (const char* key : {"leaks", "peak", "hot_sites", "large"}) check_entries(report_, key);
    check_what_came_with_cuda();
    require("leak_check", !report_.contains("leak_check") || report_["leak_check"].is_object(), "an object");
  }

 private:
  void require(const char* key, bool holds, const char* expected) {
    if (!holds) fail(path_, "expected \"" + std::string(key) + "\" to hold " + expected);
  }
  static bool indexes(const Json& value, const Json& table) {
    return value.is_number_unsigned() && value.get<uint64_t>() < table.size();
  }
  void check_frame(const Json& frame) {
    require("frames", frame.is_object(), "objects");
    const auto module = frame.find("module");
    if (module == frame.end() || module->is_null()) return;
    require("frames", indexes(*module, report_["modules"]), "indices into modules");
    const auto offset = frame.find("offset");
    require("frames", offset != frame.end() && offset->is_number_unsigned(), "an offset for each module");
  }
  void check_stack(const Json& stack) {
    require("stacks", stack.is_array(), "arrays");
    for (const Json& frame : stack) require("stacks", indexes(frame, report_["frames"]), "indices into frames");
  }
  bool has_stack(const Json& entry, const char* key) const {
    return entry.is_object() && entry.contains(key) && indexes(entry[key], report_["stacks"]);
  }
  void check_entries(const Json& owner, const char* key) {
    if (!owner.contains(key)) return;
    require(key, owner[key].is_array(), "an array");
    for (const Json& entry : owner[key]) require(key, has_stack(entry, "stack"), "entries with an index into stacks");
  }
  void check_error(const Json& error) {
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
  // Older reports have none of these keys.
  void check_what_came_with_cuda() {
    for (const char* key : {"errors", "out_of_memory"}) check_entries(report_, key);
    for (const Json& error : array_of(report_, "errors")) check_error(error);
    for (const Json& event : array_of(report_, "out_of_memory")) check_entries(event, "holders");
    for (const Json& device : array_of(report_, "devices")) require("devices", device.is_object(), "objects");
    if (!report_.contains("cuda")) return;
    require("cuda", report_["cuda"].is_object(), "an object");
    for (const char* key : {"transfers", "freed_with_context"}) check_entries(report_["cuda"], key);
  }

  const std::string& path_;
  const Json& report_;
};

std::string compact(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

void write_all(int fd, const std::string& text) {
  for (size_t done = 0; done < text.size();) {
    const ssize_t wrote = write(fd, text.data() + done, text.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) throw Error(kExitOwnFailure, system_text());
    done += static_cast<size_t>(wrote);
  }
}

// A report that the superuser finishes stays its user's.
void keep_owner(const std::string& path, int fd) {
  struct stat status {};
  if (geteuid() != 0 || stat(path.c_str(), &status) != 0) return;
  if (fchown(fd, status.st_uid, status.st_gid) != 0) throw Error(kExitOwnFailure, path + ": " + system_text());
}

}  // namespace

void check_beginning(const std::string& path, std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) fail(path, "byte 0: expected a Weir report, found an empty file");
  if (text[first] != '{')
    fail(path, "byte " + std::to_string(first) + ": expected a Weir report, which begins with '{'");
}

void refuse_text(const std::string& path, size_t byte, size_t size) {
  if (byte >= size)
    fail(path, "byte " + std::to_string(size) + ": expected the report to go on; the file is truncated");
  fail(path, "byte " + std::to_string(byte) + ": expected valid JSON");
}

void check_shape(const std::string& path, const Json& report) { ShapeCheck(path, report).check(); }

Json read_report(const std::string& path) {
  const std::string text = read_file(path);
  check_beginning(path, text);
  Json report;
  try {
    report = Json::parse(text);
  } catch (const Json::parse_error& error) {
    refuse_text(path, error.byte > 0 ? error.byte - 1 : 0, text.size());
  } catch (const Json::out_of_range&) {
    fail(path, "expected valid JSON: a number is beyond all bounds");
  }
  check_shape(path, report);
  return report;
}

std::string to_text(const Json& report) {
  std::string text = "{";
  const char* separator = "\n";
  for (const auto& [key, value] : report.items()) {
    text += separator + compact(key) + ": ";
    separator = ",\n";
    if (!value.is_array() || value.empty()) {
      text += compact(value);
      continue;
    }
    const char* element_separator = "[\n  ";
    for (const Json& element : value) {
      text += element_separator + compact(element);
      element_separator = ",\n  ";
    }
    text += "\n]";
  }
  return text + "\n}\n";
}

void write_text(const std::string& path, const std::string& text) {
  std::string temporary = path + ".XXXXXX";
  const int fd = mkostemp(temporary.data(), O_CLOEXEC);  // 0600
  if (fd < 0) throw Error(kExitOwnFailure, path + ": " + system_text());
  keep_owner(path, fd);
  try {
    write_all(fd, text);
    close(fd);
    if (rename(temporary.c_str(), path.c_str()) != 0) throw Error(kExitOwnFailure, system_text());
  } catch (const Error& error) {
    unlink(temporary.c_str());
    throw Error(error.exit_code(), path + ": " + error.what());
  }
}

void write_report(const std::string& path, const Json& report) { write_text(path, to_text(report)); }

bool finish_report(Json& report, symbolize::Symbolizer& symbolizer) {
  if (!symbolize::is_raw(report)) return false;
  symbolizer.symbolize(report);
  name_runtime_allocations(report);
  name_cuda_calls(report);
  apply_own_suppressions(report);  // guard: suppressions
  return true;
}

bool is_snapshot_name(const std::string& name) {
  constexpr std::string_view kMark = ".snapshot-", kEnding = ".json";
  const size_t mark = name.rfind(kMark);
  if (mark == std::string::npos) return false;
  std::string_view number = std::string_view(name).substr(mark + kMark.size());
  if (number.ends_with(kEnding)) number.remove_suffix(kEnding.size());
  return !number.empty() && number.find_first_not_of("0123456789") == std::string_view::npos;
}

namespace {

std::vector<std::string> reports_in(const std::string& folder) {
  std::vector<std::string> reports, snapshots;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() != ".json") continue;
    const std::string path = entry.path().string();
    (is_snapshot_name(path) ? snapshots : reports).push_back(path);
  }
  if (reports.empty()) reports.swap(snapshots);
  std::sort(reports.begin(), reports.end());
  return reports;
}

}  // namespace

std::vector<std::string> expand_folders(const std::vector<std::string>& paths) {
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    std::error_code error;
    if (!std::filesystem::is_directory(path, error)) {
      files.push_back(path);
      continue;
    }
    const std::vector<std::string> inside = reports_in(path);
    if (inside.empty()) fail(path, "expected reports (*.json) in this folder");
    files.insert(files.end(), inside.begin(), inside.end());
  }
  return files;
}

}  // namespace weir::cli
