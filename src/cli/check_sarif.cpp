// SARIF 2.1.0 (OASIS): what makes the check red, a result for each place, for tools that show findings beside the source.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include "cli/check_result.h"
#include "cli/json_access.h"
#include "cli/xml_text.h"

namespace weir::cli {
namespace {

namespace fs = std::filesystem;

constexpr char kRootName[] = "SRCROOT";

struct Rule {
  const char *id, *name, *text, *level;
};
constexpr Rule kRules[] = {
    {"lost-definite", "DefinitelyLost", "Memory is definitely lost: no pointer to it is left", "error"},
    {"lost-indirect", "IndirectlyLost", "Memory is indirectly lost: only lost memory leads to it", "error"},
    {"lost-possible", "PossiblyLost", "Memory is possibly lost: only pointers into its middle are left", "warning"},
    {"reachable", "StillReachable", "Memory is still reachable at the end", "note"},
    {"live", "StillAllocated", "Memory is still allocated at the end", "note"},
    {"heap-error", "HeapError", "The heap is misused", "error"},
    {"limit", "LimitBroken", "A limit does not hold", "error"},
    {"missing-report", "MissingReport", "A report is missing", "error"},
};
constexpr size_t kHeapError = kLeakKinds, kLimit = kLeakKinds + 1, kMissing = kLeakKinds + 2;

size_t rule_of(const Finding& finding) {
  if (finding.is_error) return kHeapError;
  const auto found = std::find(std::begin(kKindTexts), std::end(kKindTexts), finding.what);
  return static_cast<size_t>(found - std::begin(kKindTexts));
}

// As RFC 3986 has it: unreserved characters and '/' as they are, all others by their bytes.
std::string uri_path(const std::string& path) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string uri;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          std::string_view("/-._~").find(c) != std::string_view::npos;
    if (is_plain) {
      uri += c;
    } else {
      uri += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return uri;
}

struct SourcePlace {
  std::string path;
  uint64_t line = 0;  // 0: not known
};

class Writer {
 public:
  explicit Writer(const std::string& root) : root_(fs::path(root).lexically_normal()) {
    if (!root_.has_filename()) root_ = root_.parent_path();
  }

  std::string write(const CheckResult& result) {
    Json results = Json::array();
    for (const Finding& finding : result.findings) results.push_back(result_of(finding));
    for (const ReportVerdicts& report : result.reports) add_verdicts(results, report);
    for (const std::string& line : result.missing) results.push_back(result_without_stack(kMissing, line));
    Json run = {{"tool", {{"driver", driver()}}},
                {"originalUriBaseIds", {{kRootName, {{"uri", "file://" + uri_path(root_.string()) + "/"}}}}},
                {"columnKind", "unicodeCodePoints"},
                {"invocations", Json::array({invocation(result)})},
                {"results", std::move(results)}};
    const Json log = {{"$schema", "https://json.schemastore.org/sarif-2.1.0.json"},
                      {"version", "2.1.0"},
                      {"runs", Json::array({std::move(run)})}};
    return log.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
  }

 private:
  static Json driver() {
    Json rules = Json::array();
    for (const Rule& rule : kRules) {
      rules.push_back({{"id", rule.id},
                       {"name", rule.name},
                       {"shortDescription", {{"text", rule.text}}},
                       {"defaultConfiguration", {{"level", rule.level}}}});
    }
    return {{"name", "Weir"}, {"rules", std::move(rules)}};
  }

  // What could not be read makes the run incomplete.
  static Json invocation(const CheckResult& result) {
    Json notes = Json::array();
    for (const ReportVerdicts& report : result.reports) {
      if (!report.error.empty())
        notes.push_back({{"level", "error"}, {"message", {{"text", valid_text(report.error)}}}});
    }
    return {{"executionSuccessful", notes.empty()}, {"toolExecutionNotifications", std::move(notes)}};
  }

  // Below the root relative to it, elsewhere as a whole.
  Json artifact(const std::string& path) const {
    const fs::path whole = absolute(path);
    if (!is_in_root(whole)) return {{"uri", "file://" + uri_path(whole.string())}};
    return {{"uri", uri_path(whole.lexically_relative(root_).string())}, {"uriBaseId", kRootName}};
  }

  static fs::path absolute(const std::string& path) {
    std::error_code error;
    const fs::path whole = fs::absolute(path, error);
    return (error ? fs::path("/") / path : whole).lexically_normal();
  }

