// Does what its stdin says, for tests of weir snapshot: loses and keeps blocks, sleeps, allocates all the time, forks, executes itself.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "leak.h"

namespace {

// Blocks of 40 bytes that nothing holds, and one in each of them that only it holds.
#define LOSE(name)                                     \
  OWN_FRAME void name() {                              \
    for (int i = 0; i < 10; ++i) {                     \
      auto* outer = static_cast<void**>(block_of(40)); \
      outer[0] = block_of(24);                         \
    }                                                  \
  }
LOSE(lose_first)
LOSE(lose_second)

void* volatile kept[64];
int kept_count;

OWN_FRAME void keep_some() {
  for (int i = 0; i < 5; ++i) kept[kept_count++] = block_of(56);
}

OWN_FRAME void drop_kept() {
  while (kept_count > 0) kept[--kept_count] = nullptr;
}

// Until Weir has made its page: the process must be a little old, and allocate.
void grow_old() {
  for (int i = 0; i < 300; ++i) {
    for (int k = 0; k < 100; ++k) free(block_of(32));
    usleep(1000);
  }
}

bool read_line(char* line, size_t bytes) {
  size_t used = 0;
  while (used + 1 < bytes && read(0, line + used, 1) == 1) {
    if (line[used] == '\n') {
      line[used] = '\0';
      return true;
    }
    ++used;
  }
  return false;
}

void say(const char* text) {
  if (write(1, text, strlen(text)) < 0) _exit(1);
}

bool is_input_there() {
  pollfd input = {0, POLLIN, 0};
  return poll(&input, 1, 0) != 0;
}

void busy() {
  while (!is_input_there()) {
    for (int i = 0; i < 100; ++i) free(block_of(48));
  }
}

[[gnu::noinline]] void busy_at(int depth) {
  if (depth == 0) return busy();
  busy_at(depth - 1);
  asm volatile("");  // no tail call
}

const char* wait_result(int result) {
  static char text[64];
  snprintf(text, sizeof text, "%d %s", result, result < 0 ? strerror(errno) : "ok");
  return text;
}

// Waits for input by the call of that name, and says what it answered.
void wait_by(const char* call) {
  int result = -2;
  pollfd input = {0, POLLIN, 0};
  fd_set set;
  FD_ZERO(&set);
  FD_SET(0, &set);
  if (strcmp(call, "poll") == 0) result = poll(&input, 1, -1);
  if (strcmp(call, "ppoll") == 0) result = ppoll(&input, 1, nullptr, nullptr);
  if (strcmp(call, "select") == 0) result = select(1, &set, nullptr, nullptr, nullptr);
  if (strcmp(call, "read") == 0) result = is_input_there() ? 0 : poll(&input, 1, 60000);
  if (strcmp(call, "epoll") == 0) {
    const int events = epoll_create1(EPOLL_CLOEXEC);
    epoll_event event{};
    event.events = EPOLLIN;
    epoll_ctl(events, EPOLL_CTL_ADD, 0, &event);
    result = epoll_wait(events, &event, 1, -1);
    close(events);
  }
  char text[128];
  snprintf(text, sizeof text, "%s %s\n", call, wait_result(result));
  say(text);
}

volatile sig_atomic_t alarms;
void on_alarm(int) { ++alarms; }

// How long a sleep takes, and what it answers.
void nap() {
  timespec before{}, after{}, left{};
  const timespec second{1, 0};
  clock_gettime(CLOCK_MONOTONIC, &before);
  const int result = nanosleep(&second, &left);
  clock_gettime(CLOCK_MONOTONIC, &after);
  const long ms = (after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1'000'000;
  char text[128];
  snprintf(text, sizeof text, "slept %d %ld\n", result, ms);
  say(text);
}

void pause_for_alarm() {
  signal(SIGALRM, on_alarm);
  const int seen = alarms;
  say("pausing\n");
  const int result = pause();
  char text[128];
  snprintf(text, sizeof text, "paused %s alarms %d\n", wait_result(result), alarms - seen);
  say(text);
}

// A new block's address, hidden: no copy of it is left.
OWN_FRAME uintptr_t hidden_block() { return ~reinterpret_cast<uintptr_t>(block_of(72)); }

// Until the alarm, the block's address is in r10 alone, which no call keeps.
OWN_FRAME void hold_in_register() {
  signal(SIGALRM, on_alarm);
  alarms = 0;
  const uintptr_t hidden = hidden_block();
  scrub();
  __asm__ volatile(
      "movq %0, %%r10\n"
      "notq %%r10\n"
      "1: pause\n"
      "cmpl $0, %1\n"
      "je 1b\n"
      :
      : "m"(hidden), "m"(alarms)
      : "r10", "memory", "cc");
  free(reinterpret_cast<void*>(~hidden));
}

void block_signals() {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, nullptr);
}

void take_real_time_signals() {
  for (int number = SIGRTMIN; number <= SIGRTMAX; ++number) signal(number, on_alarm);
}

void fork_child() {
  int ends[2];
  if (pipe(ends) != 0) exit(1);
  const pid_t child = fork();
  if (child == 0) {
    close(ends[1]);
    grow_old();
    lose_second();
    scrub();
    say("child ready\n");
    char byte;
    exit(read(ends[0], &byte, 1) == 0 ? 0 : 1);
  }
  char text[32];
  snprintf(text, sizeof text, "child %d\n", child);
  say(text);
  close(ends[0]);
  char line[64];
  if (!read_line(line, sizeof line)) exit(1);
  close(ends[1]);
  int status = 0;
  waitpid(child, &status, 0);
  snprintf(text, sizeof text, "status %d\n", status);
  say(text);
}

void count_descriptors() {
  char text[64];
  int count = 0;
  for (int fd = 0; fd < 256; ++fd) count += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
  snprintf(text, sizeof text, "descriptors %d children %d\n", count,
           waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD ? 0 : 1);
  say(text);
}

void do_as_told(const char* line, char** argv) {
  if (strcmp(line, "old") == 0) grow_old();
  if (strcmp(line, "first") == 0) lose_first();
  if (strcmp(line, "second") == 0) lose_second();
  if (strcmp(line, "keep") == 0) keep_some();
  if (strcmp(line, "drop") == 0) drop_kept();
  if (strcmp(line, "busy") == 0) busy();
  if (strcmp(line, "deeply busy") == 0) busy_at(100);
  if (strncmp(line, "wait ", 5) == 0) wait_by(line + 5);
  if (strcmp(line, "nap") == 0) nap();
  if (strcmp(line, "pause") == 0) pause_for_alarm();
  if (strcmp(line, "spin") == 0) hold_in_register();
  if (strcmp(line, "block") == 0) block_signals();
  if (strcmp(line, "take") == 0) take_real_time_signals();
  if (strcmp(line, "own USR2") == 0) signal(SIGUSR2, on_alarm);
  if (strcmp(line, "fork") == 0) fork_child();
  if (strcmp(line, "exec") == 0) execv(argv[0], argv);
  if (strcmp(line, "count") == 0) count_descriptors();
  scrub();
}

}  // namespace

int main(int, char** argv) {
  say("ready\n");
  char line[64];
  while (read_line(line, sizeof line)) {
    do_as_told(line, argv);
    char text[80];
    snprintf(text, sizeof text, "done %s\n", line);
    say(text);
  }
  return 0;
}
