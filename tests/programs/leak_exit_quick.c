// quick_exit: what main holds, what is lost: reachable 1 x 32, definite 1 x 40.
// LSan: looks at exit only.
#include "leak_end.h"

MAIN_THAT_HOLDS_ONE(quick_exit(0);)
