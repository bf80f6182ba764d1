#include "cli/suppressed_leaks.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>

#include "cli/error.h"
#include "cli/json_access.h"
#include "symbolize/suppressions.h"

namespace weir::cli {
namespace {

constexpr char kFromProgram[] = "program";

std::optional<std::string> text_of_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

void warn(Json& report, const std::string& text) { report["warnings"].push_back({{"text", text}}); }

void add(Json& report, symbolize::Suppressions& suppressions, const std::string& text, const std::string& source) {
  for (const std::string& wrong : suppressions.add(text, source)) warn(report, "suppressions: " + wrong);
}

bool is_excused(const Json& leak) {
  return leak.contains("suppressed") || leak.contains("runtime") || leak.contains("framework_cache");
}

}  // namespace

void apply_own_suppressions(Json& report) {
  symbolize::Suppressions suppressions;
  const Json& check = child(report, "leak_check");
  for (const Json& path : array_of(check, "suppression_files")) {
    if (!path.is_string()) continue;
    const auto name = path.get<std::string>();
    if (const auto text = text_of_file(name)) {
      add(report, suppressions, *text, name);  // guard: suppressions-of-files
    } else {
      warn(report, "suppressions: " + name + ": " + std::strerror(errno));
    }
  }
  const auto program = check.find("program_suppressions");
  if (program != check.end() && program->is_string()) {
    add(report, suppressions, program->get<std::string>(), kFromProgram);  // guard: suppressions-of-program
  }
  suppressions.add(symbolize::kBuiltInSuppressions, symbolize::kBuiltInSource);  // guard: suppressions-built-in
  suppressions.apply(report);
}

SuppressionFiles::SuppressionFiles(const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    auto text = text_of_file(path);
    if (!text) throw Error(kExitUsage, path + ": " + std::strerror(errno));
    const std::vector<std::string> wrong = symbolize::Suppressions().add(*text, path);
    if (!wrong.empty()) throw Error(kExitUsage, wrong[0]);
    files_.push_back({path, std::move(*text)});
  }
}

void SuppressionFiles::apply(Json& report) const {
  symbolize::Suppressions suppressions;
  for (const File& file : files_) suppressions.add(file.text, file.path);  // guard: suppressions-asked-for
  suppressions.apply(report);
}

bool has_leaks_left(const Json& report) {
  uint64_t definite = 0, indirect = 0, excused_hanging = 0, excused_indirect = 0;
  for (const Json& leak : array_of(report, "leaks")) {
    const std::string kind = text_of(leak, "kind");
    const bool excused = is_excused(leak);
    if (kind == "definite")
      (excused ? excused_hanging : definite) += figure(leak, excused ? "indirect_count" : "count");
    if (kind == "indirect") (excused ? excused_indirect : indirect) += figure(leak, "count");
  }
  // What hangs from excused blocks and is not excused by itself.
  const uint64_t hanging = excused_hanging - std::min(excused_hanging, excused_indirect);
  return definite > 0 || indirect > hanging;
}

}  // namespace weir::cli
