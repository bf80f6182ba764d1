#include "stack_shapes.h"

#include <execinfo.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace bench {
namespace {

constexpr int kSites = 8;        // call sites of a level
constexpr int kInnerPaths = 64;  // two levels with eight sites each
constexpr int kAllPaths =
    1000;  // a multiple of the loop's own four call sites, so that neighbours differ from there on
constexpr int kInnerLevels = 2;  // with the frame of once() itself three

using Turns = std::array<std::uint8_t, kMostLevels>;

template <int kCount>
struct Paths {
  std::array<Turns, kCount> turns;
};

// The call site that each level takes, by path. A plain generator: the same in every run.
constexpr std::uint32_t next_random(std::uint32_t& state) {
  state = state * 1664525U + 1013904223U;
  return state >> 24;
}

Paths<kAllPaths> random_paths() {
  Paths<kAllPaths> paths{};
  std::uint32_t state = 20;
  for (Turns& turns : paths.turns) {
    for (std::uint8_t& turn : turns) turn = static_cast<std::uint8_t>(next_random(state) % kSites);
  }
  return paths;
}

// Neighbours differ in the outer level's site; all pairs of sites come up. Short, so that a branch predictor learns it
// and the calls cost little beside what is measured.
Paths<kInnerPaths> inner_paths() {
  Paths<kInnerPaths> paths{};
  for (int i = 0; i < kInnerPaths; ++i) {
    Turns& turns = paths.turns[static_cast<unsigned>(i)];
    turns[1] = static_cast<std::uint8_t>(i % kSites);
    turns[0] = static_cast<std::uint8_t>((i / kSites * 3 + i * 5) % kSites);
  }
  return paths;
}

const Paths<kAllPaths> all_paths_table = random_paths();
const Paths<kInnerPaths> inner_paths_table = inner_paths();
constexpr Turns kStraight{};

// What the last level calls.
enum class End { kOnce, kLoop, kInnerLoop };

struct Walk {
  Bottom& bottom;
  End end;
  const Turns* turns = &kStraight;
};

void loop_over_inner(Bottom& bottom);

inline void keep(void* room) { __asm__ volatile("" : : "r"(room) : "memory"); }

// Calls once() from one of eight sites of the caller, kept apart by what follows each.
template <int kSite = 0>
[[gnu::always_inline]] inline void once_from_site(int site, Bottom& bottom) {
  if constexpr (kSite < kSites - 1) {
    if (site != kSite) return once_from_site<kSite + 1>(site, bottom);
  }
  bottom.once();
  __asm__ volatile("" : : "i"(kSite));
}

// One frame of a size of its own, which calls the next from the site that the path names. The sums keep the sites apart
// and the calls from being jumps.
template <int kRoom>
[[gnu::noinline]] int level(Walk& walk, int left) {
  char room[kRoom];
  keep(room);
  if (left == 0) {
    switch (walk.end) {
      case End::kOnce:
        once_from_site((*walk.turns)[0], walk.bottom);
        break;
      case End::kLoop:
        walk.bottom.loop();
        break;
      case End::kInnerLoop:
        loop_over_inner(walk.bottom);
        break;
    }
    keep(room);
    return 0;
  }
  switch ((*walk.turns)[static_cast<unsigned>(left)]) {
    case 0:
      return level<16>(walk, left - 1) + 1;
    case 1:
      return level<32>(walk, left - 1) + 2;
    case 2:
      return level<64>(walk, left - 1) + 3;
    case 3:
      return level<112>(walk, left - 1) + 4;
    case 4:
      return level<16>(walk, left - 1) + 5;
    case 5:
      return level<32>(walk, left - 1) + 6;
    case 6:
      return level<64>(walk, left - 1) + 7;
    default:
      return level<112>(walk, left - 1) + 8;
  }
}

volatile int sink;

[[gnu::noinline]] void loop_over_inner(Bottom& bottom) {
  Walk walk{bottom, End::kOnce};
  int sum = 0;
  for (unsigned i = 0; bottom.more(); i = (i + 1) % kInnerPaths) {
    walk.turns = &inner_paths_table.turns[i];
    sum += level<16>(walk, kInnerLevels - 1);
  }
  sink = sum;
}

// The loop over stacks that share nothing below it. The first frame's size differs by a page, so that no frame of one
// stack lies where the same frame of the next one would.
int loop_over_all(Walk& walk, int left) {
  int sum = 0;
  for (unsigned i = 0; walk.bottom.more(); i = i + 1 == kAllPaths ? 0 : i + 1) {
    walk.turns = &all_paths_table.turns[i];
    switch (i % 4) {
      case 0:
        sum += level<4096>(walk, left) + 1;
        break;
      case 1:
        sum += level<8192>(walk, left) + 2;
        break;
      case 2:
        sum += level<12288>(walk, left) + 3;
        break;
      default:
        sum += level<16384>(walk, left) + 4;
        break;
    }
  }
  return sum;
}

}  // namespace

