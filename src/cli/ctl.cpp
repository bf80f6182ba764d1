#include "cli/ctl.h"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <memory>
#include <sstream>

#include "cli/control_target.h"
#include "cli/error.h"
#include "cli/format.h"
#include "cli/message.h"
#include "cli/number_option.h"
#include "cli/option_table.h"

namespace weir::cli {
namespace {

using control::Action;
using control::Outcome;

constexpr int kExitNotDone = 1;
constexpr double kDefaultWaitSeconds = 5, kDefaultWaitForFigures = 1, kLongestWaitSeconds = 86400;

struct CtlArguments {
  int pid = 0;
  std::string action;
  std::string argument;
  double wait_seconds = -1;  // not given
};

struct ActionName {
  const char* name;
  Action action;
};
constexpr ActionName kActionNames[] = {{"stats", Action::stats},
                                       {"trim", Action::trim},
                                       {"compact", Action::compact},
                                       {"pool", Action::set_mode},
                                       {"record", Action::record}};

std::vector<std::string> action_names() {
  std::vector<std::string> names;
  for (const ActionName& known : kActionNames) names.emplace_back(known.name);
  return names;
}

Action action_of(const std::string& name) {
  for (const ActionName& known : kActionNames) {
    if (name == known.name) return known.action;
  }
  throw Error(kExitUsage, "weir ctl does not know " + name);
}

// ---- The words of WEIR_CUDA_POOL ----

std::vector<std::string> mode_words() {
  std::vector<std::string> words;
  for (const OptionRow& row : option_rows()) {
    if (std::string(row.variable) != "WEIR_CUDA_POOL") continue;
    std::istringstream accepted(row.accepted);
    for (std::string word; std::getline(accepted, word, '|');) words.push_back(word);
  }
  return words;
}

uint64_t mode_index(const std::string& word) {
  const std::vector<std::string> words = mode_words();
  const auto found = std::find(words.begin(), words.end(), word);
  if (found != words.end()) return static_cast<uint64_t>(found - words.begin());
  std::string accepted;
  for (const std::string& known : words) accepted += (accepted.empty() ? "" : ", ") + known;
  throw Error(kExitUsage, "weir ctl PID pool takes one of " + accepted);
}

std::string mode_name(uint32_t index) {
  const std::vector<std::string> words = mode_words();
  return index < words.size() ? words[index] : "?";
}

// ---- Figures as a table ----

uint64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<uint64_t>(now.tv_nsec);
}

std::string age_text(uint64_t as_of_ns) {
  constexpr uint64_t kJustNow = 1'000'000'000;
  const uint64_t now = now_ns();
  const uint64_t age = now > as_of_ns ? now - as_of_ns : 0;
  return age < kJustNow ? "now" : human_duration(age) + " ago";
}

TableRow row_of(const control::PoolFigures& pool) {
  const weir_pool_stats& stats = pool.stats;
  return {pool_name(pool.pool),
          human_bytes(stats.allocated_bytes),
          human_count(stats.live_count),
          human_bytes(stats.cached_bytes),
          human_bytes(stats.quarantined_bytes),
          human_bytes(stats.reserved_bytes),
          human_bytes(stats.peak_bytes),
          human_percent(stats.hit_rate),
          human_percent(stats.fragmentation),
          age_text(pool.as_of_ns)};
}

void print_figures(const ControlTarget& target) {
  const ControlFigures figures = target.figures();
  std::string text = target.name() + ": WEIR_CUDA_POOL is " + mode_name(figures.mode);
  text += (figures.limitation.empty() ? "" : "; " + figures.limitation) + "\n";
  std::vector<TableRow> rows = {
      {"pool", "live", "blocks", "cached", "quarantined", "reserved", "peak", "hits", "fragmentation", "as of"}};
  for (const control::PoolFigures& pool : figures.pools) rows.push_back(row_of(pool));
  text += as_table(rows);
  for (const control::PoolFigures& pool : figures.pools) {
    if (pool.stats.memory_bytes == 0) continue;
    text += "  " + pool_name(pool.pool) + ": " + human_bytes(pool.stats.used_bytes) + " of " +
            human_bytes(pool.stats.memory_bytes) + " in use by all processes\n";
  }
  std::fputs(text.c_str(), stdout);
}

// ---- What is asked ----

bool is_on(const std::string& word) {
  if (word != "on" && word != "off") throw Error(kExitUsage, "weir ctl PID record takes on or off");
  return word == "on";
}

uint64_t number_of(const CtlArguments& arguments, Action action) {
  if (action == Action::set_mode) return mode_index(arguments.argument);
  if (action == Action::record) return is_on(arguments.argument) ? 1 : 0;
  if (arguments.argument.empty()) return 0;
  if (action != Action::trim) throw Error(kExitUsage, "weir ctl PID " + arguments.action + " takes nothing more");
  return parse_size(arguments.argument, "weir ctl PID trim");
}

std::chrono::milliseconds wait_of(const CtlArguments& arguments, Action action) {
  const double otherwise = action == Action::stats ? kDefaultWaitForFigures : kDefaultWaitSeconds;
  const double seconds = arguments.wait_seconds < 0 ? otherwise : arguments.wait_seconds;
  return std::chrono::milliseconds(static_cast<int64_t>(std::min(seconds, kLongestWaitSeconds) * 1000));
}

std::string refusal(const ControlTarget& target, const CtlArguments& arguments) {
  const std::string why = target.figures().limitation;
  return target.name() + " cannot have the pool " + arguments.argument + (why.empty() ? "" : ": " + why);
}

std::string result_text(Action action, const ControlAnswer& answer, const CtlArguments& arguments) {
  if (action == Action::set_mode) return "the pool is " + arguments.argument + " from now on";
  if (action == Action::record) return "recording is " + arguments.argument + " from now on";
  if (answer.bytes == 0) return "CUDA's pools had nothing to give back";
  return human_bytes(answer.bytes) + " given back to CUDA's driver";
}

int control(const CtlArguments& arguments) {
  const Action action = action_of(arguments.action);
  const uint64_t number = number_of(arguments, action);
  remove_stale_control_files();
  ControlTarget target(arguments.pid);
  if (action != Action::record && !target.uses_cuda()) {
    throw Error(kExitNotDone,
                target.name() + " has made no call of CUDA's yet that Weir sees, so there is nothing to ask");
  }
  const std::optional<ControlAnswer> answer = target.ask(action, number, wait_of(arguments, action));
  if (action == Action::stats) {
    print_figures(target);
    return 0;
  }
  if (!answer) {
    say(target.name() + " has made no call of CUDA's meanwhile" +
        (action == Action::record ? ", nor some dozens of allocations" : "") +
        ": is asked for, will be done at its next one");
    return kExitNotDone;
  }
  if (answer->outcome != Outcome::done) throw Error(kExitNotDone, refusal(target, arguments));
  std::printf("%s: %s\n", target.name().c_str(), result_text(action, *answer, arguments).c_str());
  return 0;
}

}  // namespace

