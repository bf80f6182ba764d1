// Static objects at the end: one gives its block back, one forgets it, one never had a destructor: reachable 1 x 32, definite 1 x 40.
#include <memory>

#include "leak.h"

struct Forgetful {
  char* volatile block = nullptr;
  ~Forgetful() { block = nullptr; }
};

static std::unique_ptr<char[]> gives_back;
static Forgetful forgets;
static char* volatile stays;

OWN_FRAME void leak_forgotten() { forgets.block = static_cast<char*>(filled(new char[40], 40)); }
OWN_FRAME void keep_stays() { stays = static_cast<char*>(filled(new char[32], 32)); }
OWN_FRAME void leak_never() {
  gives_back.reset(static_cast<char*>(filled(new char[48], 48)));
}  // freed by the destructor, and in no list

int main() {
  leak_forgotten();
  keep_stays();
  leak_never();
  scrub();
}
