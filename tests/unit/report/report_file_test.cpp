#include "report/report_file.h"

#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace weir::report {
namespace {

namespace fs = std::filesystem;

class ReportFileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "weir_report_file_XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string in(const char* name) const { return (folder_ / name).string(); }

  // Writes one report of `content` for the request; its path, or "errno N".
  std::string write(const FileRequest& request, const std::string& content = "x") {
    static ReportFile file;
    int error = file.open(request);
    if (error != 0) return "errno " + std::to_string(error);
    EXPECT_GE(file.fd(), 3);
    EXPECT_EQ(::write(file.fd(), content.data(), content.size()), static_cast<ssize_t>(content.size()));
    error = file.commit(request);
    return error == 0 ? file.path() : "errno " + std::to_string(error);
  }

  FileRequest request_for(const std::string& pattern, bool overwrite = false) {
    FileRequest request{};
    request.pattern = pattern.c_str();
    request.facts.pid = 42;
    request.overwrite = overwrite;
    return request;
  }

  static std::string content_of(const fs::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  size_t entries() const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }

  fs::path folder_;
};

TEST_F(ReportFileTest, TheFileHasItsNameAndIsTheOwnersAlone) {
  const std::string path = in("a.json");
  EXPECT_EQ(write(request_for(path), "whole"), path);
  EXPECT_EQ(content_of(path), "whole");
  struct stat status {};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600U);
  EXPECT_EQ(entries(), 1U);
}

TEST_F(ReportFileTest, UntilItIsWholeThereIsNoReport) {
  const std::string path = in("a.json");
  const FileRequest request = request_for(path);
  static ReportFile file;
  ASSERT_EQ(file.open(request), 0);
  EXPECT_FALSE(fs::exists(path));
  file.discard();
  EXPECT_EQ(entries(), 0U);
}

TEST_F(ReportFileTest, MissingFoldersAreMade) {
  const std::string path = in("one/two/three/a.json");
  EXPECT_EQ(write(request_for(path)), path);
}

TEST_F(ReportFileTest, ATakenNameIsNeverOverwritten) {
  const std::string path = in("a.json");
  std::ofstream(path) << "theirs";
  EXPECT_EQ(write(request_for(path)), in("a.1.json"));
  EXPECT_EQ(write(request_for(path)), in("a.2.json"));
  EXPECT_EQ(content_of(path), "theirs");
}

TEST_F(ReportFileTest, TheCounterTakesTheFirstFreeNumber) {
  const std::string pattern = in("a%n.json");
  EXPECT_EQ(write(request_for(pattern)), in("a0.json"));
  EXPECT_EQ(write(request_for(pattern)), in("a1.json"));
  EXPECT_EQ(write(request_for(pattern, true)), in("a2.json"));
}

TEST_F(ReportFileTest, OverwriteReplaces) {
  const std::string path = in("a.json");
  std::ofstream(path) << "old";
  EXPECT_EQ(write(request_for(path, true), "new"), path);
  EXPECT_EQ(content_of(path), "new");
  EXPECT_EQ(entries(), 1U);
}

TEST_F(ReportFileTest, APlantedLinkIsNotFollowed) {
  const std::string victim = in("victim"), path = in("a.json"), dangling = in("b.json");
  std::ofstream(victim) << "precious";
  fs::create_symlink(victim, path);
  fs::create_symlink(in("nowhere"), dangling);
  EXPECT_EQ(write(request_for(path)), in("a.1.json"));
  EXPECT_EQ(write(request_for(dangling)), in("b.1.json"));
  EXPECT_FALSE(fs::exists(in("nowhere")));
  EXPECT_EQ(write(request_for(path, true), "new"), path);
  EXPECT_FALSE(fs::is_symlink(path)) << "the link itself is replaced";
  EXPECT_EQ(content_of(victim), "precious");
}

TEST_F(ReportFileTest, AFileInTheWayOfAFolderIsAnError) {
  std::ofstream(in("file")) << "x";
  EXPECT_EQ(write(request_for(in("file/a.json"))), "errno " + std::to_string(ENOTDIR));
  EXPECT_EQ(entries(), 1U);
}

TEST_F(ReportFileTest, AnUnwritableFolderIsAnError) {
  EXPECT_EQ(write(request_for("/proc/self/a.json")).substr(0, 5), "errno");
  // As a program that has dropped its privileges; the superuser may write anywhere.
  fs::permissions(folder_, fs::perms::owner_read | fs::perms::owner_exec);
  const std::string path = in("a.json"), below = in("new/a.json");
  const pid_t child = fork();
  if (child == 0) {
    constexpr uid_t kNobody = 65534;
    if (geteuid() == 0 && setuid(kNobody) != 0) _exit(2);
    static ReportFile file;
    _exit(file.open(request_for(path)) == EACCES && file.open(request_for(below)) == EACCES ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  fs::permissions(folder_, fs::perms::owner_all);
}

TEST_F(ReportFileTest, ANameThatIsTooLongIsAnError) {
  EXPECT_EQ(write(request_for(in(std::string(300, 'x').c_str()))), "errno " + std::to_string(ENAMETOOLONG));
  EXPECT_EQ(write(request_for("/" + std::string(5000, 'x'))), "errno " + std::to_string(ENAMETOOLONG));
  EXPECT_EQ(entries(), 0U);
}

TEST_F(ReportFileTest, AFolderOfTheReportsNameIsNotReplaced) {
  fs::create_directory(in("a.json"));
  EXPECT_EQ(write(request_for(in("a.json"))), in("a.1.json"));
  EXPECT_EQ(write(request_for(in("a.json"), true)), "errno " + std::to_string(EISDIR));
  EXPECT_EQ(entries(), 2U) << "the temporary file is gone";
}

// Runs in a child, since it closes what the test framework writes to.
TEST_F(ReportFileTest, AClosedStandardDescriptorIsNotReused) {
  const FileRequest request = request_for(in("a.json"));
  const pid_t child = fork();
  if (child == 0) {
    close(0), close(1), close(2);
    static ReportFile file;
    const bool good = file.open(request) == 0 && file.fd() >= 3 && fcntl(1, F_GETFD) == -1 &&
                      (fcntl(file.fd(), F_GETFD) & FD_CLOEXEC) != 0;
    file.discard();
    _exit(good ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_F(ReportFileTest, NoDescriptorLeftIsAnError) {
  const FileRequest request = request_for(in("a.json"));
  const pid_t child = fork();
  if (child == 0) {
    const rlimit none{0, 0};
    setrlimit(RLIMIT_NOFILE, &none);
    static ReportFile file;
    _exit(file.open(request) == EMFILE ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(entries(), 0U);
}

TEST_F(ReportFileTest, ManyProcessesEachGetANameOfTheirOwn) {
  const std::string path = in("a.json");
  constexpr int kProcesses = 8;
  std::vector<pid_t> children;
  for (int i = 0; i < kProcesses; ++i) {
    children.push_back(fork());
    if (children.back() == 0) {
      for (int k = 0; k < 20; ++k) write(request_for(path));
      _exit(0);
    }
  }
  for (const pid_t child : children) waitpid(child, nullptr, 0);
  EXPECT_EQ(entries(), kProcesses * 20U);
}

}  // namespace
}  // namespace weir::report
