#include "cli/show.h"

#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "cli/format.h"
#include "cli/pager.h"
#include "cli/report_file.h"
#include "cli/summary.h"

namespace weir::cli {
namespace {

struct ShowArguments {
  std::vector<std::string> paths;
  std::string larger_than;
  std::string color = "auto";
  size_t top = 10;
  bool json = false;
  bool full = false;
};

// Hands the finished reports to `take`, one after another.
template <class Take>
void for_each_report(const std::vector<std::string>& paths, const Take& take) {
  symbolize::Symbolizer symbolizer;
  for (const std::string& path : paths) {
    Json report = read_report(path);
    finish_report(report, symbolizer);
    take(report);
  }
}

void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

// One report as it is, several as an array.
void print_json(const std::vector<std::string>& paths) {
  const char* before = paths.size() > 1 ? "[\n" : "";
  for_each_report(paths, [&](const Json& report) {
    print(before + to_text(report));
    before = ",\n";
  });
  if (paths.size() > 1) print("]\n");
}

void show(const ShowArguments& arguments) {
  SummaryOptions options;
  options.top = arguments.top;
  options.color = use_color(arguments.color, STDOUT_FILENO);
  if (arguments.full) options.depth = options.width = 0;
  if (!arguments.larger_than.empty()) options.larger_than = parse_size(arguments.larger_than, "--larger-than");
  const std::vector<std::string> paths = expand_folders(arguments.paths);
  if (arguments.json) {
    print_json(paths);
    return;
  }
  Digest digest(options.larger_than);
  for_each_report(paths, [&](const Json& report) { digest.add(report); });
  print_paged(summarize(digest, options));
}

void symbolize_in_place(const std::vector<std::string>& paths) {
  symbolize::Symbolizer symbolizer;
  for (const std::string& path : expand_folders(paths)) {
    Json report = read_report(path);
    if (finish_report(report, symbolizer)) write_report(path, report);
  }
}

}  // namespace

void add_show(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("show", "Print what a report says: totals, errors, leaks, peak, hot sites, large blocks");
  command->footer(
      "Example: weir show weir.myprogram.4711.json\n         weir show --top 3 --larger-than 100MB weir.make.4700/");
  auto arguments = std::make_shared<ShowArguments>();
  command->add_option("report", arguments->paths, "Reports, or folders of reports")->required();
  command->add_option("--top", arguments->top, "Entries of each list")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command->add_option("--larger-than", arguments->larger_than,
                      "List the blocks of at least this size one by one, such as 100MB");
  command->add_flag("--full", arguments->full, "Whole stacks and whole function names");
  command->add_flag("--json", arguments->json, "Print the finished report itself, as JSON");
  command->add_option("--color", arguments->color, "When to use colour")
      ->capture_default_str()
      ->check(CLI::IsMember({"auto", "always", "never"}));
  command->callback([arguments] { show(*arguments); });
}

void add_symbolize(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("symbolize", "Finish raw reports in place: functions, files, lines, inlined calls");
  command->footer("Example: weir symbolize weir.myprogram.4711.json");
  auto paths = std::make_shared<std::vector<std::string>>();
  command->add_option("report", *paths, "Reports, or folders of reports")->required();
  command->callback([paths] { symbolize_in_place(*paths); });
}

}  // namespace weir::cli
