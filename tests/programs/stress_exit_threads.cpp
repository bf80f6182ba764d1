// Eight threads allocate, free and grow blocks of all sizes, through containers too, while main returns: the exit code is 7.
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

std::atomic<int> running{0};

unsigned next(unsigned* state) { return *state = *state * 1664525u + 1013904223u; }

void churn(unsigned seed) {
  auto* kept = new std::map<unsigned, std::unique_ptr<std::string>>;
  std::vector<void*> blocks(64);
  ++running;
  for (;;) {
    const unsigned chance = next(&seed) >> 8;
    void*& block = blocks[chance % blocks.size()];
    switch (chance % 5) {
      case 0:
        std::free(block);
        block = std::malloc(chance % 5000);
        break;
      case 1:
        block = std::realloc(block, 1 + chance % 70000);
        break;
      case 2:
        (*kept)[chance % 50] = std::make_unique<std::string>(chance % 300, 'x');
        break;
      case 3:
        kept->erase(chance % 50);
        break;
      default:
        delete new std::vector<int>(chance % 2000);
    }
  }
}

}  // namespace

int main() {
  for (unsigned i = 1; i <= 8; ++i) std::thread(churn, i).detach();
  while (running != 8) usleep(100);
  usleep(static_cast<useconds_t>(getpid() % 7) * 300);
  return 7;
}
