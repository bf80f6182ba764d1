#include "cli/function_name.h"

namespace weir::cli {
namespace {

constexpr std::string_view kOperator = "operator";

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$';
}

std::string_view without_copy_mark(std::string_view name) {
  constexpr std::string_view kMarks[] = {" [clone ", ".part.",     ".isra.", ".constprop.",
                                         ".cold",    ".lto_priv.", ".llvm.", ".__uniq."};
  for (const std::string_view mark : kMarks) {
    const size_t at = name.find(mark);
    if (at != std::string_view::npos && at > 0) name = name.substr(0, at);
  }
  return name;
}

// Where at the outermost level, outside of brackets, the parameters begin, and the name itself.
struct Layout {
  size_t name = 0;
  size_t parameters = std::string_view::npos;
};

class Scanner {
 public:
  explicit Scanner(std::string_view name) : name_(name) {}

  Layout scan() {
    while (at_ < name_.size()) {
      if (!take_operator()) take_character();
    }
    return layout_;
  }

 private:
  // Of an operator the words behind it, as in "operator unsigned long", are its name.
  bool take_operator() {
    const bool begins_word = at_ == 0 || !is_name_character(name_[at_ - 1]);
    const size_t end = begins_word ? skip_operator(name_, at_) : at_;
    if (end == at_) return false;
    const bool has_own = end - at_ > kOperator.size();
    at_ = end;
    if (!has_own && (name_.substr(at_).starts_with("()") || name_.substr(at_).starts_with("[]"))) at_ += 2;
    if (depth_ == 0) is_in_operator_ = true;
    return true;
  }

  void take_character() {
    const char c = name_[at_];
    if (c == '(' && depth_ == 0) begin_of_group_ = at_;
    if (c == '(' || c == '<' || c == '[' || c == '{') ++depth_;
    if (c == ')' || c == '>' || c == ']' || c == '}') {
      if (depth_ > 0) --depth_;
      if (c == ')' && depth_ == 0) end_group();
    }
    if (c == ' ' && depth_ == 0 && !is_in_operator_ && layout_.parameters == std::string_view::npos)
      layout_.name = at_ + 1;
    ++at_;
  }

  // A group at the name's end, but for qualifiers, is the parameters; one before "::" or another name is a part of the name.
  void end_group() {
    const std::string_view rest = name_.substr(at_ + 1);
    if (rest.empty() || rest[0] == ' ' || rest[0] == '&') {
      if (begin_of_group_ > layout_.name) layout_.parameters = begin_of_group_;
    } else {
      layout_.parameters = std::string_view::npos;
      is_in_operator_ = false;
    }
  }

  std::string_view name_;
  Layout layout_;
  size_t at_ = 0, depth_ = 0, begin_of_group_ = 0;
  bool is_in_operator_ = false;
};

}  // namespace

size_t skip_operator(std::string_view name, size_t at) {
  if (!name.substr(at).starts_with(kOperator)) return at;
  size_t end = at + kOperator.size();
  if (end < name.size() && is_name_character(name[end])) return at;  // "operators"
  while (end < name.size() && std::string_view("<>=-").find(name[end]) != std::string_view::npos) ++end;
  return end;
}

std::string function_without_build(std::string_view name) {
  const std::string_view text = without_copy_mark(name);
  const Layout layout = Scanner(text).scan();
  if (layout.name >= text.size()) return std::string(text);
  return std::string(text.substr(0, layout.parameters).substr(layout.name));
}

std::string without_template_arguments(std::string_view name, std::string_view instead) {
  std::string text;
  size_t depth = 0;
  for (size_t i = 0; i < name.size(); ++i) {
    const size_t operator_end = skip_operator(name, i);
    if (operator_end > i) {
      if (depth == 0) text.append(name, i, operator_end - i);
      i = operator_end - 1;
      continue;
    }
    if (name[i] == '<' && depth++ == 0) text += instead;
    if (depth == 0) text += name[i];
    if (name[i] == '>' && depth > 0) --depth;
  }
  return text;
}

}  // namespace weir::cli
