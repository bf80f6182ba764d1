// thread_stress PART: runs the stress of that part; exits 1 when a result is wrong, 66 when ThreadSanitizer saw a race.
#include "thread_stress.h"

#include <cstring>

namespace {

using namespace weir::stress;

struct Part {
  const char* name;
  void (*run)();
};

constexpr Part kParts[] = {
    {"arena", stress_arena},       {"foreign_table", stress_foreign_table}, {"live_set", stress_live_set},
    {"counters", stress_counters}, {"mapping_table", stress_mapping_table}, {"stack_table", stress_stack_table},
    {"capture", stress_capture},
};

}  // namespace

int main(int argc, char** argv) {
  for (const Part& part : kParts) {
    if (argc == 2 && std::strcmp(argv[1], part.name) == 0) {
      part.run();
      std::printf("%s: no race, results right\n", part.name);
      return 0;
    }
  }
  std::fprintf(stderr, "thread_stress: which part?\n");
  return 2;
}
