#include "cli/json_access.h"

namespace weir::cli {

uint64_t figure(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) return 0;
  if (found->is_number_unsigned()) return found->get<uint64_t>();
  const double value = found->is_number() ? found->get<double>() : 0;
  constexpr double kBeyondAny = 18446744073709551616.0;  // 2^64
  if (value >= kBeyondAny) return UINT64_MAX;
  return value > 0 ? static_cast<uint64_t>(value) : 0;
}

double ratio(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? found->get<double>() : 0;
}

std::string text_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? printable(found->get<std::string>()) : std::string();
}

std::string number_text(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_integer() ? found->dump() : std::string();
}

bool is_true(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_boolean() && found->get<bool>();
}

const Json& child(const Json& object, const char* key) {
  static const Json kNothing = Json::object();
  const auto found = object.find(key);
  return found != object.end() && found->is_object() ? *found : kNothing;
}

const Json& array_of(const Json& object, const char* key) {
  static const Json kNone = Json::array();
  const auto found = object.find(key);
  return found != object.end() && found->is_array() ? *found : kNone;
}

std::string program_of(const Json& report) { return program_of_process(child(report, "process")); }

std::string program_of_process(const Json& process) {
  const std::string path = text_of(process, "exe");
  return path.empty() ? "unknown program" : base_name(path);
}

bool is_control(char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; }

std::string printable(std::string text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (is_control(text[i])) text[i] = '?';
    // U+0080 to U+009F are C2 80 to C2 9F; some terminals obey these too.
    const bool is_wide_control = i > 0 && text[i - 1] == '\xc2' && byte >= 0x80 && byte < 0xa0;
    if (is_wide_control) text.replace(--i, 2, "?");
  }
  return text;
}

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace weir::cli
