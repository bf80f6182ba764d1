#include "cli/run.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>

#include "cli/child.h"
#include "cli/error.h"
#include "cli/finished_copy.h"
#include "cli/json_access.h"
#include "cli/library.h"
#include "cli/message.h"
#include "cli/number_option.h"
#include "cli/option_table.h"
#include "cli/program.h"
#include "cli/report_file.h"
#include "cli/report_place.h"
#include "cli/summary.h"
#include "cli/suppressed_leaks.h"

namespace weir::cli {
namespace {

// By which CPython asks malloc for each object, and keeps no pool of its own.
constexpr char kPythonAllocator[] = "PYTHONMALLOC", kOneBlockAnObject[] = "malloc";

struct RunArguments {
  Settings settings;
  std::string color = "auto";
  size_t top = 5;
  bool no_summary = false;
};

std::string setting(const Settings& settings, const char* variable) {
  const auto given = settings.find(variable);
  if (given != settings.end()) return given->second;
  const char* value = std::getenv(variable);
  return value != nullptr ? value : "";
}

Invocation invocation_of(const std::vector<std::string>& program) {
  Invocation invocation{find_program(program[0]), program, {}};
  if (needs_shell(invocation.path)) {
    invocation.arguments[0] = invocation.path;
    invocation.arguments.insert(invocation.arguments.begin(), "sh");
    invocation.path = "/bin/sh";
  }
  return invocation;
}

// The command's exit code where leaks are left; 0: the program's own. WEIR_EXITCODE's is the command's to give, as the processes of
// a run may need their own.
int exit_code_for_leaks(const Settings& settings) {
  const std::string text = setting(settings, "WEIR_EXITCODE");
  if (text.empty() || text == "off") return 0;
  const bool is_number = text.size() <= 3 && text.find_first_not_of("0123456789") == std::string::npos;
  const int code = is_number ? std::stoi(text) : 0;
  if (code < 1 || code > kLargestExitCode) {
    throw Error(kExitUsage, "expected a number from 1 to 255 as the exit code for leaks, found " + text);
  }
  return code;
}

// Finishes the reports of the run in their places, and adds them to the digest; what is wrong with one costs a line. Whether leaks are left.
bool finish_all(const std::vector<std::string>& paths, Digest& digest) {
  bool leaks_left = false;
  symbolize::Symbolizer symbolizer;
  for (const std::string& path : paths) {
    try {
      FinishedReport report = digest.read(path, symbolizer);
      if (report.was_raw()) replace_by_finished(report, false);
      leaks_left |= report.has_leaks_left();
      digest.add(report);
    } catch (const Error& error) {
      say(error.what());
    }
  }
  return leaks_left;
}

void print_summary(const Digest& digest, const RunArguments& arguments) {
  SummaryOptions options;
  options.top = arguments.top;
  options.brief = true;
  options.color = use_color(arguments.color, STDERR_FILENO);
  std::fprintf(stderr, "\n%s", summarize(digest, options).c_str());
}

std::string relative(const std::string& path) {
  char folder[4096];
  const std::string prefix = getcwd(folder, sizeof folder) != nullptr ? std::string(folder) + "/" : "";
  return prefix.size() > 1 && path.starts_with(prefix) ? path.substr(prefix.size()) : path;
}

// Whether leaks are left.
bool report_run(ReportPlace& place, const RunArguments& arguments, const std::string& program) {
  const std::vector<std::string> paths = place.collect();
  Digest digest({0, arguments.top});
  const bool leaks_left = finish_all(paths, digest);
  if (digest.reports().empty()) {
    if (paths.empty()) say(program + " left no report");
    return false;
  }
  if (!arguments.no_summary) print_summary(digest, arguments);
  const std::string where = paths.size() > 1 && !place.folder().empty() ? place.folder() : paths[0];
  if (paths.size() > 1 && place.folder().empty()) {
    say(std::to_string(paths.size()) + " reports, the first is " + relative(where));
  } else {
    say("report: " + relative(where));
  }
  return leaks_left;
}

int run(const std::vector<std::string>& program, const RunArguments& arguments) {
  Invocation invocation = invocation_of(program);
  const std::string reason = reason_against_preload(invocation.path);
  if (!reason.empty()) {
    say(program[0] + " is " + reason + ": running it without Weir");
    become(invocation);
  }
  find_library();  // before anything is made
  Settings settings = arguments.settings;
  const int code_for_leaks = exit_code_for_leaks(settings);
  ReportPlace place(setting(settings, "WEIR_REPORT"), base_name(program[0]));
  settings["WEIR_REPORT"] = place.pattern();
  if (setting(settings, "WEIR_ON_SIGNAL").empty()) settings["WEIR_ON_SIGNAL"] = "TERM,INT";
  if (code_for_leaks != 0 && !place.off()) settings["WEIR_EXITCODE"] = "off";
  invocation.environment = environment_for(settings);
  if (place.off()) become(invocation);
  try {
    const int code = run_and_wait(invocation);
    return report_run(place, arguments, program[0]) && code_for_leaks != 0 ? code_for_leaks : code;
  } catch (const Error&) {
    place.collect();
    throw;
  }
}

}  // namespace

std::map<std::string, std::string> environment_for(const Settings& settings) {
  Settings environment = settings;
  if (settings.contains("WEIR_PYTHON") && std::getenv(kPythonAllocator) == nullptr)
    environment[kPythonAllocator] = kOneBlockAnObject;
  environment["LD_PRELOAD"] = preload_with(find_library(), std::getenv("LD_PRELOAD"));
  return environment;
}

void add_run(CLI::App& app, const std::vector<std::string>& program, int& exit_code) {
  CLI::App* command = app.add_subcommand("run", "Run a program under Weir and print what it did with memory");
  command->footer(
      "weir run [OPTIONS] -- program [arguments]\n\n"
      "The exit code is the program's, 128 + N where signal N killed it; 127 where it is not found, 126 where it "
      "cannot be\n"
      "executed, 125 where Weir itself cannot start; --exit-code N makes it N where blocks are lost. The summary goes "
      "to "
      "stderr.\n"
      "A run of one process leaves weir.PROGRAM.PID.json, a run of many a folder weir.PROGRAM.PID of reports; --report "
      "names\n"
      "another place.\n\n"
      "Examples: weir run -- ./myprogram --its-own-option\n"
      "          weir run --top 3 --stack-depth 64 -- make -j8\n"
      "          weir run --python -- python3 train.py");
  command->prefix_command();
  command->fallthrough(false);  // options behind the program's name are the program's
  auto arguments = std::make_shared<RunArguments>();
  command->add_option("--top", arguments->top, "Entries of each list in the summary")
      ->capture_default_str()
      ->check(whole_number(1));
  command->add_flag("--no-summary", arguments->no_summary, "Print only where the report is");
  command->add_option("--color", arguments->color, "When to use colour")
      ->capture_default_str()
      ->check(CLI::IsMember({"auto", "always", "never"}));
  add_option_flags(*command, arguments->settings);
  command->callback([command, arguments, &program, &exit_code] {
    const std::vector<std::string> rest = command->remaining();
    if (!program.empty() && !rest.empty()) throw Error(kExitUsage, "expected options before --, found " + rest[0]);
    const std::vector<std::string>& words = program.empty() ? rest : program;
    if (words.empty()) throw Error(kExitUsage, "no program to run; try: weir run -- ./program");
    if (program.empty() && words[0].starts_with("-")) throw Error(kExitUsage, "unknown option " + words[0]);
    exit_code = run(words, *arguments);
  });
}

}  // namespace weir::cli
