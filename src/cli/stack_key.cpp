#include "cli/stack_key.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "cli/format.h"
#include "cli/function_name.h"
#include "cli/json_access.h"

namespace weir::cli {
namespace {

constexpr std::ptrdiff_t kLongestRepeat = 4;  // calls that call each other in turn

uint64_t mixed(uint64_t value) {  // every bit of it changes half of the result's
  value = (value ^ value >> 32) * 0xd6e8feb86659fd93U;
  value = (value ^ value >> 32) * 0xd6e8feb86659fd93U;
  return value ^ value >> 32;
}

uint64_t hash_of(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325U;  // FNV-1a's offset and prime
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return mixed(hash);
}

std::string module_name(const FrameTable& frames, const CompactFrame& frame) {
  if (frame.module == CompactFrame::kNoModule) return {};
  return base_name(text_of(frames.modules()[frame.module], "path"));
}

std::string build_of(const FrameTable& frames, const CompactFrame& frame) {
  return text_of(frames.modules()[frame.module], "build_id");
}

using Builds = std::map<std::string, std::set<std::string>>;  // module -> build ids

Builds builds_without_symbols(const FrameTable& frames) {
  std::set<uint32_t> modules;
  Builds builds;
  for (size_t i = 0; i < frames.frame_count(); ++i) {
    const CompactFrame& frame = frames.frame(i);
    if (frame.module == CompactFrame::kNoModule || frame.position.function != 0) continue;
    if (modules.insert(frame.module).second) builds[module_name(frames, frame)].insert(build_of(frames, frame));
  }
  return builds;
}

}  // namespace

std::set<std::string> incomparable_modules(const FrameTable& a, const FrameTable& b) {
  const Builds in_a = builds_without_symbols(a), in_b = builds_without_symbols(b);
  std::set<std::string> modules;
  for (const auto& [module, builds] : in_a) {
    const auto same = in_b.find(module);
    if (same != in_b.end() && same->second != builds) modules.insert(module);
  }
  return modules;
}

StackKeys::StackKeys(const CompactReport& report, KeyBy by, const std::set<std::string>& modules_alone)
    : report_(report), by_(by), modules_alone_(modules_alone), items_(report.frames().frame_count()) {
  for (size_t i = 0; i < items_.size(); ++i) items_[i] = items_of(i);
}

uint64_t StackKeys::named_item(const CompactFrame& frame, const CompactPosition& position) const {
  const FrameTable& frames = report_.frames();
  std::string name = frames.plain_name(frame, position);
  // The name of a Python function says little without its file: "<module>", "main".
  if (by_ != KeyBy::function || frame.is_python) name += '\t' + base_name(frames.name(position.file));
  if (by_ != KeyBy::function) name += ':' + std::to_string(position.line);
  return hash_of(name);
}

// A tab in front: no function's name has it.
uint64_t StackKeys::raw_item(const CompactFrame& frame, const std::string& module) const {
  if (frame.module == CompactFrame::kNoModule)
    return hash_of('\t' + (by_ == KeyBy::address ? report_.frames().name(frame.address) : "code without a file"));
  if (by_ != KeyBy::address && modules_alone_.contains(module)) return hash_of('\t' + module);  // guard: diff-builds
  return hash_of('\t' + module + '\t' + build_of(report_.frames(), frame) + '\t' + hexadecimal(frame.offset));
}

std::vector<uint64_t> StackKeys::items_of(size_t index) const {
  const FrameTable& frames = report_.frames();
  const CompactFrame& frame = frames.frame(index);
  const std::string module = module_name(frames, frame), &function = frames.name(frame.position.function);
  if (frame.is_python) return {named_item(frame, frame.position)};  // guard: diff-python
  if (frame.is_truncated || is_own_module(module) || is_start_code(function, module)) return {};
  if (by_ == KeyBy::address || function.empty()) return {raw_item(frame, module)};
  std::vector<uint64_t> items = {named_item(frame, frame.position)};
  for (size_t i = frame.inlined_count; i-- > 0;) {
    const CompactPosition& inlined = frames.inlined(frame.first_inlined + i);
    if (inlined.function != 0) items.push_back(named_item(frame, inlined));
  }
  return items;
}

void StackKeys::append(uint64_t item) {
  path_.push_back(item);
  if (by_ == KeyBy::address) return;
  for (std::ptrdiff_t length = 1; length <= kLongestRepeat && 2 * length <= std::ssize(path_); ++length) {
    if (!std::equal(path_.end() - length, path_.end(), path_.end() - 2 * length)) continue;
    path_.resize(path_.size() - static_cast<size_t>(length));  // guard: diff-recursion
    return;
  }
}

uint64_t StackKeys::key_of(uint32_t node) {
  const StackTree& tree = report_.tree();
  frames_.clear();
  path_.clear();
  for (; node != StackTree::kRoot; node = tree.parent(node)) frames_.push_back(tree.item(node));
  for (size_t i = frames_.size(); i-- > 0;) {
    for (const uint64_t item : items_[frames_[i]]) append(item);
  }
  uint64_t key = 0;
  for (const uint64_t item : path_) key = mixed(key * 0x9e3779b97f4a7c15U + item);
  return key;
}

}  // namespace weir::cli