void add_ctl(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("ctl", "Ask something of a running program's pools, or change them");
  command->footer(
      "stats            the pools' figures, as they are now or were at the program's last calls of CUDA's\n"
      "trim [SIZE]      give idle memory back; keep at most SIZE of each of CUDA's pools\n"
      "compact          give back what lies idle between live blocks\n"
      "pool MODE        strict, on, off or vmm, as WEIR_CUDA_POOL has them\n"
      "record on|off    what is allocated while it is off is no leak\n\n"
      "The program does it itself, at its next call of CUDA's; record at its next allocations.\n\n"
      "Example: weir ctl 4711 trim 512MiB");
  auto arguments = std::make_shared<CtlArguments>();
  command->add_option("pid", arguments->pid, "The process, which must be your own")->required()->check(process_id());
  command->add_option("action", arguments->action, "What to do")->required()->check(CLI::IsMember(action_names()));
  command->add_option("argument", arguments->argument, "A size for trim, a mode for pool, on or off for record");
  command->add_option("--wait", arguments->wait_seconds, "Seconds to wait for its next call: 5, or 1 for stats")
      ->check(seconds_from(0, kLongestWaitSeconds));
  command->callback([arguments, &exit_code] { exit_code = control(*arguments); });
}

}  // namespace weir::cli
