#include "cli/merge.h"

#include <memory>

#include "cli/merged_report.h"
#include "cli/message.h"

namespace weir::cli {
namespace {

struct MergeArguments {
  std::vector<std::string> paths;
  std::string output;
};

int merge(const MergeArguments& arguments) {
  std::vector<std::string> notes;
  const std::vector<MergeInput> inputs = find_merge_inputs(arguments.paths, arguments.output, notes);
  MergedReport merged;
  symbolize::Symbolizer symbolizer;
  for (const MergeInput& input : inputs) merged.add(input, symbolizer);
  for (const std::string& note : notes) {
    say(note);
    merged.add_note(note);
  }
  merged.write(arguments.output);
  return 0;
}

}  // namespace

void add_merge(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("merge", "Make one report of those of many processes or ranks");
  command->footer(
      "Rows of equal stacks are added up; processes and devices stay apart. The order of the reports does not "
      "matter.\n\n"
      "Example: weir merge weir.mpirun.4711/ -o job.json, then weir show job.json");
  auto arguments = std::make_shared<MergeArguments>();
  command->add_option("report", arguments->paths, "Reports, or folders of reports")->required();
  command
      ->add_option("-o,--output", arguments->output, "The file to write, which is replaced; - for the standard output")
      ->required();
  command->callback([arguments, &exit_code] { exit_code = merge(*arguments); });
}

}  // namespace weir::cli
