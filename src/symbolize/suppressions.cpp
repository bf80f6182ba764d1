#include "symbolize/suppressions.h"

#include <algorithm>
#include <utility>

#include "symbolize/demangle.h"

namespace weir::symbolize {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kType = "leak:";
constexpr std::string_view kBlank = " \t\r";

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

// A mangled name stands for what reports have: the whole name, demangled.
std::optional<Pattern> demangled_pattern(std::string_view text) {
  std::string_view name = text;
  if (name.starts_with('^')) name.remove_prefix(1);
  if (name.ends_with('$')) name.remove_suffix(1);
  if (!name.starts_with("_Z") || name.find('*') != std::string_view::npos) return std::nullopt;
  return Pattern("^" + demangle(std::string(name).c_str()) + "$");
}

std::string text_or_empty(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::string module_path(const Json& report, const Json& frame) {
  const auto module = frame.find("module");
  if (module == frame.end() || !module->is_number_unsigned()) return {};
  return text_or_empty(report["modules"][module->get<size_t>()], "path");
}

bool is_weirs_own(const std::string& path) { return path.substr(path.rfind('/') + 1).starts_with("libweir.so"); }

bool may_be_suppressed(const Json& leak) {
  return text_or_empty(leak, "kind") != "reachable" && !leak.contains("runtime") && !leak.contains("framework_cache") &&
         !leak.contains("suppressed");
}

uint64_t number_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_unsigned() ? found->get<uint64_t>() : 0;
}

}  // namespace

Pattern::Pattern(std::string_view text) {
  from_start_ = text.starts_with('^');
  if (from_start_) text.remove_prefix(1);
  to_end_ = text.ends_with('$');
  if (to_end_) text.remove_suffix(1);
  for (size_t begin = 0; begin <= text.size();) {
    const size_t star = std::min(text.find('*', begin), text.size());
    pieces_.emplace_back(text.substr(begin, star - begin));
    begin = star + 1;
  }
}

// The first piece where it must be, each further one at its first place behind the one before; the last one at the end where it must be
// there: nothing is lost by the first places, as only the end is fixed.
bool Pattern::matches(std::string_view text) const {
  size_t at = 0;
  const size_t free_pieces = pieces_.size() - (to_end_ ? 1 : 0);
  for (size_t i = 0; i < free_pieces; ++i) {
    if (i == 0 && from_start_ && !text.starts_with(pieces_[0])) return false;
    const size_t found = text.find(pieces_[i], at);
    if (found == std::string_view::npos) return false;
    at = found + pieces_[i].size();
  }
  if (!to_end_) return true;
  const std::string& last = pieces_.back();
  if (pieces_.size() == 1 && from_start_) return text == last;
  return text.size() >= at + last.size() && text.ends_with(last);
}

std::vector<std::string> Suppressions::add(std::string_view text, const std::string& source) {
  std::vector<std::string> wrong;
  size_t number = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line.empty() || line.starts_with('#')) continue;
    const std::string_view pattern = line.starts_with(kType) ? line.substr(kType.size()) : std::string_view();
    if (pattern.empty()) {
      wrong.push_back(source + ":" + std::to_string(number) + ": expected leak:PATTERN");
      continue;
    }
    suppressions_.push_back({std::string(line), source, Pattern(pattern), demangled_pattern(pattern), 0, 0});
  }
  return wrong;
}

size_t Suppressions::first_match(std::string_view text) const {
  if (text.empty()) return kNone;
  for (size_t i = 0; i < suppressions_.size(); ++i) {
    const Suppression& suppression = suppressions_[i];
    if (suppression.pattern.matches(text) || (suppression.demangled && suppression.demangled->matches(text))) return i;
  }
  return kNone;
}

// Names of Python functions and files are the program's: what is built in is not about them. A Python frame stands where the native frame of
// the interpreter was, by whose name suppressions may ask for it.
size_t Suppressions::first_match_of_python(const Json& frame) const {
  size_t first = kNone;
  for (const std::string& text :
       {text_or_empty(frame, "function"), text_or_empty(frame, "file"), std::string("_PyEval_EvalFrameDefault")}) {
    for (size_t i = 0; i < suppressions_.size() && i < first; ++i) {
      const bool is_about_python = suppressions_[i].source != kBuiltInSource;  // guard: python-built-in
      if (is_about_python && !text.empty() && suppressions_[i].pattern.matches(text)) first = i;
    }
  }
  return first;
}

size_t Suppressions::first_match(const Json& report, const Json& frame) const {
  if (text_or_empty(frame, "language") == "python") return first_match_of_python(frame);
  const std::string module = module_path(report, frame);
  if (is_weirs_own(module)) return kNone;
  size_t first = first_match(module);
  const auto look_at = [&](const Json& position) {
    for (const char* key : {"function", "file"}) first = std::min(first, first_match(text_or_empty(position, key)));
  };
  look_at(frame);
  if (const auto inlined = frame.find("inlined"); inlined != frame.end()) {
    for (const Json& position : *inlined) look_at(position);
  }
  return first;
}

void Suppressions::apply(Json& report) {
  if (suppressions_.empty()) return;
  constexpr size_t kNotLookedAt = kNone - 1;
  std::vector<size_t> match_of_frame(report["frames"].size(), kNotLookedAt);
  const auto match_of = [&](size_t frame) {
    size_t& match = match_of_frame[frame];
    if (match == kNotLookedAt) match = first_match(report, report["frames"][frame]);
    return match;
  };
  for (Json& leak : report["leaks"]) {
    if (!may_be_suppressed(leak)) continue;
    size_t first = kNone;
    for (const Json& frame : report["stacks"][leak["stack"].get<size_t>()]) {
      first = std::min(first, match_of(frame.get<size_t>()));
    }
    if (first == kNone) continue;
    Suppression& match = suppressions_[first];
    leak["suppressed"] = match.text;
    match.count += number_of(leak, "count");
    match.bytes += number_of(leak, "bytes");
  }
  list_matches(report);
}

void Suppressions::list_matches(Json& report) const {
  const bool has_matches = std::any_of(suppressions_.begin(), suppressions_.end(),
                                       [](const Suppression& suppression) { return suppression.count > 0; });
  if (!has_matches) return;
  Json& matches = report["leak_check"]["suppressions"];
  for (const Suppression& suppression : suppressions_) {
    if (suppression.count == 0) continue;
    // A report that is finished a second time has them already.
    const auto known = std::find_if(matches.begin(), matches.end(), [&](const Json& match) {
      return match.value("pattern", "") == suppression.text && match.value("source", "") == suppression.source;
    });
    if (known != matches.end()) {
      (*known)["count"] = number_of(*known, "count") + suppression.count;
      (*known)["bytes"] = number_of(*known, "bytes") + suppression.bytes;
      continue;
    }
    matches.push_back({{"pattern", suppression.text},
                       {"source", suppression.source},
                       {"count", suppression.count},
                       {"bytes", suppression.bytes}});
  }
}

}  // namespace weir::symbolize
