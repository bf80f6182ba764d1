#include "cli/doctor.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <gelf.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include "cli/child.h"
#include "cli/error.h"
#include "cli/format.h"
#include "cli/json_access.h"
#include "cli/library.h"
#include "cli/program.h"

extern char** environ;

namespace weir::cli {
namespace {

namespace fs = std::filesystem;

class Checklist {
 public:
  explicit Checklist(bool color) : style_(color) {}
  void ok(const std::string& text) { print(style_.green("ok  "), text); }
  void warn(const std::string& text) { print(style_.yellow("warn"), text); }
  void fail(const std::string& text) {
    print(style_.red("fail"), text);
    failed_ = true;
  }
  bool failed() const { return failed_; }

 private:
  static void print(const std::string& mark, const std::string& text) {
    std::printf("%s  %s\n", mark.c_str(), printable(text).c_str());
  }
  Style style_;
  bool failed_ = false;
};

// Runs /bin/true with the preload; what the loader or the library says lands in `output`.
bool starts_with_preload(const std::string& library, std::string& output) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return false;
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    setenv("LD_PRELOAD", library.c_str(), 1);
    setenv("WEIR_REPORT", "off", 1);
    execl("/bin/true", "true", nullptr);
    _exit(kExitNotFound);
  }
  close(ends[1]);
  char buffer[512];
  for (ssize_t got = 0; (got = read(ends[0], buffer, sizeof buffer)) > 0;)
    output.append(buffer, static_cast<size_t>(got));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 && output.find("cannot be preloaded") == std::string::npos;
}

std::set<std::string> defined_symbols(const std::string& path) {
  std::set<std::string> names;
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  elf_version(EV_CURRENT);
  Elf* elf = fd >= 0 ? elf_begin(fd, ELF_C_READ_MMAP, nullptr) : nullptr;
  for (Elf_Scn* section = elf ? elf_nextscn(elf, nullptr) : nullptr; section; section = elf_nextscn(elf, section)) {
    GElf_Shdr header;
    if (gelf_getshdr(section, &header) == nullptr || header.sh_type != SHT_DYNSYM || header.sh_entsize == 0) continue;
    Elf_Data* data = elf_getdata(section, nullptr);
    for (size_t i = 0; data != nullptr && i < header.sh_size / header.sh_entsize; ++i) {
      GElf_Sym symbol;
      if (gelf_getsym(data, static_cast<int>(i), &symbol) == nullptr || symbol.st_shndx == SHN_UNDEF) continue;
      names.insert(elf_strptr(elf, header.sh_link, symbol.st_name));
    }
  }
  elf_end(elf);
  if (fd >= 0) close(fd);
  return names;
}

void check_library(Checklist& list) {
  std::string library;
  try {
    library = find_library();
  } catch (const Error& error) {
    list.fail(error.what());
    return;
  }
  list.ok("library " + library);
  const std::set<std::string> names = defined_symbols(library);
  std::string missing;
  for (const char* name :
       {"malloc", "calloc", "realloc", "free", "posix_memalign", "aligned_alloc", "_Znwm", "_ZdlPv"}) {
    if (names.count(name) == 0) missing += std::string(" ") + name;
  }
  missing.empty() ? list.ok("it exports the malloc family and operator new")
                  : list.fail("it does not export" + missing);
  std::string output;
  if (starts_with_preload(library, output)) {
    list.ok("/bin/true runs with it preloaded");
  } else {
    list.fail("/bin/true does not run with it preloaded: " + output.substr(0, output.find('\n')));
  }
}

void check_report_folder(Checklist& list) {
  const char* pattern = std::getenv("WEIR_REPORT");
  if (pattern != nullptr && std::string(pattern) == "off") {
    list.warn("WEIR_REPORT=off: no report is written");
    return;
  }
  std::error_code error;
  fs::path folder =
      pattern != nullptr && *pattern != '\0' ? fs::absolute(pattern).parent_path() : fs::current_path(error);
  while (!fs::exists(folder, error) && folder.has_relative_path()) folder = folder.parent_path();
  if (access(folder.c_str(), W_OK | X_OK) == 0) {
    list.ok("reports can be written in " + folder.string());
  } else {
    list.fail("reports cannot be written in " + folder.string() + "; set WEIR_REPORT");
  }
}

void check_other_preloads(Checklist& list) {
  const char* preload = std::getenv("LD_PRELOAD");
  if (preload == nullptr || *preload == '\0') {
    list.ok("nothing else is preloaded");
  } else {
    list.warn("LD_PRELOAD=" + std::string(preload) + " is kept, after Weir; an allocator among it serves nothing");
  }
}

// Settings of the allocators that Weir takes the place of.
void check_allocator_settings(Checklist& list) {
  std::string names;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string variable = *entry;
    const std::string name = variable.substr(0, variable.find('='));
    const bool tunes_malloc = name == "GLIBC_TUNABLES" && variable.find("glibc.malloc.") != std::string::npos;
    if (name.starts_with("MALLOC_") || name.starts_with("MIMALLOC_") || tunes_malloc)
      names += (names.empty() ? "" : ", ") + name;
  }
  if (names.empty()) {
    list.ok("no settings of another allocator");
  } else {
    list.warn(names + ": no effect under Weir's pool (WEIR_HOST_POOL=off gives glibc's malloc back its own)");
  }
}

std::string first_line(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

void check_ptrace(Checklist& list) {
  const std::string scope = first_line("/proc/sys/kernel/yama/ptrace_scope");
  if (scope.empty() || scope == "0") {
    list.ok("debuggers may attach (ptrace_scope " + (scope.empty() ? std::string("not set") : scope) +
            "); Weir does not need it");
  } else {
    list.ok("ptrace_scope is " + scope + ": debuggers attach to their own children only; Weir does not need it");
  }
}

// Said, never required: the driver is looked at, not loaded.
void check_cuda(Checklist& list) {
  const std::string version = first_line("/proc/driver/nvidia/version");
  list.ok(version.empty() ? "no CUDA driver on this machine" : "CUDA driver: " + version);
}

void check_program(Checklist& list, const std::string& name) {
  try {
    const std::string path = find_program(name);
    const std::string reason = reason_against_preload(path);
    if (reason.empty()) {
      list.ok(path + " can run under Weir");
    } else {
      list.warn(path + " is " + reason + ": weir run runs it without Weir");
    }
  } catch (const Error& error) {
    list.fail(error.what());
  }
}

}  // namespace

void add_doctor(CLI::App& app, const std::vector<std::string>& program, int& exit_code) {
  CLI::App* command = app.add_subcommand("doctor", "Check that Weir can work here, and with a program");
  command->footer(
      "weir doctor [OPTIONS] [--] program checks that program too. One line per check; exit code 1 where one "
      "failed.\n\nExample: weir doctor -- ./myprogram");
  auto color = std::make_shared<std::string>("auto");
  command->add_option("--color", *color, "When to use colour")
      ->capture_default_str()
      ->check(CLI::IsMember({"auto", "always", "never"}));
  command->prefix_command();
  command->fallthrough(false);  // the program's name is not the app's
  command->callback([command, color, &program, &exit_code] {
    Checklist list(use_color(*color, STDOUT_FILENO));
    check_library(list);
    check_report_folder(list);
    check_other_preloads(list);
    check_allocator_settings(list);
    check_ptrace(list);
    check_cuda(list);
    const std::vector<std::string> words = program.empty() ? command->remaining() : program;
    if (!words.empty()) check_program(list, words[0]);
    exit_code = list.failed() ? 1 : 0;
  });
}

}  // namespace weir::cli
