// Prints what the libc's functions about signals answer, over all of them, in every way of asking; the same with and without Weir.
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

static void show_set(const char* what, int result, const sigset_t* set) {
  printf("%-28s %d %d ", what, result, result == 0 ? 0 : errno);
  for (int number = 1; number <= 64; ++number) putchar(sigismember(set, number) == 1 ? '1' : '.');
  putchar('\n');
}

static sigset_t present(void) {
  sigset_t now;
  sigemptyset(&now);
  pthread_sigmask(SIG_BLOCK, NULL, &now);
  return now;
}

static void show_mask(const char* what) {
  const sigset_t now = present();
  show_set(what, 0, &now);
}

static void change(const char* what, int how, const sigset_t* set) {
  sigset_t old;
  sigemptyset(&old);
  errno = 0;
  const int result = pthread_sigmask(how, set, &old);
  show_set(what, result, &old);
  show_mask("  now");
}

static sigset_t full(void) {
  sigset_t set;
  sigfillset(&set);
  return set;
}

static sigset_t empty(void) {
  sigset_t set;
  sigemptyset(&set);
  return set;
}

static sigset_t only(int number) {
  sigset_t set = empty();
  sigaddset(&set, number);
  return set;
}

static sigset_t all_but(int number) {
  sigset_t set = full();
  sigdelset(&set, number);
  return set;
}

