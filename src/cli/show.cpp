#include "cli/show.h"

#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/error.h"
#include "cli/finished_copy.h"
#include "cli/format.h"
#include "cli/number_option.h"
#include "cli/pager.h"
#include "cli/report_file.h"
#include "cli/report_processes.h"
#include "cli/summary.h"
#include "cli/suppressed_leaks.h"

namespace weir::cli {
namespace {

struct ShowArguments {
  std::vector<std::string> paths;
  std::string larger_than;
  std::string color = "auto";
  std::vector<std::string> suppressions;
  size_t top = 10;
  int exit_code = 0;  // 0: whatever is found
  bool json = false;
  bool full = false;
  bool confidential = false;
};

// Reads the reports one after another and hands each to `take`. Whether leaks are left in any of them.
template <class Read, class Take>
bool for_each_report(const std::vector<std::string>& paths, const SuppressionFiles& suppressions, const Read& read,
                     const Take& take) {
  symbolize::Symbolizer symbolizer;
  bool leaks_left = false;
  for (const std::string& path : paths) {
    FinishedReport report = read(path, symbolizer);
    report.apply(suppressions);
    leaks_left |= report.has_leaks_left();
    take(report);
  }
  return leaks_left;
}

// The same for reports that are to be written.
template <class Take>
bool for_each_copy(const std::vector<std::string>& paths, const SuppressionFiles& suppressions, const Take& take) {
  Labels labels;
  return for_each_report(
      paths, suppressions,
      [&labels](const std::string& path, symbolize::Symbolizer& symbolizer) {
        return FinishedReport(path, labels, symbolizer, {0, 0});
      },
      take);
}

void print(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

// One report as it is, several as an array.
bool print_json(const std::vector<std::string>& paths, const SuppressionFiles& suppressions, bool confidential) {
  const char* before = paths.size() > 1 ? "[\n" : "";
  const bool leaks_left = for_each_copy(paths, suppressions, [&](const FinishedReport& report) {
    print(before);
    copy_finished(report, confidential, print);
    before = ",\n";
  });
  if (paths.size() > 1) print("]\n");
  return leaks_left;
}

// The exit code.
int show(const ShowArguments& arguments) {
  SummaryOptions options;
  options.top = arguments.top;
  options.color = use_color(arguments.color, STDOUT_FILENO);
  if (arguments.full) options.depth = options.width = 0;
  if (!arguments.larger_than.empty()) options.larger_than = parse_size(arguments.larger_than, "--larger-than");
  const SuppressionFiles suppressions(arguments.suppressions);
  const std::vector<std::string> paths = expand_folders_once(arguments.paths);
  if (arguments.json) return print_json(paths, suppressions, arguments.confidential) ? arguments.exit_code : 0;
  Digest digest({options.larger_than, options.top});
  const bool leaks_left = for_each_report(
      paths, suppressions,
      [&](const std::string& path, symbolize::Symbolizer& symbolizer) { return digest.read(path, symbolizer); },
      [&](FinishedReport& report) { digest.add(report); });
  print_paged(summarize(digest, options));
  return leaks_left ? arguments.exit_code : 0;
}

// Whether leaks are left in any of the reports.
bool symbolize_in_place(const std::vector<std::string>& paths, bool confidential) {
  return for_each_copy(expand_folders(paths), SuppressionFiles(), [confidential](const FinishedReport& report) {
    if (report.was_raw() || confidential) replace_by_finished(report, confidential);
  });
}

CLI::Option* add_confidential(CLI::App& command, bool& confidential) {
  return command.add_flag("--confidential", confidential,
                          "Without folders, arguments and host names: functions, lines and figures may be given away");
}

void add_exit_code(CLI::App& command, int& exit_code) {
  command
      .add_option("--exit-code", exit_code,
                  "The exit code where blocks are definitely or indirectly lost that no suppression names")
      ->check(whole_number(1, kLargestExitCode));
}

}  // namespace

void add_show(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("show", "Print what a report says: totals, errors, leaks, peak, hot sites, large blocks");
  command->footer(
      "Example: weir show weir.myprogram.4711.json\n         weir show --top 3 --larger-than 100MB weir.make.4700/");
  auto arguments = std::make_shared<ShowArguments>();
  command->add_option("report", arguments->paths, "Reports, or folders of reports")->required();
  command->add_option("--top", arguments->top, "Entries of each list")->capture_default_str()->check(whole_number(1));
  command->add_option("--larger-than", arguments->larger_than,
                      "List the blocks of at least this size one by one, such as 100MB");
  command->add_flag("--full", arguments->full, "Whole stacks and whole function names");
  CLI::Option* json = command->add_flag("--json", arguments->json, "Print the finished report itself, as JSON");
  add_confidential(*command, arguments->confidential)->needs(json);
  command->add_option("--color", arguments->color, "When to use colour")
      ->capture_default_str()
      ->check(CLI::IsMember({"auto", "always", "never"}));
  command
      ->add_option("--suppressions", arguments->suppressions,
                   "More files of suppressions, in LeakSanitizer's syntax (docs/suppressions.md)")
      ->delimiter(',');
  add_exit_code(*command, arguments->exit_code);
  command->callback([arguments, &exit_code] { exit_code = show(*arguments); });
}

void add_symbolize(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("symbolize", "Finish raw reports in place: functions, files, lines, inlined calls");
  command->footer("Example: weir symbolize weir.myprogram.4711.json");
  auto paths = std::make_shared<std::vector<std::string>>();
  command->add_option("report", *paths, "Reports, or folders of reports")->required();
  auto code_for_leaks = std::make_shared<int>(0);
  add_exit_code(*command, *code_for_leaks);
  auto confidential = std::make_shared<bool>(false);
  add_confidential(*command, *confidential);
  command->callback([paths, code_for_leaks, confidential, &exit_code] {
    exit_code = symbolize_in_place(*paths, *confidential) ? *code_for_leaks : 0;
  });
}

}  // namespace weir::cli
