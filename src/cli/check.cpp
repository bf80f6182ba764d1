#include "cli/check.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <memory>
#include <optional>

#include "cli/check_result.h"
#include "cli/error.h"
#include "cli/format.h"
#include "cli/json_access.h"
#include "cli/number_option.h"
#include "cli/output.h"
#include "cli/output_place.h"
#include "cli/pager.h"
#include "cli/report_processes.h"

namespace weir::cli {
namespace {

namespace fs = std::filesystem;

constexpr int kExitRed = 1;
constexpr int kExitUnreadable = 3;  // 2 is a wrong command line

struct CheckArguments {
  std::vector<std::string> paths, baseline, suppressions;
  std::vector<std::string> limits[std::size(kMeasures)];
  std::optional<uint64_t> expected;
  std::string junit, sarif, source_root;
  std::string color = "auto";
  size_t top = 5;
};

// ---- Which reports ----

bool is_report(const fs::directory_entry& entry) {
  const std::string name = entry.path().filename().string();
  std::error_code error;
  return name.ends_with(".json") && !name.starts_with(".") && !entry.is_directory(error);
}

// Of a folder and those in it: a run of several processes has a folder of its own.
std::vector<std::string> reports_in(const std::string& folder) {
  std::vector<std::string> paths;
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (is_report(*it)) paths.push_back(it->path().string());
  }
  if (error) throw Error(kExitUnreadable, folder + ": " + error.message());
  std::sort(paths.begin(), paths.end());
  return paths;
}

struct Inputs {
  std::vector<std::string> paths, missing;
};

Inputs find_reports(const std::vector<std::string>& arguments) {
  Inputs inputs;
  for (const std::string& path : arguments) {
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    if (status.type() == fs::file_type::not_found) {
      inputs.missing.push_back(printable(path) + ": no such report");
    } else if (!fs::is_directory(status)) {
      inputs.paths.push_back(path);
    } else {
      const std::vector<std::string> found = reports_in(path);
      if (found.empty())
        inputs.missing.push_back(printable(path) + ": no report (*.json) in this folder");  // guard: check-missing
      const std::vector<std::string> counted = with_each_process_once(found);
      inputs.paths.insert(inputs.paths.end(), counted.begin(), counted.end());
    }
  }
  return inputs;
}

void expect_reports(Inputs& inputs, const std::optional<uint64_t>& expected) {
  if (expected && inputs.paths.size() < *expected)
    inputs.missing.push_back(plural(*expected, "report") + " expected, " + human_count(inputs.paths.size()) + " found");
}

std::vector<std::string> find_baseline(const std::vector<std::string>& arguments) {
  const Inputs inputs = find_reports(arguments);
  if (!inputs.missing.empty()) throw Error(kExitUnreadable, "--baseline: " + inputs.missing[0]);
  return inputs.paths;
}

// ---- The verdict ----

std::vector<Limit> limits_of(const CheckArguments& arguments) {
  std::vector<Limit> limits;
  for (const MeasureText& measure : kMeasures) {
    for (const std::string& text : arguments.limits[static_cast<size_t>(measure.measure)])
      limits.push_back(parse_limit(measure, text));
  }
  return limits.empty() ? default_limits() : limits;
}

CheckResult judge_all(const Inputs& inputs, const std::vector<Limit>& limits, Judge& judge) {
  CheckResult result;
  result.missing = inputs.missing;
  result.limit_count = limits.size();
  Findings findings;
  for (const std::string& path : inputs.paths) {
    result.reports.push_back(judge.judge(path));
    std::vector<Finding>& found = result.reports.back().findings;
    for (const Finding& finding : found) findings.add(finding);
    keep_few(found);
  }
  result.findings = findings.sorted();
  return result;
}

void check_outputs(const CheckArguments& arguments, const Inputs& inputs, const std::vector<std::string>& baseline) {
  for (const auto& [output, option] : {std::pair{&arguments.junit, "--junit"}, {&arguments.sarif, "--sarif"}}) {
    if (*output == "-")
      throw Error(kExitUsage, option + std::string(" -: expected a file; the verdict is on the standard output"));
    for (const auto* read : {&inputs.paths, &arguments.suppressions, &baseline})
      refuse_to_replace_input(*read, *output, option);
  }
  if (!arguments.junit.empty() && arguments.junit == arguments.sarif)
    throw Error(kExitUsage, arguments.sarif + ": --junit is to write there; --sarif names another file");
}

// What is wrong with the baseline is no verdict.
Baseline read_baseline(const std::vector<std::string>& paths, const SuppressionFiles& suppressions, Readers& readers) {
  try {
    return Baseline(paths, suppressions, readers);
  } catch (const Error& error) {
    throw Error(error.exit_code() == kExitBadReport ? kExitUnreadable : error.exit_code(), printable(error.what()));
  }
}

int exit_code_of(const CheckResult& result) {
  if (result.is_unreadable()) return kExitUnreadable;
  return result.is_red() ? kExitRed : 0;
}

int check(const CheckArguments& arguments) {
  const std::vector<Limit> limits = limits_of(arguments);
  const SuppressionFiles suppressions(arguments.suppressions);
  Inputs inputs = find_reports(arguments.paths);
  expect_reports(inputs, arguments.expected);  // guard: check-expected
  const std::vector<std::string> before = find_baseline(arguments.baseline);
  check_outputs(arguments, inputs, before);
  Readers readers;
  Baseline baseline = read_baseline(before, suppressions, readers);
  Judge judge(limits, suppressions, baseline, readers);
  const CheckResult result = judge_all(inputs, limits, judge);
  if (!arguments.junit.empty()) write_output(arguments.junit, check_junit(result));
  if (!arguments.sarif.empty())
    write_output(arguments.sarif,
                 check_sarif(result, arguments.source_root.empty() ? find_source_root() : arguments.source_root));
  SummaryOptions options;
  options.top = arguments.top;
  options.color = use_color(arguments.color, STDOUT_FILENO);
  print_paged(check_text(result, options));
  return exit_code_of(result);
}

void add_limits(CLI::App& command, CheckArguments& arguments) {
  for (const MeasureText& measure : kMeasures) {
    const bool is_number = measure.measure == Measure::errors;
    command
        .add_option(std::string("--") + measure.option, arguments.limits[static_cast<size_t>(measure.measure)],
                    measure.help)
        ->type_name(is_number ? "N" : "[MEMORY=]SIZE")
        ->allow_extra_args(false)
        ->group("Limits");
  }
}

}  // namespace

