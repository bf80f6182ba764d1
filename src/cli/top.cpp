#include "cli/top.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <deque>
#include <map>
#include <memory>
#include <optional>

#include "cli/error.h"
#include "cli/format.h"
#include "cli/message.h"
#include "cli/number_option.h"
#include "cli/top_stacks.h"
#include "cli/watched_process.h"

namespace weir::cli {
namespace {

using Clock = std::chrono::steady_clock;

struct TopArguments {
  int pid = 0;
  double interval_seconds = 2, stacks_seconds = 10;
  uint64_t count = 0;  // 0: until it is ended
  size_t top = 8;
  std::string color = "auto";
};

constexpr size_t kPlotColumns = 30;

// ---- Text ----

double seconds_of(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

std::string signed_bytes(double bytes) {
  const auto amount = static_cast<uint64_t>(std::fabs(bytes));
  return amount == 0 ? "0 B" : (bytes < 0 ? "-" : "+") + human_bytes(amount);
}

// From nothing to the highest of them.
std::string plot_of(const std::deque<uint64_t>& values) {
  static constexpr const char* kBars[] = {"\u2581", "\u2582", "\u2583", "\u2584",
                                          "\u2585", "\u2586", "\u2587", "\u2588"};
  constexpr uint64_t kHeights = 8;
  const uint64_t highest = std::max<uint64_t>(1, *std::max_element(values.begin(), values.end()));
  std::string plot;
  for (const uint64_t value : values) {
    const auto share = static_cast<double>(value) / static_cast<double>(highest);
    plot += kBars[std::min(kHeights - 1, static_cast<uint64_t>(share * static_cast<double>(kHeights)))];
  }
  return plot;
}

// ---- What is shown ----

class View {
 public:
  View(const WatchedProcess& process, const TopArguments& arguments)
      : process_(process), arguments_(arguments), style_(use_color(arguments.color, STDOUT_FILENO)) {}

  std::string frame(const WatchedFigures& figures, const TopStacks* stacks) {
    std::string text = head(figures) + table(figures) + resident(figures);
    if (stacks != nullptr) text += places(*stacks);
    before_ = figures;
    return text;
  }

 private:
  std::string head(const WatchedFigures& figures) const {
    return style_.bold(process_.target().name()) + style_.dim(figures.is_new ? "" : ": asleep, figures of before") +
           "\n";
  }

  const weir_pool_stats* earlier(int pool) const {
    if (!before_) return nullptr;
    for (const control::PoolFigures& known : before_->pools) {
      if (known.pool == pool) return &known.stats;
    }
    return nullptr;
  }

  double passed(const WatchedFigures& figures) const {
    return before_ ? std::max(1e-3, seconds_of(figures.when - before_->when)) : 1;
  }

  std::string table(const WatchedFigures& figures) {
    std::vector<TableRow> rows = {{"memory", "live", "growth/s", "blocks", "allocs/s", "frees/s", "cached", "reserved",
                                   "peak", "hits", "fragm."}};
    std::vector<std::string> plots = {""};
    for (const control::PoolFigures& pool : figures.pools) {
      rows.push_back(row_of(pool, passed(figures)));
      std::deque<uint64_t>& values = history_[pool.pool];
      values.push_back(pool.stats.requested_bytes);
      if (values.size() > kPlotColumns) values.pop_front();
      plots.push_back(style_.green(plot_of(values)));
    }
    return as_table(rows, plots);
  }

  TableRow row_of(const control::PoolFigures& pool, double seconds) const {
    const weir_pool_stats& now = pool.stats;
    const weir_pool_stats* before = earlier(pool.pool);
    const auto rate = [&](uint64_t weir_pool_stats::*field) {
      return before == nullptr ? 0 : static_cast<double>(now.*field - before->*field) / seconds;
    };
    const double growth =
        before == nullptr
            ? 0
            : (static_cast<double>(now.requested_bytes) - static_cast<double>(before->requested_bytes)) / seconds;
    return {pool_name(pool.pool),
            human_bytes(now.requested_bytes),
            signed_bytes(growth),
            human_count(now.live_count),
            human_count(static_cast<uint64_t>(rate(&weir_pool_stats::alloc_count))),
            human_count(static_cast<uint64_t>(rate(&weir_pool_stats::free_count))),
            human_bytes(now.cached_bytes),
            human_bytes(now.reserved_bytes),
            human_bytes(now.peak_bytes),
            human_percent(now.hit_rate),
            human_percent(now.fragmentation)};
  }

  std::string resident(const WatchedFigures& figures) const {
    const double growth =
        before_ ? (static_cast<double>(figures.resident_bytes) - static_cast<double>(before_->resident_bytes)) /
                      passed(figures)
                : 0;
    return "  resident " + human_bytes(figures.resident_bytes) + " (" + signed_bytes(growth) + "/s)\n";
  }

  std::string places(const TopStacks& stacks) const {
    if (!stacks.why_none().empty()) return "\n" + style_.dim("No stacks: " + stacks.why_none()) + "\n";
    const auto age = static_cast<uint64_t>(seconds_of(Clock::now() - stacks.when()));
    std::string text = "\n" + style_.bold("What holds most") + style_.dim(", " + std::to_string(age) + " s ago") + "\n";
    for (const TopStacks::Row& row : stacks.rows()) {
      text += "  " + style_.cyan(human_bytes(row.bytes) + " in " + plural(row.count, "block"));
      text += row.memory == "host" ? "" : "  (" + row.memory + ")";
      if (row.grown_bytes != 0) text += "  " + style_.yellow(signed_bytes(static_cast<double>(row.grown_bytes)));
      text += "\n    " + row.path + "\n";
    }
    return text;
  }

  const WatchedProcess& process_;
  const TopArguments& arguments_;
  const Style style_;
  std::optional<WatchedFigures> before_;
  std::map<int, std::deque<uint64_t>> history_;
};

// ---- Where it is shown ----

// On a terminal each frame takes the place of the one before, on a screen that goes with this; elsewhere one follows the other.
class Screen {
 public:
  Screen() : is_terminal_(isatty(STDOUT_FILENO) != 0) {
    if (is_terminal_) put("\033[?1049h\033[?25l");
  }
  ~Screen() {
    if (is_terminal_) put("\033[?25h\033[?1049l");
  }
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  void show(const std::string& frame) {
    if (!is_terminal_) {
      put((std::exchange(has_shown_, true) ? "\n" : "") + frame);
      return;
    }
    put("\033[H" + fitted(frame) + "\033[J");
  }

 private:
  // Line by line, no more of them than there is room for; a terminal that wraps none cuts long ones off.
  static std::string fitted(const std::string& frame) {
    winsize size{};
    const size_t rows = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 1 ? size.ws_row - 1U : SIZE_MAX;
    std::string text = "\033[?7l";
    size_t begin = 0;
    for (size_t row = 0; row < rows && begin < frame.size(); ++row) {
      const size_t end = std::min(frame.find('\n', begin), frame.size());
      text += frame.substr(begin, end - begin) + "\033[K\n";
      begin = end + 1;
    }
    return text + "\033[?7h";
  }

  static void put(const std::string& text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
  }

  const bool is_terminal_;
  bool has_shown_ = false;
};

std::chrono::milliseconds milliseconds_of(double seconds) {
  return std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
}

// A program whose snapshots take long has them less often.
bool is_due(const TopStacks& stacks, const TopArguments& arguments) {
  constexpr int kShareOfTime = 20;
  return Clock::now() - stacks.when() >=
         std::max<Clock::duration>(milliseconds_of(arguments.stacks_seconds), stacks.cost() * kShareOfTime);
}

void show_frames(WatchedProcess& process, TopStacks* stacks, const TopArguments& arguments) {
  Steps steps(milliseconds_of(arguments.interval_seconds));
  View view(process, arguments);
  Screen screen;
  for (uint64_t shown = 0;;) {
    if (stacks != nullptr && (shown == 0 || is_due(*stacks, arguments))) stacks->refresh(arguments.top);
    screen.show(view.frame(process.read(), stacks));
    if (++shown == arguments.count || !steps.wait()) return;
  }
}

int top(const TopArguments& arguments) {
  remove_stale_control_files();
  WatchedProcess process(arguments.pid);
  std::unique_ptr<TopStacks> stacks;
  if (arguments.stacks_seconds > 0) stacks = std::make_unique<TopStacks>(process);
  const std::string name = process.target().name();
  try {
    show_frames(process, stacks.get(), arguments);
  } catch (const Error&) {
    if (process.target().is_running()) throw;
    say(name + " has ended");
  }
  return 0;
}

}  // namespace

void add_top(CLI::App& app, int& exit_code) {
  constexpr double kLeastSeconds = 0.1, kMostSeconds = 86400;
  CLI::App* command = app.add_subcommand("top", "Look at a running program's memory: totals, growth, what holds most");
  command->footer(
      "Each pool's live bytes with their growth and a plot, what it keeps, and how often it had what was asked for; "
      "then\n"
      "the places that hold most, with what they have grown by since they were first seen. The program is not stopped: "
      "it\n"
      "answers at its next allocations, or is woken for it. Not for one that runs under WEIR_CTL=off. Ctrl-C ends "
      "it.\n\n"
      "Example: weir top 4711\n         weir top 4711 --interval 10 --count 6 > memory.txt");
  auto arguments = std::make_shared<TopArguments>();
  command->add_option("pid", arguments->pid, "The process, which must be your own")->required()->check(process_id());
  command->add_option("--interval", arguments->interval_seconds, "Seconds from one look to the next")
      ->capture_default_str()
      ->check(seconds_from(kLeastSeconds, kMostSeconds));
  command->add_option("--count", arguments->count, "So many looks; 0: until it is ended")
      ->capture_default_str()
      ->check(whole_number(0));
  command
      ->add_option("--stacks", arguments->stacks_seconds,
                   "Seconds at least from one look at the stacks to the next; 0: none")
      ->capture_default_str()
      ->check(seconds_from(0, kMostSeconds));
  command->add_option("--top", arguments->top, "How many places are shown")
      ->capture_default_str()
      ->check(whole_number(1, 1000));
  command->add_option("--color", arguments->color, "When to use colour")
      ->capture_default_str()
      ->check(CLI::IsMember({"auto", "always", "never"}));
  command->callback([arguments, &exit_code] { exit_code = top(*arguments); });
}

}  // namespace weir::cli
