#include "cli/suppress.h"

#include <memory>

#include "cli/check_baseline.h"
#include "cli/error.h"
#include "cli/format.h"
#include "cli/json_access.h"
#include "cli/message.h"
#include "cli/output.h"
#include "cli/output_place.h"
#include "cli/report_processes.h"
#include "cli/suppression_choice.h"

namespace weir::cli {
namespace {

struct SuppressArguments {
  std::vector<std::string> paths, suppressions;
  std::string output = "-";
  bool possible = false;
};

// The stacks by number of what was in use at some time.
using StackNumbers = std::vector<uint64_t>;

void take_stack(StackNumbers& numbers, const Json& row) {
  if (row.is_object()) numbers.push_back(figure(row, "stack"));
}

class Gatherer {
 public:
  explicit Gatherer(const SuppressArguments& arguments)
      : suppressions_(arguments.suppressions), possible_(arguments.possible) {}

  void add(const std::string& path) {
    LeakRows rows(readers_.memories);
    StackNumbers used;
    CompactReport report(path,
                         {{"leaks", [&](const Json& leak) { rows.add(leak); }},
                          {"peak", [&](const Json& row) { take_stack(used, row); }},
                          {"hot_sites", [&](const Json& row) { take_stack(used, row); }}},
                         readers_.names, {"samples", "threads"});
    rows.find_stacks(report);
    std::vector<uint32_t> used_nodes;
    for (const uint64_t stack : used) {
      if (stack < report.stack_count()) used_nodes.push_back(report.node_of(stack));
    }
    report.forget_stack_numbers();
    if (report.symbolize(readers_.symbolizer)) rows.name_known(report);
    if (!suppressions_.is_empty()) rows.name_known(report, [&](Json& excerpt) { suppressions_.apply(excerpt); });
    add_stacks(report, rows, std::move(used_nodes));
  }

  const SuppressionChoice& choice() const { return choice_; }

 private:
  void add_stacks(const CompactReport& report, const LeakRows& rows, std::vector<uint32_t> used) {
    const bool with_indirect = has_indirect_left(rows);
    std::set<uint32_t> lost;
    for (const LeakRow& row : rows.rows()) {
      const bool is_wanted = row.kind == LeakKind::definite || (possible_ && row.kind == LeakKind::possible) ||
                             (with_indirect && row.kind == LeakKind::indirect);
      if (is_wanted && !row.is_excused()) {
        lost.insert(row.stack);
        choice_.add_lost(report, row.stack, readers_.memories.place(row.memory).memory, rows.blocks_of(row));
      } else if (row.kind == LeakKind::reachable || row.kind == LeakKind::live) {
        used.push_back(row.stack);
      }
    }
    std::erase_if(used, [&](uint32_t node) { return lost.contains(node); });
    choice_.add_used(report, used);
  }

  // What hangs from a suppressed block is suppressed with it; but not all that is lost need hang from what is definitely lost.
  static bool has_indirect_left(const LeakRows& rows) {
    Blocks indirect, hanging;
    for (size_t i = 0; i < rows.rows().size(); ++i) {
      const LeakRow& row = rows.rows()[i];
      if (row.kind == LeakKind::indirect) indirect.add(rows.blocks_of(row));
      if (row.kind == LeakKind::definite) hanging.add(rows.hanging_from(i));
    }
    return indirect.count > hanging.count;
  }

  const SuppressionFiles suppressions_;
  const bool possible_;
  Readers readers_;
  SuppressionChoice choice_;
};

std::string text_of(const ChosenPattern& pattern) {
  return "\n# " + pattern.description + ": " + human_bytes(pattern.blocks.bytes) + " in " +
         plural(pattern.blocks.count, "block") + " from " + plural(pattern.stacks, "place") +
         (pattern.names_more ? "\n# What is not lost goes through it too: a later leak there would not be told." : "") +
         "\n" + pattern.text + "\n";
}

std::string text_of(const std::vector<ChosenPattern>& patterns, size_t report_count) {
  std::string text =
      "# Leaks that are known, as of " + plural(report_count, "report") + "; docs/suppressions.md has the syntax.\n";
  if (patterns.empty()) return text + "# Nothing is lost that is not known already.\n";
  for (const ChosenPattern& pattern : patterns) text += text_of(pattern);
  return text;
}

void suppress(const SuppressArguments& arguments) {
  Gatherer gatherer(arguments);
  const std::vector<std::string> paths = expand_folders_once(arguments.paths);
  for (const auto* inputs : {&paths, &arguments.suppressions}) refuse_to_replace_input(*inputs, arguments.output, "-o");
  for (const std::string& path : paths) gatherer.add(path);
  const std::vector<ChosenPattern> patterns = gatherer.choice().choose();
  const std::string text = text_of(patterns, paths.size());
  write_output(arguments.output, text);
  if (arguments.output == "-") return;
  say(plural(patterns.size(), "pattern") + " for " + plural(gatherer.choice().lost_count(), "place") + " in " +
      arguments.output);
}

}  // namespace

void add_suppress(CLI::App& app) {
  CLI::App* command = app.add_subcommand("suppress", "Write suppressions for what reports say is lost");
  command->footer(
      "As few patterns as name all that is definitely lost, and nothing else where that can be: look through them, "
      "each "
      "has a\n"
      "comment.\n\n"
      "Example: weir suppress reports/ -o known.supp, then weir check --suppressions known.supp reports/");
  auto arguments = std::make_shared<SuppressArguments>();
  command->add_option("report", arguments->paths, "Reports, or folders of reports")->required();
  command->add_option("-o,--output", arguments->output,
                      "The file to write, which is replaced; - for the standard output (default)");
  command->add_flag("--possible", arguments->possible, "Also what is possibly lost");
  command
      ->add_option("--suppressions", arguments->suppressions,
                   "What these files name is known and not written again (docs/suppressions.md)")
      ->delimiter(',')
      ->allow_extra_args(false);
  command->callback([arguments] { suppress(*arguments); });
}

}  // namespace weir::cli
