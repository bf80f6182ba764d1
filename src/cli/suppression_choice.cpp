#include "cli/suppression_choice.h"

#include <algorithm>
#include <queue>
#include <string_view>
#include <utility>

#include "cli/format.h"
#include "cli/function_name.h"
#include "cli/json_access.h"
#include "cli/stack_text.h"
#include "symbolize/suppressions.h"

namespace weir::cli {
namespace {

// How far out from the allocation a function may be that stands for it: far enough to take in a module's several places, and not its caller's.
constexpr size_t kReach = 4;

// Whose functions say nothing about who lost the memory.
bool is_runtime_module(std::string_view name) {
  constexpr std::string_view kRuntimes[] = {"libc.so",     "libc-",      "libstdc++.so", "libc++.so",
                                            "libgcc_s.so", "ld-linux",   "libm.so",      "libpthread",
                                            "libdl.so",    "libcuda.so", "libcudart.so"};
  return std::any_of(std::begin(kRuntimes), std::end(kRuntimes),
                     [name](std::string_view runtime) { return name.starts_with(runtime); });
}

bool is_library_function(std::string_view name) {
  constexpr std::string_view kPrefixes[] = {"std::", "__gnu_cxx::", "operator new", "__cxa", "__cuda", "cuda", "cuMem"};
  constexpr std::string_view kNames[] = {"malloc",        "calloc",         "realloc",  "reallocarray", "memalign",
                                         "aligned_alloc", "posix_memalign", "valloc",   "strdup",       "strndup",
                                         "wcsdup",        "getline",        "getdelim", "asprintf",     "vasprintf"};
  return std::any_of(std::begin(kPrefixes), std::end(kPrefixes),
                     [name](auto prefix) { return name.starts_with(prefix); }) ||
         std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

std::string module_of(const FrameTable& frames, const CompactFrame& frame) {
  if (frame.module == CompactFrame::kNoModule) return {};
  return base_name(text_of(frames.modules()[frame.module], "path"));
}

// Calls `take(module, name, position)` for the calls of a frame, innermost first; whether it wants more.
template <class Take>
bool for_each_position(const FrameTable& frames, const CompactFrame& frame, const Take& take) {
  const std::string module = module_of(frames, frame);
  if (frame.is_truncated || is_own_module(module)) return true;
  for (uint32_t i = 0; i < frame.inlined_count; ++i) {
    const CompactPosition& position = frames.inlined(frame.first_inlined + i);
    if (!take(module, frames.plain_name(frame, position), position)) return false;
  }
  return take(module, frames.plain_name(frame, frame.position), frame.position);
}

template <class Take>
void for_each_call(const CompactReport& report, uint32_t node, const Take& take) {
  const StackTree& tree = report.tree();
  for (; node != StackTree::kRoot; node = tree.parent(node)) {
    if (!for_each_position(report.frames(), report.frames().frame(tree.item(node)), take)) return;
  }
}

// What Python calls code that has no name of its own: any script's is called so.
bool is_nameless_python(const std::string& name) {
  return name.starts_with('<') && name.ends_with('>') && name.find('.') == std::string::npos;
}

bool is_telling(const std::string& module, const std::string& name) {
  return !name.empty() && !is_nameless_python(name) && !is_runtime_module(module) && !is_start_code(name, module) &&
         !is_library_function(name);
}

// Control characters cannot stand in a file of lines.
std::string pattern_text(std::string name) {
  for (char& c : name) {
    if (is_control(c) || c == '?') c = '*';  // printable() made '?' of some
  }
  return name;
}

// The tightest pattern that names all of these forms of one function; empty where none does.
std::string pattern_for(const std::string& name, const std::set<std::string>& forms) {
  const std::string text = pattern_text(name);
  for (const std::string& pattern : {"^" + text + "$", "^" + text + "(", "^" + text, text + "(", text}) {
    const bool is_whole_line = !text.empty() && text.front() != ' ' && text.back() != ' ' && text.back() != '\\';
    const symbolize::Pattern compiled(pattern);
    const bool names_all =
        std::all_of(forms.begin(), forms.end(), [&](const std::string& form) { return compiled.matches(form); });
    if (is_whole_line && names_all) return pattern;
  }
  return {};
}

struct Option {
  std::string pattern, name, place;
  std::vector<size_t> stacks;  // by number
  size_t distance = 0;         // summed up over these, in functions from the allocation
  bool is_used = false;
};

bool is_better(const Option& a, const Option& b) {
  if (a.is_used != b.is_used) return b.is_used;
  if (a.stacks.size() != b.stacks.size()) return a.stacks.size() > b.stacks.size();
  return std::pair(a.distance, a.name) < std::pair(b.distance, b.name);
}

using Stacks = std::vector<const LostStack*>;

std::vector<Option> options_of(const Stacks& stacks, const std::set<std::string>& used) {
  std::map<std::string, Option> by_name;
  std::map<std::string, std::set<std::string>> forms;
  for (size_t i = 0; i < stacks.size(); ++i) {
    const auto& candidates = stacks[i]->candidates;
    for (size_t distance = 0; distance < candidates.size(); ++distance) {
      Option& option = by_name[candidates[distance].name];
      option.name = candidates[distance].name;
      option.place = candidates[distance].place;
      option.stacks.push_back(i);
      option.distance += distance;
      forms[option.name].insert(candidates[distance].name_in_report);
    }
  }
  std::vector<Option> options;
  for (auto& [name, option] : by_name) {
    option.pattern = pattern_for(name, forms[name]);
    option.is_used = used.contains(name);
    if (!option.pattern.empty()) options.push_back(std::move(option));
  }
  return options;
}

// Takes the option that names most stacks that are left, again and again: what names nothing else first.
class Cover {
 public:
  Cover(std::vector<Option> options, size_t stack_count)
      : options_(std::move(options)), is_covered_(stack_count), queue_(Worse{&options_}) {
    for (size_t i = 0; i < options_.size(); ++i) queue_.push(i);
  }

  // Calls take(option, the stacks that it is the first to name).
  template <class Take>
  void for_each(const Take& take) {
    while (!queue_.empty()) {
      const size_t best = queue_.top();
      queue_.pop();
      Option& option = options_[best];
      const size_t before = option.stacks.size();
      std::erase_if(option.stacks, [this](size_t stack) { return is_covered_[stack]; });
      if (option.stacks.empty()) continue;
      if (option.stacks.size() < before) {
        queue_.push(best);  // others may be better by now
        continue;
      }
      for (const size_t stack : option.stacks) is_covered_[stack] = true;
      take(option);
    }
  }
  bool is_covered(size_t stack) const { return is_covered_[stack]; }

 private:
  struct Worse {
    const std::vector<Option>* options;
    bool operator()(size_t a, size_t b) const { return is_better((*options)[b], (*options)[a]); }
  };
  std::vector<Option> options_;
  std::vector<bool> is_covered_;
  std::priority_queue<size_t, std::vector<size_t>, Worse> queue_;
};

ChosenPattern pattern_of(const Option& option, const Stacks& stacks) {
  ChosenPattern chosen{"leak:" + option.pattern, printable(option.name), option.stacks.size(), {}, option.is_used};
  if (!option.place.empty()) chosen.description += " (" + printable(option.place) + ")";
  for (const size_t stack : option.stacks) chosen.blocks.add(stacks[stack]->blocks);
  return chosen;
}

// For stacks of which no function has a name: their modules, whose version may change.
void add_modules(std::vector<ChosenPattern>& chosen, const Stacks& left) {
  std::map<std::string, ChosenPattern> by_module;
  for (const LostStack* stack : left) {
    const size_t version = stack->module.find(".so");
    const std::string name =
        pattern_text(version == std::string::npos ? stack->module : stack->module.substr(0, version + 3));
    if (name.empty() || name.front() == ' ' || name.back() == ' ') continue;
    ChosenPattern& pattern = by_module[name];
    pattern.text = "leak:/" + name + (version == std::string::npos ? "$" : "");
    pattern.description = "all of " + printable(stack->module) + ", whose functions have no names here";
    pattern.names_more = true;
    ++pattern.stacks;
    pattern.blocks.add(stack->blocks);
  }
  for (auto& [name, pattern] : by_module) chosen.push_back(std::move(pattern));
}

}  // namespace

void SuppressionChoice::add_lost(const CompactReport& report, uint32_t node, const std::string& memory,
                                 const Blocks& blocks) {
  LostStack stack{{}, "", memory, blocks};
  std::string key = memory;
  const LostStack::Candidate* main = nullptr;
  LostStack::Candidate last_resort;
  for_each_call(report, node, [&](const std::string& module, const std::string& name, const CompactPosition& position) {
    const std::string& form = report.frames().name(position.function);
    if (stack.module.empty() && !module.empty() && !is_runtime_module(module)) stack.module = module;
    if (!is_telling(module, name)) return true;
    LostStack::Candidate candidate{name, form, base_name(report.frames().name(position.file))};
    if (name == "main") {
      last_resort = std::move(candidate);
      main = &last_resort;
      return false;
    }
    const bool is_new = std::none_of(stack.candidates.begin(), stack.candidates.end(),
                                     [&](const LostStack::Candidate& known) { return known.name == name; });
    if (is_new) stack.candidates.push_back(std::move(candidate));
    return stack.candidates.size() < kReach;
  });
  if (stack.candidates.empty() && main != nullptr) stack.candidates.push_back(*main);
  for (const LostStack::Candidate& candidate : stack.candidates) key += '\n' + candidate.name_in_report;
  if (stack.candidates.empty()) key += '\t' + stack.module;
  const auto [place, is_new] = lost_.try_emplace(key, std::move(stack));
  if (!is_new) place->second.blocks.add(blocks);
}

// Each frame once, however many stacks it is on.
void SuppressionChoice::add_used(const CompactReport& report, const std::vector<uint32_t>& nodes) {
  const FrameTable& frames = report.frames();
  const StackTree& tree = report.tree();
  std::vector<bool> has_node(tree.size()), has_frame(frames.frame_count());
  for (uint32_t node : nodes) {
    for (; node != StackTree::kRoot && !has_node[node]; node = tree.parent(node)) {
      has_node[node] = true;
      has_frame[tree.item(node)] = true;
    }
  }
  for (size_t i = 0; i < has_frame.size(); ++i) {
    if (!has_frame[i]) continue;
    for_each_position(frames, frames.frame(i),
                      [&](const std::string& module, const std::string& name, const CompactPosition&) {
                        if (is_telling(module, name)) used_.insert(name);
                        return true;
                      });
  }
}

std::vector<ChosenPattern> SuppressionChoice::choose() const {
  Stacks stacks;
  for (const auto& [key, stack] : lost_) stacks.push_back(&stack);
  std::vector<ChosenPattern> chosen;
  Cover cover(options_of(stacks, used_), stacks.size());
  cover.for_each([&](const Option& option) { chosen.push_back(pattern_of(option, stacks)); });
  Stacks left;
  for (size_t i = 0; i < stacks.size(); ++i) {
    if (!cover.is_covered(i)) left.push_back(stacks[i]);
  }
  add_modules(chosen, left);
  std::stable_sort(chosen.begin(), chosen.end(),
                   [](const ChosenPattern& a, const ChosenPattern& b) { return a.stacks > b.stacks; });
  return chosen;
}

}  // namespace weir::cli
