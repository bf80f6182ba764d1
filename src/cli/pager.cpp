#include "cli/pager.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>

namespace weir::cli {
namespace {

bool fits_on_screen(const std::string& text) {
  winsize size{};
  if (isatty(STDOUT_FILENO) == 0 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0) return true;
  return std::count(text.begin(), text.end(), '\n') < size.ws_row;
}

void print(FILE* stream, const std::string& text) { std::fwrite(text.data(), 1, text.size(), stream); }

}  // namespace

void print_paged(const std::string& text) {
  const char* pager = std::getenv("PAGER");
  if (pager == nullptr) pager = "less";
  if (*pager == '\0' || fits_on_screen(text)) {
    print(stdout, text);
    return;
  }
  setenv("LESS", "FRX", 0);
  std::signal(SIGPIPE, SIG_IGN);  // the reader may quit early
  FILE* stream = popen(pager, "w");
  if (stream == nullptr) {
    print(stdout, text);
    return;
  }
  print(stream, text);
  if (WEXITSTATUS(pclose(stream)) == 127) print(stdout, text);  // the shell found no such pager
}

}  // namespace weir::cli
