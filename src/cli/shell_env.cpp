#include "cli/shell_env.h"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "cli/option_table.h"
#include "cli/run.h"

namespace weir::cli {
namespace {

struct EnvArguments {
  Settings settings;
  std::string shell = "bash";
  bool unset = false;
};

// In single quotes nothing is special but the quote itself; fish also reads \\ and \' there, csh substitutes "!" everywhere.
std::string quoted(const std::string& text, const std::string& shell) {
  std::string result = "'";
  for (const char c : text) {
    if (c == '\'') {
      result += shell == "fish" ? "\\'" : "'\\''";
    } else if (c == '\\' && shell == "fish") {
      result += "\\\\";
    } else if (c == '!' && shell == "csh") {
      result += "\\!";
    } else {
      result += c;
    }
  }
  return result + "'";
}

std::string assignment(const std::string& name, const std::string& value, const std::string& shell) {
  if (shell == "fish") return "set -gx " + name + " " + quoted(value, shell) + ";\n";
  if (shell == "csh") return "setenv " + name + " " + quoted(value, shell) + ";\n";
  return "export " + name + "=" + quoted(value, shell) + ";\n";
}

std::string removal(const std::string& name, const std::string& shell) {
  if (shell == "fish") return "set -e " + name + ";\n";
  if (shell == "csh") return "unsetenv " + name + ";\n";
  return "unset " + name + ";\n";
}

// As `weir env --python` sets it.
bool is_python_allocator_set() {
  const char* value = std::getenv("PYTHONMALLOC");
  return value != nullptr && std::string(value) == "malloc";
}

std::string shell_text(const EnvArguments& arguments) {
  std::string text;
  if (arguments.unset) {
    text += removal("LD_PRELOAD", arguments.shell);
    for (const OptionRow& row : option_rows()) {
      if (std::getenv(row.variable) != nullptr) text += removal(row.variable, arguments.shell);
    }
    if (std::getenv("WEIR_PYTHON") != nullptr && is_python_allocator_set())
      text += removal("PYTHONMALLOC", arguments.shell);
    return text;
  }
  for (const auto& [name, value] : environment_for(arguments.settings))
    text += assignment(name, value, arguments.shell);
  return text;
}

}  // namespace

void add_env(CLI::App& app) {
  CLI::App* command = app.add_subcommand("env", "Print the exports that put a shell's programs under Weir");
  command->footer(
      "Everything that the shell starts from then on runs under Weir and leaves its report; --unset ends it.\n\n"
      "Examples: eval \"$(weir env --report '/tmp/reports/%e.%p.json')\"\n"
      "          weir env --shell fish | source");
  auto arguments = std::make_shared<EnvArguments>();
  command->add_option("--shell", arguments->shell, "Whose syntax; bash is also sh's and zsh's")
      ->capture_default_str()
      ->check(CLI::IsMember({"bash", "fish", "csh"}));
  command->add_flag("--unset", arguments->unset, "Print what takes the exports back");
  add_option_flags(*command, arguments->settings);
  command->callback([arguments] { std::fputs(shell_text(*arguments).c_str(), stdout); });
}

}  // namespace weir::cli
