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
  return moment_of(process) == Moment::snapshot ? "still running" : "ended by " + text_of(process, "end");
}

std::string end_of(const Json& process) {
  const auto status = process.find("exit_status");
  const bool has_status = status != process.end() && status->is_number();
  return way_of_end(process) + (has_status ? " with status " + status->dump() : "");
}

Moment moment_of(const Json& process) {
  return text_of(process, "end") == "snapshot" ? Moment::snapshot : Moment::exit;  // guard: moment-of-report
}

Moment together(Moment one, Moment other) { return one == other ? one : Moment::either; }

const char* moment_text(Moment moment) {
  switch (moment) {
    case Moment::exit:
      return "at exit";
    case Moment::snapshot:
      return "at the snapshot";
    case Moment::either:
      break;
  }
  return "at exit or snapshot";
}

const char* moment_label(Moment moment) {
  switch (moment) {
    case Moment::exit:
      return "at exit";
    case Moment::snapshot:
      return "at snapshot";
    case Moment::either:
      break;
  }
  return "last known";
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
