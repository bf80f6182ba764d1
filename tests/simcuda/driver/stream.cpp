#include "stream.h"

#include <set>
#include <thread>

#include "context.h"

namespace simcuda {
namespace {

// Neither is ever destroyed: streams' threads outlive main.
//
// Notified whenever a piece of work was done, for calls that wait.
std::condition_variable& progress() {
  static auto* const condition = new std::condition_variable;
  return *condition;
}

// Those whose next piece of work waits for other streams': only they are woken when one is done.
std::set<Stream*>& held_up() {
  static auto* const all = new std::set<Stream*>;
  return *all;
}

}  // namespace

bool Ticket::is_done() const { return stream->done >= count; }

bool are_done(const Tickets& tickets) {
  for (const Ticket& ticket : tickets) {
    if (!ticket.is_done()) return false;
  }
  return true;
}

uint64_t Stream::next_id() {
  static std::atomic<uint64_t> last{0};
  return ++last;
}

void Stream::enqueue(Lock&, Task task, Tickets others) {
  if (kind == StreamKind::legacy_default) {
    for (const auto& [handle, stream] : context.streams) {
      if (stream->is_blocking() && !stream->is_idle()) others.push_back(stream->ticket());
    }
  } else if (is_blocking() && !context.legacy_stream->is_idle()) {
    others.push_back(context.legacy_stream->ticket());
  }
  ++enqueued;
  waiting_.push_back({std::move(task), std::move(others)});
  if (!has_thread_) {
    has_thread_ = true;
    std::thread([self = shared_from_this()] { self->run(); }).detach();
  }
  work_came_.notify_one();
}

void Stream::close(Lock&) {
  is_closed_ = true;
  work_came_.notify_one();
}

void Stream::wait_for_work(Lock& lock) {
  while (waiting_.empty() ? !is_closed_ : !are_done(waiting_.front().after)) {
    if (!waiting_.empty()) held_up().insert(this);
    work_came_.wait(lock);
    held_up().erase(this);
  }
}

void Stream::run() {
  Lock lock(driver_mutex());
  for (;;) {
    wait_for_work(lock);
    if (waiting_.empty()) return;
    {
      const Work work = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      work.task();
    }
    lock.lock();
    ++done;
    progress().notify_all();
    for (Stream* const other : held_up()) other->work_came_.notify_one();
  }
}

void wait_for(Lock& lock, const Tickets& tickets) {
  progress().wait(lock, [&] { return are_done(tickets); });
}

Stream& stream_of(CUstream handle, bool per_thread) {
  Context& context = current_context();
  if (handle == CU_STREAM_PER_THREAD || (handle == nullptr && per_thread)) return context.stream_of_this_thread();
  if (handle == CU_STREAM_LEGACY || handle == nullptr) return *context.legacy_stream;
  for (Context* any : all_contexts()) {
    const auto found = any->streams.find(handle);
    if (found != any->streams.end()) return *found->second;
  }
  refuse(CUDA_ERROR_INVALID_HANDLE);
}

Tickets work_of(Context& context) {
  Tickets tickets;
  for (const Context* of : with_green_contexts(context)) {
    tickets.push_back(of->legacy_stream->ticket());
    for (const auto& [handle, stream] : of->streams) tickets.push_back(stream->ticket());
  }
  return tickets;
}

}  // namespace simcuda