  bool is_in_root(const fs::path& whole) const {
    const std::string relative = whole.lexically_relative(root_).string();
    return !relative.empty() && relative != "." && relative != ".." && !relative.starts_with("../");
  }

  // Of "dir/file.c:12"; nothing of "module" and "module+0x12". A relative name that the debug information has is the repository's where it has
  // such a file, else another project's.
  std::optional<SourcePlace> source_of(const StackLine& line) const {
    const size_t colon = line.place.rfind(':');
    if (colon == std::string::npos || colon == 0) return std::nullopt;
    const std::string number = line.place.substr(colon + 1), file = line.place.substr(0, colon);
    if (number.empty() || number.size() > 9 || number.find_first_not_of("0123456789") != std::string::npos)
      return std::nullopt;
    const uint64_t line_number = std::strtoull(number.c_str(), nullptr, 10);
    if (file.front() == '/' || line.is_short) return SourcePlace{file, line_number};
    std::error_code error;
    if (!fs::is_regular_file(root_ / file, error)) return std::nullopt;
    return SourcePlace{(root_ / file).string(), line_number};
  }

  Json physical(const SourcePlace& place) const {
    Json location = {{"artifactLocation", artifact(place.path)}};
    if (place.line > 0) location["region"] = {{"startLine", place.line}};
    return location;
  }

  // The innermost line of the repository's own source; else of any; else the report itself, as tools want a place.
  SourcePlace main_place(const Finding& finding) const {
    std::optional<SourcePlace> first;
    for (const StackLine& line : finding.stack) {
      const std::optional<SourcePlace> place = source_of(line);
      if (place && is_in_root(absolute(place->path))) return *place;
      if (!first) first = place;
    }
    return first.value_or(SourcePlace{finding.report, 0});
  }

  Json stack_of(const Finding& finding) const {
    Json frames = Json::array();
    for (const StackLine& line : finding.stack) {
      Json location = Json::object();
      const std::optional<SourcePlace> place = source_of(line);
      if (place) location["physicalLocation"] = physical(*place);
      const std::string name = line.function.empty() ? line.place : line.function;
      location["logicalLocations"] = Json::array({{{"fullyQualifiedName", valid_text(name)}}});
      location["message"] = {{"text", valid_text(name + "  " + line.place)}};
      Json frame = {{"location", std::move(location)}};
      if (!place) frame["module"] = valid_text(line.place);
      frames.push_back(std::move(frame));
    }
    return {{"frames", std::move(frames)}};
  }

  Json result_of(const Finding& finding) const {
    Json result = base(rule_of(finding), finding_text(finding), main_place(finding));
    if (!finding.stack.empty()) result["stacks"] = Json::array({stack_of(finding)});
    result["partialFingerprints"] = {{"weirStackByFunction/v1", finding.fingerprint}};
    result["properties"] = {{"memory", valid_text(finding.memory)},
                            {"bytes", finding.grown.bytes},
                            {"count", finding.grown.count},
                            {"reports", finding.reports}};
    return result;
  }

  Json base(size_t rule, const std::string& text, const SourcePlace& place) const {
    return {{"ruleId", kRules[rule].id},
            {"ruleIndex", rule},
            {"level", kRules[rule].level},
            {"message", {{"text", valid_text(text)}}},
            {"locations", Json::array({{{"physicalLocation", physical(place)}}})}};
  }

  Json result_without_stack(size_t rule, const std::string& text) const {
    return {{"ruleId", kRules[rule].id},
            {"ruleIndex", rule},
            {"level", kRules[rule].level},
            {"message", {{"text", valid_text(text)}}}};
  }

  // Limits that no place stands for: of peaks, and of what is not known.
  void add_verdicts(Json& results, const ReportVerdicts& report) const {
    for (const Verdict& verdict : report.verdicts) {
      if (verdict.holds || !verdict.has_no_place()) continue;
      results.push_back(base(kLimit, report.program + ": " + verdict.line, {report.path, 0}));
    }
  }

  fs::path root_;
};

}  // namespace

std::string check_sarif(const CheckResult& result, const std::string& source_root) {
  return Writer(source_root).write(result);
}

std::string find_source_root() {
  std::error_code error;
  const fs::path here = fs::current_path(error);
  for (fs::path folder = here; !folder.empty(); folder = folder.parent_path()) {
    if (fs::exists(folder / ".git", error)) return folder.string();
    if (folder == folder.root_path()) break;
  }
  return here.string();
}

}  // namespace weir::cli
