#include "cli/process_text.h"

#include "cli/json_access.h"

namespace weir::cli {
namespace {

std::string shell_quoted(const std::string& word) {
  const bool plain = !word.empty() && word.find_first_not_of(
                                          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                          "0123456789_-+=./,:@%") == std::string::npos;
  if (plain) return word;
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

}  // namespace

std::string way_of_end(const Json& process) {
  const std::string end = text_of(process, "end");
  return end == "snapshot" ? "still running" : "ended by " + end;
}

std::string end_of(const Json& process) {
  const auto status = process.find("exit_status");
  const bool has_status = status != process.end() && status->is_number();
  return way_of_end(process) + (has_status ? " with status " + status->dump() : "");
}

std::string command_of(const Json& process) {
  std::string command;
  for (const Json& argument : array_of(process, "argv")) {
    if (argument.is_string())
      command += (command.empty() ? "" : " ") + shell_quoted(printable(argument.get<std::string>()));
  }
  return command;
}

}  // namespace weir::cli