static void masks_of_every_kind(void) {
  const sigset_t none = empty(), all = full();
  change("set none", SIG_SETMASK, &none);
  change("block all", SIG_BLOCK, &all);
  change("block all again", SIG_BLOCK, &all);
  change("unblock all", SIG_UNBLOCK, &all);
  change("set all", SIG_SETMASK, &all);
  for (int number = 1; number <= 64; ++number) {
    const sigset_t one = only(number), rest = all_but(number);
    change("set all", SIG_SETMASK, &all);
    change("unblock one", SIG_UNBLOCK, &one);
    change("block one", SIG_BLOCK, &one);
    change("set one", SIG_SETMASK, &one);
    change("block rest", SIG_BLOCK, &rest);
    change("unblock rest", SIG_UNBLOCK, &rest);
  }
  change("bad how", 77, &all);
  change("bad how, no set", 77, NULL);
  change("set none", SIG_SETMASK, &none);
  sigset_t same = full();
  show_set("sigprocmask, one set for two", sigprocmask(SIG_SETMASK, &same, &same), &same);
  show_mask("  now");
  errno = 0;
  sigset_t old = empty();
  show_set("sigprocmask bad", sigprocmask(99, &all, &old), &old);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

static void old_interfaces(void) {
  for (int number = 34; number <= 64; ++number) {
    const int held = sighold(number);
    printf("sighold %d %d\n", number, held);
  }
  show_mask("all held");
  for (int number = 34; number <= 64; ++number) printf("sigrelse %d %d\n", number, sigrelse(number));
  errno = 0;
  printf("sighold 65 %d %d, 0 %d, 32 %d\n", sighold(65), errno, sighold(0), sighold(32));
  show_mask("all released");
}

static sigjmp_buf mark;

static void jumps(void) {
  const sigset_t none = empty(), all = full();
  pthread_sigmask(SIG_SETMASK, &none, NULL);
  if (sigsetjmp(mark, 1) == 0) {
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    siglongjmp(mark, 1);
  }
  show_mask("jumped from all to none");
  pthread_sigmask(SIG_SETMASK, &all, NULL);
  if (sigsetjmp(mark, 1) == 0) {
    pthread_sigmask(SIG_SETMASK, &none, NULL);
    siglongjmp(mark, 1);
  }
  show_mask("jumped from none to all");
  ucontext_t here;
  static volatile int back;
  back = 0;
  getcontext(&here);
  if (!back) {
    back = 1;
    pthread_sigmask(SIG_SETMASK, &none, NULL);
    setcontext(&here);
  }
  show_mask("context of all");
  pthread_sigmask(SIG_SETMASK, &none, NULL);
}

static volatile sig_atomic_t in_handler;
static sigset_t seen_in_handler;

static void on_signal(int number) {
  const sigset_t all = full();
  seen_in_handler = present();
  pthread_sigmask(SIG_SETMASK, &all, NULL);
  in_handler = number;
}

static void handlers(void) {
  struct sigaction action;
  for (int filled = 0; filled < 3; ++filled) {
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    if (filled) sigfillset(&action.sa_mask);
    if (filled == 2) sigdelset(&action.sa_mask, SIGRTMAX - 1);
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
    show_set("in a handler", 0, &seen_in_handler);
    show_mask("  after it");
  }
  signal(SIGUSR1, SIG_DFL);
}

static void* show_of_thread(void* name) {
  show_mask(name);
  return NULL;
}

static void threads(void) {
  const sigset_t none = empty(), all = full();
  pthread_t thread;
  pthread_sigmask(SIG_SETMASK, &all, NULL);
  pthread_create(&thread, NULL, show_of_thread, "thread of all");
  pthread_join(thread, NULL);
  pthread_sigmask(SIG_SETMASK, &none, NULL);
  pthread_create(&thread, NULL, show_of_thread, "thread of none");
  pthread_join(thread, NULL);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setsigmask_np(&attributes, &all);
  pthread_create(&thread, &attributes, show_of_thread, "thread of attribute");
  pthread_join(thread, NULL);
}

static void waits(void) {
  const sigset_t all = full();
  const struct timespec none = {0, 0};
  siginfo_t info;
  pthread_sigmask(SIG_SETMASK, &all, NULL);
  struct pollfd nothing = {-1, 0, 0};
  printf("ppoll %d\n", ppoll(&nothing, 1, &none, &all));
  printf("pselect %d\n", pselect(0, NULL, NULL, NULL, &none, &all));
  const int events = epoll_create1(0);
  struct epoll_event event;
  printf("epoll_pwait %d\n", epoll_pwait(events, &event, 1, 0, &all));
  show_mask("after the waits");
  errno = 0;
  const int got = sigtimedwait(&all, &info, &none);
  printf("sigtimedwait %d %d\n", got, errno);
  sigset_t pending;
  show_set("pending", sigpending(&pending), &pending);
  show_mask("after all");
}

static void actions(void) {
  for (int number = 0; number <= 65; ++number) {
    struct sigaction old;
    memset(&old, 0, sizeof old);
    errno = 0;
    const int result = sigaction(number, NULL, &old);
    printf("sigaction %d: %d %d handler %p flags %x\n", number, result, errno, (void*)old.sa_handler,
           (unsigned)old.sa_flags);
  }
  for (int number = 1; number <= 64; ++number) {
    errno = 0;
    const sighandler_t before = signal(number, SIG_DFL);
    struct sigaction old;
    memset(&old, 0, sizeof old);
    sigaction(number, NULL, &old);
    printf("signal %d default: %p %d flags %x mask %d\n", number, (void*)before, errno, (unsigned)old.sa_flags,
           sigismember(&old.sa_mask, number));
  }
  for (int number = 1; number <= 64; ++number) {
    errno = 0;
    const sighandler_t before = signal(number, on_signal);
    struct sigaction old;
    memset(&old, 0, sizeof old);
    sigaction(number, NULL, &old);
    printf("signal %d own: %ld %d own %d flags %x\n", number, (long)before, errno, old.sa_handler == on_signal,
           (unsigned)old.sa_flags);
  }
  for (int number = 1; number <= 64; ++number) {
    const sighandler_t before = signal(number, SIG_DFL);
    printf("signal %d back: own %d\n", number, before == on_signal);
  }
}

int main(void) {
  show_mask("at the start");
  handlers();
  masks_of_every_kind();
  old_interfaces();
  jumps();
  handlers();
  threads();
  actions();
  masks_of_every_kind();
  waits();
  masks_of_every_kind();
  actions();
  return 0;
}
