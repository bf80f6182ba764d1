#include "cli/completion.h"

#include <cstdio>
#include <memory>
#include <string>

namespace weir::cli {
namespace {

std::string commands_of(const CLI::App& app) {
  std::string words;
  for (const CLI::App* command : app.get_subcommands({})) words += (words.empty() ? "" : " ") + command->get_name();
  return words;
}

std::string options_of(const CLI::App& command) {
  std::string words;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) words += (words.empty() ? "--" : " --") + name;
  }
  return words;
}

std::string bash_text(const CLI::App& app) {
  std::string text =
      "_weir() {\n"
      "  local word=\"${COMP_WORDS[COMP_CWORD]}\" i\n"
      "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
      "    COMPREPLY=($(compgen -W '" +
      commands_of(app) +
      " --help --version' -- \"$word\"))\n"
      "    return\n"
      "  fi\n"
      "  for ((i = 2; i < COMP_CWORD; i++)); do\n"
      "    if [ \"${COMP_WORDS[i]}\" = -- ]; then\n"
      "      COMPREPLY=($(compgen -c -f -- \"$word\"))\n"
      "      return\n"
      "    fi\n"
      "  done\n"
      "  case \"${COMP_WORDS[1]}\" in\n";
  for (const CLI::App* command : app.get_subcommands({})) {
    text += "    " + command->get_name() + ") COMPREPLY=($(compgen -f -W '" + options_of(*command) +
            "' -- \"$word\")) ;;\n";
  }
  return text + "  esac\n}\ncomplete -o filenames -F _weir weir\n";
}

std::string zsh_text(const CLI::App& app) {
  return "#compdef weir\nautoload -U +X bashcompinit && bashcompinit\n" + bash_text(app);
}

// In fish's single quotes.
std::string fish_quoted(const std::string& text) {
  std::string result;
  for (const char c : text) result += (c == '\'' || c == '\\') ? std::string("\\") + c : std::string(1, c);
  return "'" + result + "'";
}

std::string fish_text(const CLI::App& app) {
  std::string text;
  for (const CLI::App* command : app.get_subcommands({})) {
    text += "complete -c weir -n __fish_use_subcommand -a " + command->get_name() + " -d " +
            fish_quoted(command->get_description()) + "\n";
    for (const CLI::Option* option : command->get_options()) {
      for (const std::string& name : option->get_lnames()) {
        text += "complete -c weir -n '__fish_seen_subcommand_from " + command->get_name() + "' -l " + name + " -d " +
                fish_quoted(option->get_description().substr(0, option->get_description().find('.'))) + "\n";
      }
    }
  }
  return text;
}

}  // namespace

void add_completion(CLI::App& app) {
  CLI::App* command = app.add_subcommand("completion", "Print the completion for a shell");
  command->footer("Example: source <(weir completion bash)");
  auto shell = std::make_shared<std::string>();
  command->add_option("shell", *shell, "bash, zsh or fish")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->callback([&app, shell] {
    const std::string text = *shell == "bash" ? bash_text(app) : *shell == "zsh" ? zsh_text(app) : fish_text(app);
    std::fputs(text.c_str(), stdout);
  });
}

}  // namespace weir::cli
