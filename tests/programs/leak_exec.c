// A process that becomes another program: what main holds, what is lost: reachable 1 x 32, definite 1 x 40.
// Valgrind: not compared: it looks at ends only.
// LSan: looks at exit only.
#include "leak_end.h"

MAIN_THAT_HOLDS_ONE(execl("/bin/true", "true", NULL); return 1;)
