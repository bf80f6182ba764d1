#include "cli/snapshot.h"

#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>

#include "cli/control_target.h"
#include "cli/error.h"
#include "cli/finished_copy.h"
#include "cli/json_access.h"
#include "cli/number_option.h"

namespace weir::cli {
namespace {

namespace fs = std::filesystem;

constexpr int kExitNotDone = 1;
constexpr double kLongestWaitSeconds = 86400;

struct SnapshotArguments {
  int pid = 0;
  std::string path;
  double wait_seconds = 5;
};

// As the process, whose folder is another, is to be told it.
std::string absolute(const std::string& path) { return path.empty() ? path : fs::absolute(path).string(); }

std::chrono::milliseconds wait_of(const SnapshotArguments& arguments) {
  return std::chrono::milliseconds(static_cast<int64_t>(std::min(arguments.wait_seconds, kLongestWaitSeconds) * 1000));
}

[[noreturn]] void not_done(const ControlTarget& target, const SnapshotAnswer& answer) {
  if (!answer.is_answered) {
    throw Error(kExitNotDone, target.name() + " did not answer: it allocates nothing, and " + answer.why_not +
                                  "; try again, or for longer with --wait");
  }
  if (answer.error == 0) throw Error(kExitNotDone, target.name() + " is ending");
  throw Error(kExitNotDone, target.name() + " cannot write " + answer.path + ": " + std::strerror(answer.error));
}

void finish(const std::string& path) {
  symbolize::Symbolizer symbolizer;
  Labels labels;
  const FinishedReport report(path, labels, symbolizer, {0, 0});
  if (report.was_raw()) replace_by_finished(report, false);
}

int snapshot(const SnapshotArguments& arguments) {
  remove_stale_control_files();
  ControlTarget target(arguments.pid, IfWithoutPage::wake);
  const SnapshotAnswer answer = target.ask_snapshot(absolute(arguments.path), wait_of(arguments));
  if (!answer.is_answered || answer.outcome != control::Outcome::done) not_done(target, answer);
  const std::string path = reachable_path(answer, arguments.pid);
  finish(path);
  std::printf("%s\n", (isatty(STDOUT_FILENO) == 1 ? printable(path) : path).c_str());  // a script needs it as it is
  return 0;
}

}  // namespace

void add_snapshot(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("snapshot", "Write a report of a running program as it is now");
  command->footer(
      "The program goes on: it is stopped for the scan only. What it still holds is told apart as at its end: lost,\n"
      "possibly lost, reachable. The report lies beside its last one, with .snapshot-1, .snapshot-2 and so on before\n"
      "its .json; nothing is overwritten. Its path is printed.\n\n"
      "The program writes it itself, at one of its next allocations; where it sleeps, it is woken for it. Not for a\n"
      "program that runs under WEIR_CTL=off.\n\n"
      "Example: weir snapshot 4711\n         weir snapshot 4711 -o before.json");
  auto arguments = std::make_shared<SnapshotArguments>();
  command->add_option("pid", arguments->pid, "The process, which must be your own")->required()->check(process_id());
  command->add_option("-o,--output", arguments->path,
                      "Where it goes, in which %p and the like stand for what they do in WEIR_REPORT");
  command->add_option("--wait", arguments->wait_seconds, "Seconds to wait until the process begins to write it")
      ->capture_default_str()
      ->check(seconds_from(0, kLongestWaitSeconds));
  command->callback([arguments, &exit_code] { exit_code = snapshot(*arguments); });
}

}  // namespace weir::cli
