// Stacks of a known depth, of which a known part changes from one round to the next: what the micro-benchmarks and the
// counted program run on. Built without frame pointers; every level is a real frame with call sites and a size of its own.
#pragma once

namespace bench {

enum class Shape {
  kSame,   // the loop is in the innermost frame: nothing changes
  kInner,  // the three innermost frames change from round to round: 64 different stacks
  kAll,    // every frame from the loop's inwards changes, its place on the stack included: 1,000 different stacks
};

// What is done at the bottom of the stack.
class Bottom {
 public:
  virtual void loop() = 0;  // all rounds in this one frame (kSame)
  virtual void once() = 0;  // one round (kInner, kAll)
  virtual bool more() = 0;  // counts one more round; false: enough (kInner, kAll)

 protected:
  ~Bottom() = default;
};

constexpr int kLeastLevels = 5;
constexpr int kMostLevels = 120;

// Calls down until loop() or once() is the frame number `levels` from run()'s own, which is number 1. Threads may do so
// at the same time, each with a Bottom of its own. Uses no heap.
void run(Shape shape, int levels, Bottom& bottom);

// Calls bottom.once() once, at the end of a stack of `levels` levels that is the path's own: 0 to 262143.
void run_path(unsigned path, int levels, Bottom& bottom);

// Ends the process with a message unless each shape has the depth and the changes that it claims.
void check_shapes();

}  // namespace bench
