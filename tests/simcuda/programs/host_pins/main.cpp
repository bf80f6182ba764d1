// Copies big blocks of its heap to and from devices and does with them what a program may: changes them right after an asynchronous copy,
// asks the driver about them, registers them itself, frees, reallocates and maps them anew, frees them in a host function of a stream, ends
// contexts, forks. Prints what it finds: the output must be the same whether the blocks are page-locked behind its back or not.
//
//   cuda_host_pins random SEED CALLS [graphs]   random calls; graphs: also captured copies and copy nodes
//   cuda_host_pins CASE                         one of the cases in cases.cpp
#include <cstdlib>
#include <cstring>

#include "device.h"

using namespace host_pins;

int main(int count, char** arguments) {
  if (count < 2) return 2;
  MUST(cuInit(0));
  context = enter(0);
  enter_context();
  if (strcmp(arguments[1], "random") == 0 && count >= 4) {
    run_random(static_cast<unsigned>(strtoul(arguments[2], nullptr, 0)), strtoul(arguments[3], nullptr, 0), count > 4);
    return 0;
  }
  return run_case(arguments[1]) ? 0 : 2;
}
