// Death by SIGTERM, in a call of main's: what main holds, what is lost: reachable 1 x 32, definite 1 x 40.
// Ends: signal 15
// Options: ON_SIGNAL=TERM
// LSan: looks at exit only.
#include <signal.h>

#include "leak_end.h"

MAIN_THAT_HOLDS_ONE(kill(getpid(), SIGTERM); for (;;) pause();)
