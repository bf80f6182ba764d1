// The libc's functions about signals that could meet the parking signal: each does what the libc's of that name does, errno included,
// and the program reads back what it has set (leak/signal_set.h tells how).
#pragma once

#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <time.h>
#include <wordexp.h>

namespace weir::runtime {

int run_sigprocmask(int how, const sigset_t* set, sigset_t* old);
int run_pthread_sigmask(int how, const sigset_t* set, sigset_t* old);
int run_sighold(int signal);
int run_sigrelse(int signal);

int run_sigaction(int signal, const struct sigaction* action, struct sigaction* old);
// signal, bsd_signal, ssignal, sysv_signal and __sysv_signal: `set` is the libc's function of that name.
sighandler_t run_signal(sighandler_t (*set)(int, sighandler_t), int signal, sighandler_t handler);
sighandler_t run_sigset(int signal, sighandler_t disposition);
int run_sigignore(int signal);
int run_siginterrupt(int signal, int interrupt);

int run_sigwait(const sigset_t* set, int* signal);
int run_sigwaitinfo(const sigset_t* set, siginfo_t* info);
int run_sigtimedwait(const sigset_t* set, siginfo_t* info, const timespec* timeout);
int run_signalfd(int fd, const sigset_t* set, int flags);

// What is executed inherits the calling thread's mask.
int run_posix_spawn(pid_t* pid, const char* path, const posix_spawn_file_actions_t* actions,
                    const posix_spawnattr_t* attributes, char* const* argv, char* const* environment);
int run_posix_spawnp(pid_t* pid, const char* file, const posix_spawn_file_actions_t* actions,
                     const posix_spawnattr_t* attributes, char* const* argv, char* const* environment);
int run_system(const char* command);
FILE* run_popen(const char* command, const char* mode);
int run_wordexp(const char* words, wordexp_t* expansion, int flags);

}  // namespace weir::runtime
