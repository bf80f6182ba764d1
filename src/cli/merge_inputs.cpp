#include "cli/merge_inputs.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include "cli/error.h"
#include "cli/format.h"
#include "cli/json_access.h"
#include "cli/output_place.h"
#include "cli/report_input.h"
#include "cli/report_processes.h"

namespace weir::cli {
namespace {

// Ranks in the order of their numbers; what has none comes last.
auto order_of(const MergeInput& input) {
  const std::string rank = text_of(input.process, "rank");
  const bool is_number = !rank.empty() && rank.find_first_not_of("0123456789") == std::string::npos;
  const uint64_t number = is_number ? std::strtoull(rank.c_str(), nullptr, 10) : UINT64_MAX;
  return std::tuple(rank.empty(), number, rank, text_of(input.process, "host"), figure(input.process, "start_ns"),
                    figure(input.process, "pid"), text_of(input.process, "exe"), figure(input.process, "duration_ns"));
}

bool is_before(const MergeInput& a, const MergeInput& b) { return order_of(a) < order_of(b); }

bool has_all(const std::vector<MergeInput>& inputs, const std::vector<std::string>& identities) {
  return std::all_of(identities.begin(), identities.end(), [&](const std::string& identity) {
    return std::any_of(inputs.begin(), inputs.end(),
                       [&](const MergeInput& input) { return input.identity == identity; });
  });
}

// Those of one process, as they are named or found. What is merged already may be named too where it is made anew of the same.
std::vector<MergeInput> read_inputs(const std::vector<std::string>& paths, const std::string& output) {
  std::vector<MergeInput> inputs;
  std::vector<std::string> made_anew;
  for (const std::string& path : expand_folders_once(paths, output)) {
    ReportProcesses processes = read_processes(path);
    if (!processes.is_merged()) {
      inputs.push_back({path, std::move(processes.process), processes.identities[0]});
    } else if (is_same_file(path, output)) {
      made_anew = std::move(processes.identities);
    } else {
      refuse_report(path, "expected a report of one process, found a merged one");
    }
  }
  if (!has_all(inputs, made_anew))
    refuse_report(output, "expected with it the reports that it was merged from, as -o is to replace it");
  return inputs;
}

// What a merge left there may be made anew; what a process left is gone when it is replaced.
void check_output(const std::string& output) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(output, error) || error) return;
  std::optional<ReportProcesses> there;
  try {
    there = read_processes(output);
  } catch (const Error&) {
    return;  // no report
  }
  if (there->is_merged()) return;  // guard: input-of-merge
  throw Error(kExitUsage, output + ": writing there would replace the report of a process; -o names another file");
}

}  // namespace

std::vector<MergeInput> find_merge_inputs(const std::vector<std::string>& paths, const std::string& output,
                                          std::vector<std::string>& notes) {
  check_output(output);
  std::map<std::string, MergeInput> by_process;
  size_t left_out = 0;
  for (const MergeInput& input : read_inputs(paths, output)) {
    const auto [known, is_new] = by_process.try_emplace(input.identity, input);
    if (is_new) continue;
    ++left_out;
    if (figure(input.process, "duration_ns") > figure(known->second.process, "duration_ns"))
      known->second = input;  // guard: merge-latest
  }
  if (left_out > 0)
    notes.push_back("merged without " + plural(left_out, "earlier report") + " of processes that have a later one");
  std::vector<MergeInput> inputs;
  for (auto& [identity, input] : by_process) inputs.push_back(std::move(input));
  if (inputs.empty()) refuse_report(output, "expected reports to merge beside it, found none");
  std::sort(inputs.begin(), inputs.end(), is_before);  // guard: merge-order
  return inputs;
}

}  // namespace weir::cli
