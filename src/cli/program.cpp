#include "cli/program.h"

#include <fcntl.h>
#include <gelf.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <vector>

#include "cli/error.h"
#include "cli/json_access.h"

namespace weir::cli {
namespace {

constexpr int kMaxInterpreters = 4;  // as the kernel has it
constexpr char kLoaderName[] = "ld-linux-x86-64.so.2";

bool is_regular(const std::string& path) {
  struct stat status;
  return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

std::vector<std::string> search_path() {
  const char* path = std::getenv("PATH");
  return split(path != nullptr ? path : "/bin:/usr/bin", ':');
}

std::string first_bytes(const std::string& path, size_t count) {
  std::string text(count, '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(text.data(), static_cast<std::streamsize>(count));
  text.resize(static_cast<size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  return text;
}

// The words of "#!interpreter argument"; empty for other files.
std::vector<std::string> shebang_words(const std::string& path) {
  constexpr size_t kLongestLine = 256;
  const std::string start = first_bytes(path, kLongestLine);
  if (!start.starts_with("#!")) return {};
  std::vector<std::string> words;
  std::istringstream stream(start.substr(2, start.find('\n') - 2));
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

// What env will run: its first argument that is neither an option nor an assignment.
std::string behind_env(const std::vector<std::string>& words) {
  for (size_t i = 1; i < words.size(); ++i) {
    if (!words[i].starts_with("-") && words[i].find('=') == std::string::npos) return find_program(words[i]);
  }
  return words[0];
}

std::string interpreter_of(const std::string& path) {
  const std::vector<std::string> words = shebang_words(path);
  if (words.empty()) return {};
  try {
    return base_name(words[0]) == "env" ? behind_env(words) : words[0];
  } catch (const Error&) {
    return words[0];
  }
}

// What an ELF file says about how it starts.
class ElfFacts {
 public:
  explicit ElfFacts(const std::string& path) : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    elf_version(EV_CURRENT);
    elf_ = fd_ >= 0 ? elf_begin(fd_, ELF_C_READ_MMAP, nullptr) : nullptr;
    if (elf_ == nullptr || elf_kind(elf_) != ELF_K_ELF || gelf_getehdr(elf_, &header_) == nullptr) return;
    valid_ = true;
    read_interpreter();
    read_sections();
  }
  ~ElfFacts() {
    elf_end(elf_);
    if (fd_ >= 0) close(fd_);
  }
  ElfFacts(const ElfFacts&) = delete;
  ElfFacts& operator=(const ElfFacts&) = delete;

  bool valid() const { return valid_; }
  bool is_x86_64() const { return header_.e_machine == EM_X86_64 && header_.e_ident[EI_CLASS] == ELFCLASS64; }
  const std::string& interpreter() const { return interpreter_; }
  const std::string& sanitizer() const { return sanitizer_; }

 private:
  void read_interpreter() {
    size_t count = 0;
    elf_getphdrnum(elf_, &count);
    for (size_t i = 0; i < count; ++i) {
      GElf_Phdr segment;
      if (gelf_getphdr(elf_, static_cast<int>(i), &segment) == nullptr || segment.p_type != PT_INTERP) continue;
      size_t size = 0;
      const char* file = elf_rawfile(elf_, &size);
      if (file != nullptr && segment.p_offset < size && segment.p_filesz <= size - segment.p_offset) {
        interpreter_.assign(file + segment.p_offset, strnlen(file + segment.p_offset, segment.p_filesz));
      }
    }
  }
  void read_sections() {
    for (Elf_Scn* section = elf_nextscn(elf_, nullptr); section != nullptr; section = elf_nextscn(elf_, section)) {
      GElf_Shdr header;
      if (gelf_getshdr(section, &header) == nullptr || header.sh_entsize == 0) continue;
      if (header.sh_type == SHT_DYNAMIC) read_needed(section, header);
      if (header.sh_type == SHT_DYNSYM || header.sh_type == SHT_SYMTAB) read_symbols(section, header);
    }
  }
  void read_needed(Elf_Scn* section, const GElf_Shdr& header) {
    static constexpr const char* kLibraries[] = {"libasan.",   "libtsan.", "libmsan.",
                                                 "libhwasan.", "liblsan.", "libclang_rt."};
    Elf_Data* data = elf_getdata(section, nullptr);
    for (size_t i = 0; data != nullptr && i < header.sh_size / header.sh_entsize; ++i) {
      GElf_Dyn entry;
      if (gelf_getdyn(data, static_cast<int>(i), &entry) == nullptr || entry.d_tag != DT_NEEDED) continue;
      const char* name = elf_strptr(elf_, header.sh_link, entry.d_un.d_val);
      for (const char* library : kLibraries) {
        if (name != nullptr && std::strncmp(name, library, std::strlen(library)) == 0) sanitizer_ = name;
      }
    }
  }
  void read_symbols(Elf_Scn* section, const GElf_Shdr& header) {
    static constexpr const char* kEntries[] = {"__asan_init", "__tsan_init", "__msan_init", "__hwasan_init",
                                               "__lsan_init"};
    Elf_Data* data = elf_getdata(section, nullptr);
    for (size_t i = 0; data != nullptr && i < header.sh_size / header.sh_entsize; ++i) {
      GElf_Sym symbol;
      if (gelf_getsym(data, static_cast<int>(i), &symbol) == nullptr) continue;
      const char* name = elf_strptr(elf_, header.sh_link, symbol.st_name);
      for (const char* entry : kEntries) {
        if (name != nullptr && std::strcmp(name, entry) == 0) sanitizer_ = name;
      }
    }
  }

  int fd_;
  Elf* elf_ = nullptr;
  GElf_Ehdr header_{};
  bool valid_ = false;
  std::string interpreter_, sanitizer_;
};

std::string reason_by_privilege(const std::string& path) {
  struct stat status;
  if (stat(path.c_str(), &status) != 0) return {};
  if ((status.st_mode & S_ISUID) != 0) return "setuid";
  if ((status.st_mode & S_ISGID) != 0) return "setgid";
  if (getxattr(path.c_str(), "security.capability", nullptr, 0) > 0) return "given file capabilities";
  return {};
}

}  // namespace

std::string find_program(const std::string& name) {
  std::vector<std::string> candidates;
  if (name.find('/') != std::string::npos) {
    candidates.push_back(name);
  } else {
    for (const std::string& folder : search_path()) candidates.push_back((folder.empty() ? "." : folder) + "/" + name);
  }
  bool exists = false;
  for (const std::string& candidate : candidates) {
    exists |= access(candidate.c_str(), F_OK) == 0;
    if (is_regular(candidate) && access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  if (exists) throw Error(kExitNotExecutable, name + ": not executable");
  throw Error(kExitNotFound, name + ": program not found");
}

std::string reason_against_preload(const std::string& path) {
  std::string file = path;
  for (int i = 0; i < kMaxInterpreters; ++i) {
    const std::string interpreter = interpreter_of(file);
    if (interpreter.empty()) break;
    file = interpreter;
  }
  if (base_name(path) == "valgrind") return "a tool that brings its own malloc";
  const std::string privilege = reason_by_privilege(file);
  if (!privilege.empty()) return privilege;
  const ElfFacts elf(file);
  if (!elf.valid()) return {};
  if (!elf.is_x86_64()) return "not an x86-64 program";
  if (elf.interpreter().empty()) return base_name(file).starts_with("ld-linux") ? "" : "statically linked";
  if (base_name(elf.interpreter()) != kLoaderName) return "started by another loader (" + elf.interpreter() + ")";
  if (!elf.sanitizer().empty()) return "built with a sanitizer (" + elf.sanitizer() + ")";
  return {};
}

bool needs_shell(const std::string& path) {
  const std::string start = first_bytes(path, 4);
  return !start.starts_with("#!") && !start.starts_with("\177ELF");
}

}  // namespace weir::cli
