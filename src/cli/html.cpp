#include "cli/html.h"

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cli/format.h"
#include "cli/html_data.h"
#include "cli/html_page.h"
#include "cli/largest_stacks.h"
#include "cli/message.h"
#include "cli/output.h"
#include "cli/output_place.h"
#include "cli/suppressed_leaks.h"

namespace weir::cli {
namespace {

namespace fs = std::filesystem;

struct HtmlArguments {
  std::string report, output;
  std::vector<std::string> suppressions;
  size_t most_stacks = 50'000;
};

// Beside the report: weir.ls.17.json -> weir.ls.17.html.
std::string default_output(const std::string& report) { return fs::path(report).replace_extension(".html").string(); }

void check_output(const HtmlArguments& arguments) {
  std::vector<std::string> inputs = arguments.suppressions;
  inputs.push_back(arguments.report);
  refuse_to_replace_input(inputs, arguments.output, "-o");
}

void make_page(HtmlArguments arguments) {
  require_html_template();
  if (arguments.output.empty()) arguments.output = default_output(arguments.report);
  check_output(arguments);
  const SuppressionFiles suppressions(arguments.suppressions);
  PartOfReport part = read_largest(arguments.report, arguments.most_stacks);
  symbolize::Symbolizer symbolizer;
  finish_report(part.report, symbolizer);
  suppressions.apply(part.report);
  const std::string page = html_page(html_data(part));
  write_output(arguments.output, page);
  say("page: " + arguments.output + " (" + human_bytes(page.size()) + ")");
}

}  // namespace

void add_html(CLI::App& app) {
  CLI::App* command = app.add_subcommand("html", "Make one page for a browser of a report, which needs no network");
  command->footer("Example: weir html weir.myprogram.4711.json -o myprogram.html");
  auto arguments = std::make_shared<HtmlArguments>();
  command->add_option("report", arguments->report, "A report")->required();
  command->add_option("-o,--output", arguments->output,
                      "The page; - for the standard output (default: the report's name with .html)");
  command
      ->add_option("--stacks", arguments->most_stacks,
                   "How many of each list's largest stacks the page has; the others are summed up")
      ->capture_default_str()
      ->check(CLI::Range(size_t{1}, size_t{10'000'000}));
  command
      ->add_option("--suppressions", arguments->suppressions,
                   "More files of suppressions, in LeakSanitizer's syntax (docs/suppressions.md)")
      ->delimiter(',');
  command->callback([arguments] { make_page(*arguments); });
}

}  // namespace weir::cli
