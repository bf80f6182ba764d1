#include "cli/child.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "cli/error.h"

namespace weir::cli {
namespace {

constexpr int kForwarded[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};

// argv as execv wants it; valid while `arguments` is.
std::vector<char*> argument_pointers(const std::vector<std::string>& arguments) {
  std::vector<char*> pointers;
  for (const std::string& argument : arguments) pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

[[noreturn]] void throw_exec_error(const std::string& path, int error) {
  throw Error(error == ENOENT ? kExitNotFound : kExitNotExecutable, path + ": cannot be run: " + std::strerror(error));
}

// Returns only where the program could not be executed: errno says why.
void execute(const Invocation& invocation) {
  unsetenv("WEIR_LIBRARY");  // the command's own: the library would not know it
  for (const auto& [name, value] : invocation.environment) setenv(name.c_str(), value.c_str(), 1);
  execv(invocation.path.c_str(), argument_pointers(invocation.arguments).data());
}

// Signals wait while the child runs: each is taken when it comes and passed on by name.
class HeldSignals {
 public:
  HeldSignals() {
    sigemptyset(&held_);
    for (const int signal : kForwarded) sigaddset(&held_, signal);
    sigaddset(&held_, SIGCHLD);
    sigprocmask(SIG_BLOCK, &held_, &before_);
    // Where the caller ignores SIGCHLD, nothing could be waited for.
    sigaction(SIGCHLD, nullptr, &child_action_);
    std::signal(SIGCHLD, SIG_DFL);
  }
  ~HeldSignals() {
    const timespec now{};
    while (sigtimedwait(&held_, nullptr, &now) > 0) {
    }
    restore();
  }
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;

  void restore() const {
    sigaction(SIGCHLD, &child_action_, nullptr);
    sigprocmask(SIG_SETMASK, &before_, nullptr);
  }

  int wait_for(pid_t child) const {
    while (true) {
      int status = 0;
      const pid_t ended = waitpid(child, &status, WNOHANG);
      if (ended == child) return status;
      siginfo_t info{};
      const int signal = sigwaitinfo(&held_, &info);
      // The terminal's own reach the whole foreground group, the child included.
      if (signal > 0 && signal != SIGCHLD && info.si_code <= 0) kill(child, signal);
    }
  }

 private:
  sigset_t held_{}, before_{};
  struct sigaction child_action_ {};
};

}  // namespace

void become(const Invocation& invocation) {
  execute(invocation);
  throw_exec_error(invocation.path, errno);
}

int run_and_wait(const Invocation& invocation) {
  int failure_pipe[2];
  if (pipe2(failure_pipe, O_CLOEXEC) != 0) throw Error(kExitOwnFailure, std::strerror(errno));
  const HeldSignals signals;
  const pid_t child = fork();
  if (child < 0) throw Error(kExitOwnFailure, std::string("cannot fork: ") + std::strerror(errno));
  if (child == 0) {
    signals.restore();
    execute(invocation);
    const int error = errno;
    [[maybe_unused]] const ssize_t wrote = write(failure_pipe[1], &error, sizeof error);
    _exit(kExitNotFound);
  }
  close(failure_pipe[1]);
  int error = 0;
  const bool failed = read(failure_pipe[0], &error, sizeof error) == sizeof error;
  close(failure_pipe[0]);
  const int status = signals.wait_for(child);
  if (failed) throw_exec_error(invocation.path, error);
  return WIFSIGNALED(status) ? kExitSignalBase + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace weir::cli