void add_check(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("check", "Hold reports against limits: an exit code for CI, JUnit, SARIF");
  command->footer(
      "Each report must be within each limit. Without a limit nothing may be definitely or indirectly lost, and there "
      "may "
      "be no heap\n"
      "errors. A SIZE is such as 0, 64KiB or 10MB; MEMORY is host, device, pinned, managed or mmap. Known leaks do not "
      "count.\n"
      "The exit code is 0 where all is well, 1 where a limit does not hold or a report is missing, 2 for a wrong "
      "command "
      "line,\n"
      "3 where a report cannot be read.\n\n"
      "Examples: weir check weir.myprogram.4711.json\n"
      "          weir check --max-definite 0 --max-peak device=2GiB --baseline main.json --junit weir.xml reports/");
  auto arguments = std::make_shared<CheckArguments>();
  command->add_option("report", arguments->paths, "Reports, or folders of reports and of such folders")->required();
  add_limits(*command, *arguments);
  command
      ->add_option("--baseline", arguments->baseline,
                   "A report, or a folder of reports: only what is new or has grown since counts")
      ->allow_extra_args(false);
  command->add_option("--expect", arguments->expected, "How many reports there must be at least")
      ->check(whole_number(0));
  command
      ->add_option("--suppressions", arguments->suppressions,
                   "More files of suppressions, in LeakSanitizer's syntax (docs/suppressions.md)")
      ->delimiter(',')
      ->allow_extra_args(false);
  command->add_option("--junit", arguments->junit, "Write the verdict to this file, as JUnit's XML");
  command->add_option("--sarif", arguments->sarif, "Write what breaks a limit to this file, as SARIF 2.1.0");
  command->add_option("--source-root", arguments->source_root,
                      "The folder to which SARIF's paths are relative (default: the repository's)");
  command->add_option("--top", arguments->top, "How many of the largest stacks are printed")
      ->capture_default_str()
      ->check(whole_number(0));
  command->add_option("--color", arguments->color, "When to use colour")
      ->capture_default_str()
      ->check(CLI::IsMember({"auto", "always", "never"}));
  command->callback([arguments, &exit_code] { exit_code = check(*arguments); });
}

}  // namespace weir::cli
