#include "cli/diff.h"

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>

#include "cli/diff_summary.h"
#include "cli/error.h"
#include "cli/format.h"
#include "cli/number_option.h"
#include "cli/pager.h"
#include "cli/report_input.h"

namespace weir::cli {
namespace {

constexpr int kExitGrown = 1;  // 2 is a report that cannot be read
constexpr size_t kUsualLimit = 10;

struct DiffArguments {
  std::string before, after;
  std::string by = "function";
  std::string color = "auto";
  std::string tolerated;  // a size; empty: growth is no failure
  std::optional<size_t> limit;
  int exit_code = kExitGrown;
  bool leaks = false, json = false, full = false;
};

KeyBy key_by(const std::string& name) {
  if (name == "line") return KeyBy::line;
  return name == "address" ? KeyBy::address : KeyBy::function;
}

void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

void refuse_folder(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error))
    refuse_report(path, "expected a report, found a folder; weir merge makes one report of it");
}

// The exit code.
int diff(const DiffArguments& arguments) {
  const uint64_t tolerated = arguments.tolerated.empty() ? 0 : parse_size(arguments.tolerated, "--fail-on-growth");
  for (const std::string& path : {arguments.before, arguments.after}) refuse_folder(path);
  const Compared compared = arguments.leaks ? Compared::lost : Compared::live;
  const KeyBy by = key_by(arguments.by);
  const auto names = std::make_shared<NameTable>();
  MemoryPlaces memories;
  symbolize::Symbolizer symbolizer;
  DiffSide before = read_side(arguments.before, names, memories, symbolizer);
  DiffSide after = read_side(arguments.after, names, memories, symbolizer);
  const std::set<std::string> modules_alone = incomparable_modules(before.report.frames(), after.report.frames());
  for (DiffSide* side : {&before, &after}) set_keys(side->rows, StackKeys(side->report, by, modules_alone));
  const DiffTable table(before.rows, after.rows, compared);
  const Diff found{
      before, after, table, memories, compared, arguments.by, notes_of(before, after, compared, modules_alone, by)};
  if (arguments.json) {
    print_diff_json(found, arguments.limit.value_or(SIZE_MAX), print);
  } else {
    SummaryOptions options;
    options.top = arguments.limit.value_or(kUsualLimit);
    options.color = use_color(arguments.color, STDOUT_FILENO);
    if (arguments.full) options.depth = options.width = 0;
    print_paged(summarize(found, options));
  }
  return !arguments.tolerated.empty() && table.grown_bytes() > tolerated ? arguments.exit_code : 0;
}

}  // namespace

void add_diff(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("diff", "Print what has grown between two reports, by stack");
  command->footer(
      "The reports may be of two runs, of two builds, or of one process at two times. Stacks are compared by the names "
      "of "
      "their\n"
      "functions. The exit code is 0; with --fail-on-growth 1, or --exit-code's, where stacks grew by more than SIZE "
      "in "
      "sum.\n\n"
      "Examples: weir diff before.json after.json\n"
      "          weir diff --leaks --fail-on-growth=64KiB before.json after.json");
  auto arguments = std::make_shared<DiffArguments>();
  command->add_option("before", arguments->before, "The report to compare with")->required();
  command->add_option("after", arguments->after, "The report that is compared")->required();
  command->add_flag("--leaks", arguments->leaks, "Compare only what is definitely or indirectly lost");
  command->add_option("--by", arguments->by, "What tells one stack from another")
      ->capture_default_str()
      ->check(CLI::IsMember({"function", "line", "address"}));
  command
      ->add_option("--limit,--top", arguments->limit,
                   "Entries of each list: 10 unless said otherwise, and all of them in JSON")
      ->check(whole_number(1));
  command->add_flag("--full", arguments->full, "Whole stacks and whole function names");
  command->add_flag("--json", arguments->json, "Print it as JSON (docs/diff.md)");
  command->add_flag("--fail-on-growth{0}", arguments->tolerated,
                    "Fail where stacks grew; with =SIZE where they grew by more than that in sum, such as =1MB");
  command->add_option("--exit-code", arguments->exit_code, "The exit code where --fail-on-growth finds growth")
      ->capture_default_str()
      ->check(whole_number(1, kLargestExitCode));
  command->add_option("--color", arguments->color, "When to use colour")
      ->capture_default_str()
      ->check(CLI::IsMember({"auto", "always", "never"}));
  command->callback([arguments, &exit_code] { exit_code = diff(*arguments); });
}

}  // namespace weir::cli
