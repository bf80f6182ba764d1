#include "cli/symbol_options.h"

#include <cstdlib>
#include <memory>

#include "cli/error.h"
#include "symbolize/symbol_search.h"

namespace weir::cli {

void add_symbol_options(CLI::App& app) {
  auto search = std::make_shared<symbolize::SymbolSearch>();
  app.add_option_function<std::vector<std::string>>(
         "--debug-dir",
         [search](const std::vector<std::string>& folders) {
           search->folders = folders;
           symbolize::set_symbol_search(*search);
         },
         "Look for symbols here, too: debug files by build id, programs and libraries by name, or another machine's "
         "root")
      ->check(CLI::ExistingDirectory)
      ->allow_extra_args(false)
      ->group("Symbols");
  app.add_flag_callback(
         "--debuginfod",
         [search] {
           const char* servers = std::getenv("DEBUGINFOD_URLS");
           if (servers == nullptr || *servers == '\0')
             throw Error(kExitUsage, "--debuginfod: expected the servers to ask in DEBUGINFOD_URLS");
           search->asks_debuginfod = true;
           symbolize::set_symbol_search(*search);
         },
         "Fetch symbols that are not on this machine from the servers of DEBUGINFOD_URLS")
      ->group("Symbols");
}

}  // namespace weir::cli