// The frames: run(), the levels (`left` + 1 of them), and the bottom's own; before the last two levels, for kInner,
// loop_over_inner().
[[gnu::noinline]] void run(Shape shape, int levels, Bottom& bottom) {
  if (shape == Shape::kAll) {
    Walk walk{bottom, End::kOnce};
    sink = loop_over_all(walk, levels - 3);
  } else if (shape == Shape::kInner) {
    Walk walk{bottom, End::kInnerLoop};
    sink = level<32>(walk, levels - 4 - kInnerLevels);
  } else {
    Walk walk{bottom, End::kLoop};
    sink = level<32>(walk, levels - 3);
  }
}

[[gnu::noinline]] void run_path(unsigned path, int levels, Bottom& bottom) {
  Turns turns{};
  for (unsigned left = 0; path != 0; ++left, path /= kSites) turns[left] = static_cast<std::uint8_t>(path % kSites);
  Walk walk{bottom, End::kOnce, &turns};
  sink = level<32>(walk, levels - 3);
}

namespace {

// Looks at the stack in each round: how deep it is, and how many return addresses differ from the round before.
class Probe final : public Bottom {
 public:
  explicit Probe(int rounds) : left_(rounds) {}

  // Not inlined where the compiler guesses the class.
  [[gnu::noinline]] void loop() override {
    for (int i = 0; i < 3; ++i) look(backtrace(now_.data(), kMost));
  }
  [[gnu::noinline]] void once() override { look(backtrace(now_.data(), kMost)); }
  bool more() override { return left_-- > 0; }

  int depth() const { return depth_; }
  int least_changed() const { return least_changed_; }
  int most_changed() const { return most_changed_; }

 private:
  static constexpr int kMost = 256;

  // Counts from the innermost frame to the outermost that changed, that one included.
  void look(int depth) {
    if (rounds_++ > 0) {
      int changed = 0;
      for (int i = 0; i < depth; ++i) {
        if (now_[static_cast<unsigned>(i)] != before_[static_cast<unsigned>(i)]) changed = i + 1;
      }
      if (changed < least_changed_) least_changed_ = changed;
      if (changed > most_changed_) most_changed_ = changed;
    }
    depth_ = depth;
    before_ = now_;
  }

  int left_;
  int rounds_ = 0;
  int depth_ = 0;
  int least_changed_ = kMost;
  int most_changed_ = 0;
  std::array<void*, kMost> now_{};
  std::array<void*, kMost> before_{};
};

void expect(bool holds, const char* what, int levels, int found) {
  if (holds) return;
  std::fprintf(stderr, "bench: a stack of %d levels is not what it should be: %s: %d\n", levels, what, found);
  std::exit(1);
}

}  // namespace

void check_shapes() {
  std::array<void*, 256> frames;
  const int here = backtrace(frames.data(), 256);
  for (const int levels : {kLeastLevels + 2, 20, 60}) {
    for (const Shape shape : {Shape::kSame, Shape::kInner, Shape::kAll}) {
      Probe probe(kAllPaths * 2);
      run(shape, levels, probe);
      // backtrace() counts the frame of look()'s caller, which is the bottom's.
      expect(probe.depth() - here == levels, "depth", levels, probe.depth() - here);
      const int inwards = levels;  // frames from run()'s own to the innermost
      const int wanted = shape == Shape::kSame ? 0 : shape == Shape::kInner ? kInnerLevels + 1 : inwards;
      expect(probe.least_changed() == wanted && probe.most_changed() == wanted, "changed", levels,
             probe.least_changed());
    }
  }
}

}  // namespace bench
