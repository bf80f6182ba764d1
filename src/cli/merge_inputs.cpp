#include "cli/merge_inputs.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <tuple>

#include "cli/format.h"
#include "cli/json_access.h"
#include "cli/report_input.h"
#include "cli/report_stream.h"

namespace weir::cli {
namespace {

Json process_of(const std::string& path) {
  Json process;
  stream_report(path, [&](const std::string& key) {
    if (key != "process") return ReportPart();
    return ReportPart{false, [&](Json& value) {
                        process = std::move(value);
                        throw StopReading();
                      }};
  });
  if (!process.is_object()) refuse_report(path, "expected \"process\" to hold an object");
  return process;
}

// One process: an executed image has another start.
std::string identity_of(const Json& process) {
  return text_of(process, "host") + '\n' + number_text(process, "pid") + '\n' + number_text(process, "start_ns") +
         '\n' + text_of(process, "exe");
}

// Ranks in the order of their numbers; what has none comes last.
auto order_of(const MergeInput& input) {
  const std::string rank = text_of(input.process, "rank");
  const bool is_number = !rank.empty() && rank.find_first_not_of("0123456789") == std::string::npos;
  const uint64_t number = is_number ? std::strtoull(rank.c_str(), nullptr, 10) : UINT64_MAX;
  return std::tuple(rank.empty(), number, rank, text_of(input.process, "host"), figure(input.process, "start_ns"),
                    figure(input.process, "pid"), text_of(input.process, "exe"), figure(input.process, "duration_ns"));
}

bool is_before(const MergeInput& a, const MergeInput& b) { return order_of(a) < order_of(b); }

}  // namespace

std::vector<MergeInput> find_merge_inputs(const std::vector<std::string>& paths, const std::string& output,
                                          std::vector<std::string>& notes) {
  std::map<std::string, MergeInput> by_process;
  size_t left_out = 0;
  for (const std::string& path : expand_folders(paths)) {
    MergeInput input{path, process_of(path)};
    if (input.process.contains("merged_count")) {
      std::error_code error;
      if (std::filesystem::equivalent(path, output, error)) continue;
      refuse_report(path, "expected a report of one process, found a merged one");
    }
    const auto [known, is_new] = by_process.try_emplace(identity_of(input.process), input);
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
