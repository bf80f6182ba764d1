#include "symbolize/symbol_search.h"

#include <dlfcn.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

namespace weir::symbolize {
namespace {

constexpr char kDebugFolder[] = "/usr/lib/debug";

SymbolSearch chosen;
std::string debug_path;

std::string by_build_id(const std::string& folder, const std::string& build_id) {
  return folder + "/.build-id/" + build_id.substr(0, 2) + "/" + build_id.substr(2) + ".debug";
}

// Of libdebuginfod, which is asked where it is there: the functions that elfutils documents.
class Debuginfod {
 public:
  Debuginfod() : library_(dlopen("libdebuginfod.so.1", RTLD_NOW | RTLD_LOCAL)) {
    if (library_ == nullptr) return;
    begin_ = function<Begin>("debuginfod_begin");
    find_debuginfo_ = function<Find>("debuginfod_find_debuginfo");
    find_executable_ = function<Find>("debuginfod_find_executable");
    if (begin_ != nullptr) client_ = begin_();
  }

  std::string find(const std::string& build_id) const {
    const std::string found = find(find_debuginfo_, build_id);
    return found.empty() ? find(find_executable_, build_id) : found;
  }

 private:
  using Begin = void*();
  using Find = int(void* client, const unsigned char* build_id, int length, char** path);

  template <class Function>
  Function* function(const char* name) const {
    return reinterpret_cast<Function*>(dlsym(library_, name));
  }

  std::string find(Find* find, const std::string& build_id) const {
    constexpr int kIsHexadecimal = 0;
    char* path = nullptr;
    if (client_ == nullptr || find == nullptr) return {};
    const int fd = find(client_, reinterpret_cast<const unsigned char*>(build_id.c_str()), kIsHexadecimal, &path);
    if (fd < 0) return {};
    close(fd);
    std::string found = path;
    std::free(path);
    return found;
  }

  void* library_;
  Begin* begin_ = nullptr;
  Find* find_debuginfo_ = nullptr;
  Find* find_executable_ = nullptr;
  void* client_ = nullptr;  // as long as the process lives
};

}  // namespace

void set_symbol_search(SymbolSearch search) {
  chosen = std::move(search);
  debug_path = ":.debug:" + std::string(kDebugFolder);
  for (const std::string& folder : chosen.folders) debug_path += ":" + folder;
}

const SymbolSearch& symbol_search() { return chosen; }

std::vector<std::string> symbol_files(const std::string& path, const std::string& build_id) {
  std::vector<std::string> files;
  const bool is_whole = path.starts_with('/');
  const bool has_id = build_id.size() > 2;
  if (is_whole) files.push_back(path);
  for (const std::string& folder : chosen.folders) {
    if (has_id) files.push_back(by_build_id(folder, build_id));
    if (is_whole) files.push_back(folder + path);
    files.push_back(folder + "/" + path.substr(path.rfind('/') + 1));
  }
  if (has_id) files.push_back(by_build_id(kDebugFolder, build_id));
  return files;
}

std::string fetch_symbol_file(const std::string& build_id) {
  if (!chosen.asks_debuginfod || build_id.size() <= 2) return {};
  static const Debuginfod debuginfod;
  return debuginfod.find(build_id);
}

char** debug_path_of_libdw() {
  // libdw asks the servers by itself wherever the variable is set, as Debian sets it for every login.
  if (!chosen.asks_debuginfod) unsetenv("DEBUGINFOD_URLS");  // guard: search-unasked
  static char* path = nullptr;                               // nullptr: libdw's own
  path = debug_path.empty() ? nullptr : debug_path.data();
  return &path;
}

}  // namespace weir::symbolize
