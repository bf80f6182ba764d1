// Streams that run: each has a thread of its own, which does its work in order and beside the others'. Ordering between streams, by
// events and by the legacy default stream, is in tickets: how much of another stream's work must be done before a piece of work.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "driver.h"

namespace simcuda {

struct Context;
struct Graph;
class Stream;
using StreamPointer = std::shared_ptr<Stream>;

// The first `count` pieces of a stream's work.
struct Ticket {
  StreamPointer stream;
  uint64_t count;
  bool is_done() const;
};
using Tickets = std::vector<Ticket>;
bool are_done(const Tickets& tickets);

// What a stream's thread runs, without the lock.
using Task = std::function<void()>;

enum class StreamKind : uint8_t { created, legacy_default, per_thread_default };

// A stream's part of a capture: nodes go into the graph instead of being run.
struct Capture {
  std::shared_ptr<Graph> graph;
  uint64_t id;
  uint64_t origin;  // id of the stream that it began in; others have joined
  CUstreamCaptureMode mode;
  std::thread::id thread;
  bool valid = true;  // of the whole capture: shared by its streams
};

class Stream : public std::enable_shared_from_this<Stream> {
 public:
  Stream(Context& owner, StreamKind stream_kind, unsigned stream_flags, int stream_priority)
      : context(owner), kind(stream_kind), flags(stream_flags), priority(stream_priority) {}

  // Waits for the legacy default stream, which waits for it.
  bool is_blocking() const { return kind != StreamKind::legacy_default && (flags & CU_STREAM_NON_BLOCKING) == 0; }
  bool is_idle() const { return done == enqueued; }
  Ticket ticket() { return {shared_from_this(), enqueued}; }

  // Has the task run after all that is before it and after `others`.
  void enqueue(Lock&, Task task, Tickets others = {});

  // No further work comes: the thread ends when it has done its own.
  void close(Lock&);

  Context& context;
  const StreamKind kind;
  const unsigned flags;
  const int priority;
  const uint64_t id = next_id();
  uint64_t enqueued = 0, done = 0;
  std::shared_ptr<Capture> capture;  // none: it does not capture
  std::vector<CUgraphNode> capture_dependencies;

 private:
  struct Work {
    Task task;
    Tickets after;
  };
  static uint64_t next_id();
  void run();
  void wait_for_work(Lock&);

  std::deque<Work> waiting_;
  std::condition_variable work_came_;  // or may be done now, or will come no more
  bool has_thread_ = false, is_closed_ = false;
};

// Waits for them, without the lock meanwhile.
void wait_for(Lock&, const Tickets& tickets);

struct Event {
  Context& context;
  unsigned flags;
  Tickets recorded = {};  // of nothing: done
  bool was_recorded = false;
  std::shared_ptr<std::chrono::steady_clock::time_point> time = {};  // when what was recorded was done
  std::shared_ptr<Capture> capture = {};                             // recorded into a capture
  std::vector<CUgraphNode> capture_dependencies = {};
};

// The stream of a handle, in the current context: null and CU_STREAM_LEGACY, CU_STREAM_PER_THREAD, or a created one. `per_thread`: null
// means the thread's own.
Stream& stream_of(CUstream handle, bool per_thread);
Event& event_of(CUevent handle);

// All of a context's work so far, of a primary one with that of its green contexts.
Tickets work_of(Context& context);

// cuCtxRecordEvent() and cuCtxWaitEvent() but for the name.
CUresult record_work_of(const char* name, CUcontext context, CUevent event);
CUresult have_wait(const char* name, CUcontext context, CUevent event);

// A new stream of the context.
CUstream add_stream(Context& context, unsigned flags, int priority);

}  // namespace simcuda
