#include "cli/confidential.h"

#include <string>
#include <string_view>

#include "cli/json_access.h"

namespace weir::cli {
namespace {

constexpr const char kHidden[] = "hidden", kMark[] = "confidential";

void hide_folder(Json& object, const char* key) {
  const auto found = object.find(key);
  if (found != object.end() && found->is_string()) *found = base_name(found->get<std::string>());
}

bool ends_path(char c) { return c == ' ' || c == ':' || c == ',' || c == ';' || c == '\'' || c == '"' || c == ')'; }

// The same of each path in a sentence.
std::string without_folders(const std::string& text) {
  std::string out;
  size_t begin = 0;  // of the word that is at hand
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && !ends_path(text[i])) continue;
    const std::string word = text.substr(begin, i - begin);
    out += word.find('/') == std::string::npos ? word : base_name(word);
    if (i < text.size()) out += text[i];
    begin = i + 1;
  }
  return out;
}

void hide_in_text(Json& object, const char* key) {
  const auto found = object.find(key);
  if (found != object.end() && found->is_string()) *found = without_folders(found->get<std::string>());
}

template <class Hide>
void for_each_in(Json& owner, const char* key, const Hide& hide) {
  const auto found = owner.find(key);
  if (found == owner.end() || !found->is_array()) return;
  for (Json& entry : *found) {
    if (entry.is_object()) hide(entry);
  }
}

void hide_process(Json& process) {
  hide_folder(process, "exe");
  if (process.contains("argv")) process["argv"] = Json::array();
  if (process.contains("host")) process["host"] = nullptr;
}

// Values that are given may name files, programs and hosts.
void hide_options(Json& options) {
  for (auto& [name, option] : options.items()) {
    if (!option.is_object() || text_of(option, "value").find('/') == std::string::npos) continue;
    option["value"] = kHidden;
  }
}

void hide_leak_check(Json& check) {
  const auto files = check.find("suppression_files");
  if (files != check.end() && files->is_array()) {
    for (Json& file : *files) {
      if (file.is_string()) file = base_name(file.get<std::string>());
    }
  }
  for_each_in(check, "suppressions", [](Json& match) {
    hide_folder(match, "source");
    hide_in_text(match, "pattern");
  });
  hide_in_text(check, "program_suppressions");
}

void hide_frame(Json& frame) {
  hide_folder(frame, "file");
  for_each_in(frame, "inlined", [](Json& position) { hide_folder(position, "file"); });
}

Json& member(Json& owner, const char* key) {
  static Json none = Json::object();
  const auto found = owner.find(key);
  return found != owner.end() && found->is_object() ? *found : none;
}

}  // namespace

void hide_private(Json& report) {
  hide_process(member(report, "process"));
  for_each_in(report, "processes", &hide_process);
  hide_options(member(report, "options"));
  for_each_in(member(member(report, "host"), "mmap"), "files", [](Json& file) { hide_folder(file, "path"); });
  hide_leak_check(member(report, "leak_check"));
  for_each_in(report, "leaks", [](Json& leak) { hide_in_text(leak, "suppressed"); });
  for_each_in(report, "frames", &hide_frame);
  for_each_in(report, "modules", [](Json& module) { hide_folder(module, "path"); });
  for_each_in(report, "warnings", [](Json& warning) { hide_in_text(warning, "text"); });
  report[kMark] = true;
}

bool is_confidential(const Json& report) { return is_true(report, kMark); }

}  // namespace weir::cli
