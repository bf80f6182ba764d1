#include "cli/stack_text.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string_view>

#include "cli/format.h"
#include "cli/json_access.h"
#include "cli/python_frame.h"

namespace weir::cli {
namespace {

constexpr std::string_view kStartFunctions[] = {"_start",
                                                "__libc_start_main",
                                                "__libc_start_main_impl",
                                                "__libc_start_call_main",
                                                "start_thread",
                                                "clone",
                                                "clone3",
                                                "__clone",
                                                "__clone3",
                                                "thread_start",
                                                "_dl_start_user",
                                                "_dl_init",
                                                "call_init",
                                                "_dl_start"};

// Relative to the folder that the reader is in, where it lies below that.
const std::string& working_folder() {
  static const std::string folder = [] {
    std::error_code error;
    return std::filesystem::current_path(error).string() + "/";
  }();
  return folder;
}

bool is_in_working_folder(const std::string& path) {
  return working_folder().size() > 1 && path.starts_with(working_folder());
}

std::string short_path(const std::string& path) {
  return is_in_working_folder(path) ? path.substr(working_folder().size()) : path;
}

std::string module_name(const Json& report, const Json& frame) {
  const auto module = frame.find("module");
  if (module == frame.end() || !module->is_number_unsigned()) return {};
  return base_name(text_of(report["modules"][module->get<size_t>()], "path"));
}

std::string place_of(const Json& position, const std::string& fallback) {
  const std::string file = text_of(position, "file");
  if (file.empty()) return fallback;
  const auto line = position.find("line");
  return short_path(file) + (line != position.end() ? ":" + line->dump() : "");
}

void add_frame(std::vector<StackLine>& lines, const Json& report, const Json& frame) {
  if (is_true(frame, "truncated")) {
    lines.push_back({"", "(the stack goes on; it was cut here)", false, true});
    return;
  }
  const std::string module = module_name(report, frame);
  if (is_own_module(module)) return;
  const std::string raw_place = frame.contains("offset") ? module + "+" + hexadecimal(frame["offset"].get<uint64_t>())
                                                         : "code without a file at " + text_of(frame, "address");
  if (const auto inlined = frame.find("inlined"); inlined != frame.end()) {
    for (const Json& position : *inlined) {
      lines.push_back({text_of(position, "function"), place_of(position, raw_place), true, false,
                       is_in_working_folder(text_of(position, "file"))});
    }
  }
  const std::string function = text_of(frame, "function");
  if (is_python(frame)) {  // its name is none of the C library's, whatever it is
    lines.push_back({function, place_of(frame, ""), false, false, is_in_working_folder(text_of(frame, "file"))});
    return;
  }
  lines.push_back({function, place_of(frame, function.empty() ? raw_place : module), false,
                   is_start_code(function, module), is_in_working_folder(text_of(frame, "file"))});
}

}  // namespace

std::vector<StackLine> frame_lines(const Json& report, size_t frame) {
  std::vector<StackLine> lines;
  add_frame(lines, report, report["frames"][frame]);
  return lines;
}

bool is_start_code(std::string_view function, std::string_view module) {
  if (function.empty()) return module.starts_with("ld-linux");
  return std::find(std::begin(kStartFunctions), std::end(kStartFunctions), function) != std::end(kStartFunctions);
}

bool is_own_module(std::string_view module) { return module.starts_with("libweir.so"); }

std::vector<StackLine> stack_lines(const Json& report, size_t stack) {
  std::vector<StackLine> lines;
  for (const Json& index : report["stacks"][stack]) add_frame(lines, report, report["frames"][index.get<size_t>()]);
  return lines;
}

}  // namespace weir::cli
