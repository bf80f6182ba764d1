#include "symbolize/module.h"

#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vector>

#include "symbolize/symbol_search.h"

namespace weir::symbolize {
namespace {

class File {
 public:
  // A report may name anything: only regular files are read, and opening never waits.
  explicit File(const std::string& path) : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    struct stat status;
    if (fd_ >= 0 && (fstat(fd_, &status) != 0 || !S_ISREG(status.st_mode))) {
      ::close(fd_);
      fd_ = -1;
    }
  }
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }
  int release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }

 private:
  int fd_;
};

std::string hexadecimal(const unsigned char* bytes, size_t count) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (size_t i = 0; i < count; ++i) {
    text += kDigits[bytes[i] >> 4];
    text += kDigits[bytes[i] & 15];
  }
  return text;
}

std::string build_id_of(int fd) {
  elf_version(EV_CURRENT);
  Elf* elf = elf_begin(fd, ELF_C_READ_MMAP, nullptr);
  if (elf == nullptr) return {};
  const void* bytes = nullptr;
  const ssize_t count = dwelf_elf_gnu_build_id(elf, &bytes);
  const std::string text =
      count > 0 ? hexadecimal(static_cast<const unsigned char*>(bytes), static_cast<size_t>(count)) : std::string();
  elf_end(elf);
  return text;
}

// Separate debug files come by build id or debug link.
const Dwfl_Callbacks* callbacks() {
  static const Dwfl_Callbacks kCallbacks = {dwfl_build_id_find_elf, dwfl_standard_find_debuginfo,
                                            dwfl_offline_section_address, debug_path_of_libdw()};
  return &kCallbacks;
}

}  // namespace

std::string build_id_of(const std::string& path) {
  const File file(path);
  return file.fd() >= 0 ? build_id_of(file.fd()) : std::string();
}

Module::Module(const std::string& path, const std::string& build_id) {
  const std::vector<std::string> files = symbol_files(path, build_id);
  std::string why = "is not on this machine", best;
  for (const std::string& file : files) {
    if (open_with_symbols(file, build_id)) return;
    if (is_open() && best.empty()) best = file;
    if (file == path) why = problem_;
    close();
  }
  const std::string fetched = fetch_symbol_file(build_id);
  if (!fetched.empty() && open(fetched, build_id)) return;
  if (!best.empty() && open(best, build_id)) return;
  problem_ = why;
}

// False, too, where it is open but better ones are still to be looked for.
bool Module::open_with_symbols(const std::string& path, const std::string& build_id) {
  return open(path, build_id) && (has_debug_info_ || !symbol_search().goes_beyond_machine());
}

Module::~Module() { close(); }

void Module::close() {
  if (dwfl_ != nullptr) dwfl_end(dwfl_);
  dwfl_ = nullptr;
  module_ = nullptr;
  has_debug_info_ = false;
  debug_info_ = {};
  symbols_ = {};
}

bool Module::open(const std::string& path, const std::string& build_id) {
  File file(path);
  if (file.fd() < 0) {
    problem_ = "is not on this machine";
    return false;
  }
  if (build_id_of(file.fd()) != build_id) {
    problem_ = "is another build now";
    return false;
  }
  problem_.clear();
  dwfl_ = dwfl_begin(callbacks());
  if (dwfl_ == nullptr) {
    problem_ = "cannot be read";
    return false;
  }
  // Base 0: addresses are those in the file.
  const int fd = file.release();
  module_ = dwfl_report_elf(dwfl_, path.c_str(), path.c_str(), fd, 0, true);
  if (module_ == nullptr) {
    ::close(fd);
    close();
    problem_ = "is not an ELF file";
    return false;
  }
  dwfl_report_end(dwfl_, nullptr, nullptr);
  read_indexes();
  return true;
}

void Module::read_indexes() {
  if (Dwarf* dwarf = dwfl_module_getdwarf(module_, &debug_bias_)) {
    has_debug_info_ = true;
    debug_info_ = DebugIndex(dwarf);
  }
  symbols_ = SymbolIndex(module_);
}

Symbols Module::symbols() const {
  if (has_debug_info_) return Symbols::debug_info;
  return symbols_.empty() ? Symbols::none : Symbols::symbol_table;
}

Location Module::locate(uint64_t address) {
  Location location;
  if (module_ == nullptr) return location;
  if (has_debug_info_) {
    if (std::optional<Location> found = debug_info_.find(address - debug_bias_)) location = *found;
  }
  if (location.frame.function.empty()) location.frame.function = symbols_.function_at(address);
  return location;
}

}  // namespace weir::symbolize
