// Shows weir_snapshot: reports of the program as it is at each call, one name after the other, and errno as it was.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../include/weir/weir.h"
#include "leak.h"

OWN_FRAME static void lose_some(void) {
  for (int i = 0; i < 3; ++i) use(block_of(100));
}

int main(int count, char** arguments) {
  lose_some();
  scrub();
  errno = 42;
  const int first = weir_snapshot(NULL);
  lose_some();
  scrub();
  const int second = weir_snapshot(NULL);
  const int named = weir_snapshot(count > 1 ? arguments[1] : "named.json");
  const int refused = weir_snapshot("/proc/no/such/place.json");
  printf("%d %d %d %d errno %d\n", first, second, named, refused, errno);
  return 0;
}
