// Captures that run, each by the stream that it began in: nothing but the end of that capture, of that stream, or of its context ends one.
// What a thread leaves captured in its own default stream when it ends is taken to run on.
//
// Any thread.
#pragma once

#include "cuda/call.h"

namespace weir::cuda {

// Where a capture begins. A thread's default stream is another one in each thread and each context, by one handle.
struct CaptureOrigin {
  uint64_t stream;
  const void* thread;  // nullptr: a stream that was created
  uint64_t context;    // of a green context's stream its device's primary one
  uint64_t green;      // 0: not of a green context

  bool is_same(const CaptureOrigin& other) const {
    if (stream != other.stream || thread != other.thread) return false;
    return thread == nullptr || context == other.context;
  }
};

// Around a call that begins a capture in that stream: it counts from before the call on.
class CaptureBeginning {
 public:
  CaptureBeginning(const Call& call, Stream stream);
  CaptureBeginning(const CaptureBeginning&) = delete;
  CaptureBeginning& operator=(const CaptureBeginning&) = delete;

  void finish(Result result) const;

 private:
  CaptureOrigin origin_;
};

// Captures are numbered as they begin. A call that ends some asks for this before: what has a greater number began after it.
uint64_t last_capture();

// The capture that began in that stream has ended. Others, of which only a part is in it, go on.
void note_capture_ended(const Call& call, Stream stream, uint64_t last);

// A stream is no more, or a context with all of its streams: what began there can be ended by nobody. The public cuda.h does not say what
// becomes of it. Should a driver go on to count it, then calls of Weir's are refused as in a capture that Weir has not seen begin.
void note_captures_ended_with_stream(Stream stream, uint64_t last);
void note_captures_ended_with_context(uint64_t context, uint64_t last);
void note_captures_ended_with_green_context(GreenContext context, uint64_t last);

// While there is none, no stream is asked. Cost: a load.
bool any_capture();

// Around a call of Weir's own that a capture forbids, or that would make one invalid. False where a stream is being captured: the call may
// not be made. A capture that another thread begins meanwhile waits until the call is over, but not for ever: what is long in the
// driver has passed the place where it looks for captures, and may be waiting for that very thread.
class OutsideCaptures {
 public:
  OutsideCaptures();
  ~OutsideCaptures();
  OutsideCaptures(const OutsideCaptures&) = delete;
  OutsideCaptures& operator=(const OutsideCaptures&) = delete;

  explicit operator bool() const { return is_outside_; }

 private:
  bool is_outside_;
};

// The driver has been unloaded, and all captures with it.
void forget_captures();

void running_captures_reset_after_fork();

}  // namespace weir::cuda
