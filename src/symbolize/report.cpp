#include "symbolize/report.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "symbolize/symbol_search.h"

namespace weir::symbolize {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kNoSymbols[] = "no functions and lines for ";
constexpr size_t kMostOpenModules = 200;  // each holds descriptors and mapped files

struct PendingFrame {
  size_t module;
  uint64_t address;  // of the call itself
  Json* frame;
};

// The instruction that the frame stands for: a return address is the one after its call.
uint64_t call_address(const Json& frame) {
  const uint64_t offset = frame.at("offset").get<uint64_t>();
  return frame.value("exact", false) || offset == 0 ? offset : offset - 1;
}

std::vector<PendingFrame> frames_by_module_and_address(Json& report) {
  std::vector<PendingFrame> pending;
  for (Json& frame : report["frames"]) {
    const auto module = frame.find("module");
    if (module == frame.end() || !module->is_number_unsigned() || !frame.contains("offset")) continue;
    pending.push_back({module->get<size_t>(), call_address(frame), &frame});
  }
  std::sort(pending.begin(), pending.end(), [](const PendingFrame& a, const PendingFrame& b) {
    return std::pair(a.module, a.address) < std::pair(b.module, b.address);
  });
  return pending;
}

void add_position(Json& target, const SourcePosition& position) {
  if (!position.function.empty()) target["function"] = position.function;
  if (!position.file.empty()) target["file"] = position.file;
  if (position.line != 0) target["line"] = position.line;
}

void add_location(Json& frame, const Location& location) {
  add_position(frame, location.frame);
  if (location.inlined.empty()) return;
  Json inlined = Json::array();
  for (const SourcePosition& position : location.inlined) {
    Json entry = Json::object();
    add_position(entry, position);
    inlined.push_back(std::move(entry));
  }
  frame["inlined"] = std::move(inlined);
}

std::string text_or_empty(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// The kernel's own page has no file. Of a confidential report the name alone is known.
bool has_file(const Json& module) {
  const std::string path = text_or_empty(module, "path");
  const bool is_kernels = path.starts_with('[') || path.starts_with("linux-vdso");
  return path.starts_with('/') || (!path.empty() && !is_kernels && !text_or_empty(module, "build_id").empty());
}

bool has_all_symbols(const Json& module) { return text_or_empty(module, "symbols") == "debug_info"; }

// What an earlier search did not find may be found now.
void forget_warning(Json& report, const std::string& path) {
  Json& warnings = report["warnings"];
  const std::string about = kNoSymbols + path + ":";
  for (size_t i = warnings.size(); i-- > 0;) {
    if (text_or_empty(warnings[i], "text").starts_with(about)) warnings.erase(i);
  }
}

const char* name_of(Symbols symbols) {
  switch (symbols) {
    case Symbols::debug_info:
      return "debug_info";
    case Symbols::symbol_table:
      return "symbol_table";
    case Symbols::none:
      break;
  }
  return "none";
}

void warn(Json& report, const std::string& text) { report["warnings"].push_back({{"text", text}}); }

}  // namespace

bool is_raw(const Json& report) {
  const Json& modules = report.at("modules");
  return std::none_of(modules.begin(), modules.end(), [](const Json& module) { return module.contains("symbols"); });
}

bool is_unfinished(const Json& report) {
  if (is_raw(report)) return true;
  if (!symbol_search().goes_beyond_machine()) return false;
  const Json& modules = report.at("modules");
  return std::any_of(modules.begin(), modules.end(),
                     [](const Json& module) { return has_file(module) && !has_all_symbols(module); });
}

Symbolizer::KnownModule& Symbolizer::module_of(const std::string& path, const std::string& build_id) {
  if (modules_.size() >= kMostOpenModules) modules_.clear();
  auto& known = modules_[{path, build_id}];
  if (!known) known = std::make_unique<KnownModule>(path, build_id);
  return *known;
}

void Symbolizer::symbolize(Json& report) {
  if (!is_unfinished(report)) return;
  Json& modules = report["modules"];
  std::vector<bool> is_known(modules.size());
  for (size_t i = 0; i < modules.size(); ++i) {
    is_known[i] = has_all_symbols(modules[i]);
    if (!modules[i].contains("symbols")) modules[i]["symbols"] = "none";
  }
  KnownModule* open = nullptr;
  size_t open_index = modules.size();
  for (const PendingFrame& pending : frames_by_module_and_address(report)) {
    if (pending.module >= modules.size() || is_known[pending.module]) continue;
    if (pending.module != open_index) {
      open_index = pending.module;
      const std::string path = text_or_empty(modules[open_index], "path");
      open = has_file(modules[open_index]) ? &module_of(path, text_or_empty(modules[open_index], "build_id")) : nullptr;
      if (open != nullptr) {
        forget_warning(report, path);
        if (open->module.is_open())
          modules[open_index]["symbols"] = name_of(open->module.symbols());
        else
          warn(report, kNoSymbols + path + ": it " + open->module.problem());
      }
    }
    if (open == nullptr || !open->module.is_open()) continue;
    const auto [place, is_new] = open->places.try_emplace(pending.address);
    if (is_new) place->second = open->module.locate(pending.address);
    add_location(*pending.frame, place->second);
  }
}

}  // namespace weir::symbolize
