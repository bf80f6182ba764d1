#include "cli/library.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <vector>

#include "cli/error.h"

namespace weir::cli {
namespace {

namespace fs = std::filesystem;

constexpr char kFileName[] = "libweir.so";

std::vector<fs::path> candidates() {
  const fs::path above = fs::path(own_path()).parent_path().parent_path();
  return {above / "lib" / kFileName, above / "lib64" / kFileName, above / "lib" / "x86_64-linux-gnu" / kFileName,
          fs::path(WEIR_INSTALL_LIBDIR) / kFileName};
}

std::string checked(const fs::path& path) {
  const std::string text = path.string();
  if (text.find_first_of(" :") != std::string::npos) {
    throw Error(kExitOwnFailure,
                text + ": a path with a space or a colon cannot be preloaded; set WEIR_LIBRARY to another one");
  }
  return text;
}

}  // namespace

std::string own_path() {
  std::error_code error;
  return fs::read_symlink("/proc/self/exe", error).string();
}

std::string find_library() {
  std::error_code error;
  const char* named = std::getenv("WEIR_LIBRARY");
  if (named != nullptr && *named != '\0') {
    if (!fs::exists(named, error))
      throw Error(kExitOwnFailure, std::string("WEIR_LIBRARY=") + named + " does not exist");
    return checked(fs::absolute(named));
  }
  std::string places;
  for (const fs::path& candidate : candidates()) {
    if (fs::exists(candidate, error)) return checked(candidate);
    places += (places.empty() ? "" : ", ") + candidate.parent_path().string();
  }
  throw Error(kExitOwnFailure, "libweir.so not found in " + places + "; set WEIR_LIBRARY");
}

std::string preload_with(const std::string& library, const char* existing) {
  const std::string rest = existing != nullptr ? existing : "";
  if (rest.empty()) return library;
  for (size_t begin = 0; begin <= rest.size();) {
    const size_t end = std::min(rest.find_first_of(" :", begin), rest.size());
    if (rest.compare(begin, end - begin, library) == 0) return rest;
    begin = end + 1;
  }
  return library + ":" + rest;
}

}  // namespace weir::cli
