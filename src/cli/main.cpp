// The `weir` command: runs programs under libweir.so and reads the reports they leave.
#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

#include "cli/check.h"
#include "cli/completion.h"
#include "cli/ctl.h"
#include "cli/diff.h"
#include "cli/doctor.h"
#include "cli/error.h"
#include "cli/export.h"
#include "cli/html.h"
#include "cli/merge.h"
#include "cli/message.h"
#include "cli/option_table.h"
#include "cli/run.h"
#include "cli/shell_env.h"
#include "cli/show.h"
#include "cli/snapshot.h"
#include "cli/suppress.h"
#include "cli/symbol_options.h"
#include "cli/top.h"

namespace {

// What follows the first "--" is the program's, word for word: it is taken away before the options are parsed.
std::vector<std::string> take_program(std::vector<std::string>& words) {
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i] != "--") continue;
    std::vector<std::string> program(words.begin() + static_cast<std::ptrdiff_t>(i) + 1, words.end());
    words.resize(i);
    return program;
  }
  return {};
}

int run_command(std::vector<std::string> words) {
  int exit_code = 0;
  const std::vector<std::string> program = take_program(words);
  CLI::App app{"Weir: a memory pool and exact allocation tracker for unmodified programs", "weir"};
  app.footer(
      "Example: weir run -- ./myprogram, then weir show weir.myprogram.PID.json\n"
      "weir COMMAND --help says more about a command.");
  app.set_version_flag("--version", "weir " WEIR_VERSION);
  app.require_subcommand(1);
  app.fallthrough();
  weir::cli::add_symbol_options(app);
  weir::cli::add_run(app, program, exit_code);
  weir::cli::add_show(app, exit_code);
  weir::cli::add_html(app);
  weir::cli::add_diff(app, exit_code);
  weir::cli::add_merge(app, exit_code);
  weir::cli::add_check(app, exit_code);
  weir::cli::add_suppress(app);
  weir::cli::add_export(app);
  weir::cli::add_env(app);
  weir::cli::add_doctor(app, program, exit_code);
  weir::cli::add_snapshot(app, exit_code);
  weir::cli::add_top(app, exit_code);
  weir::cli::add_ctl(app, exit_code);
  weir::cli::add_options(app);
  weir::cli::add_symbolize(app, exit_code);
  weir::cli::add_completion(app);
  try {
    app.parse(std::vector<std::string>(words.rbegin(), words.rend()));  // CLI11 takes them from the back
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    weir::cli::say(error.what());
    return weir::cli::kExitUsage;
  }
  return exit_code;
}

// What was printed may wait for the end of the process, where a full disk would go unnoticed.
int with_whole_output(int exit_code) {
  errno = 0;
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return exit_code;
  weir::cli::say("the standard output could not be written" +
                 (errno != 0 ? ": " + std::string(std::strerror(errno)) : ""));
  return exit_code != 0 ? exit_code : weir::cli::kExitOwnFailure;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return with_whole_output(run_command({argv + 1, argv + argc}));
  } catch (const weir::cli::Error& error) {
    weir::cli::say(error.what());
    return error.exit_code();
  } catch (const std::exception& error) {
    weir::cli::say(error.what());
    return weir::cli::kExitOwnFailure;
  }
}
