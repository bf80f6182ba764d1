// The threads that are being stopped: one entry each, in memory that the helper process shares, found by the thread's number.
//
// One thread, the stopper, adds entries; a handler of the parking signal and the helper change the state of theirs. Entries stay
// where they are.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "leak/thread_stop.h"

namespace weir::leak {

// Who may leave a state is in brackets.
enum class ThreadState : uint32_t {
  fresh,         // to be asked [stopper]
  asked,         // the signal is sent [the thread; the stopper, when it gives up]
  answering,     // the thread writes its registers down [the thread]
  busy,          // it holds one of Weir's locks or moves a block, goes on and is to be asked again [stopper]
  wants_trace,   // the helper is to stop it [helper; the stopper, where there is no helper]
  being_traced,  // it has been told to stop [helper; the stopper, when it gives up]
  traced,        // stopped, registers written down [stopper]
  let_go,        // the helper is to let it go on: it holds one of Weir's locks [helper]
  trace_failed,  // [stopper]
  parked,        // stopped for good, registers written down
  traced_for_good,
  masked,  // it has the mask that its program asked for (Purpose::true_masks)
  unknown,
  gone,
};

inline bool is_settled(ThreadState state) { return state >= ThreadState::parked; }

struct ThreadEntry {
  std::atomic<ThreadState> state;
  int task;                    // its number in /proc, which may be another namespace's
  uint32_t signal_to_deliver;  // to the traced thread when it goes on; 0: none
  uint64_t since_ns;           // of the state, by the stopper's patience
  uint64_t blocked_since_ns;   // since when it has been seen to block the parking signal; 0: not
  StoppedThread thread;
};

// What the parking signal is sent for.
enum class Purpose : uint32_t {
  stop,
  true_masks,  // give the thread the mask that its program asked for (signal_set.h)
};

class ThreadTable {
 public:
  // Room for `capacity` threads, and for the vector registers of as many traced ones. nullptr where the kernel gives no memory.
  static ThreadTable* create(Purpose purpose, size_t capacity);
  static void destroy(ThreadTable* table);

  Purpose purpose() const { return purpose_; }
  size_t mapped_bytes() const { return mapped_bytes_; }  // from the table's own address on
  size_t size() const { return count_.load(std::memory_order_acquire); }
  ThreadEntry& operator[](size_t index) { return entries_[index]; }
  const ThreadEntry& operator[](size_t index) const { return entries_[index]; }

  // Stopper only. nullptr where the table is full.
  ThreadEntry* add(int tid, int task);
  // Any thread, handlers included. Cost: a probe or two.
  ThreadEntry* find(int tid);

  // For the stopper: indices of entries, one place for each.
  uint32_t* listed() { return listed_; }
  const uint32_t* listed() const { return listed_; }

  // Where the helper keeps the vector registers of the entry's thread, and how many bytes there are.
  void* extended_of(size_t index) { return extended_ + index * extended_bytes_; }
  size_t extended_bytes() const { return extended_bytes_; }

  // Room for the caller's own things, which the helper shares as well: zero at first.
  static constexpr size_t kSpareBytes = 256;
  void* spare() { return spare_; }

  // Answers of threads: `arrived` is counted up by each, and who brings it to `awaited` wakes the stopper.
  void tell_stopper();
  std::atomic<uint32_t> arrived;
  std::atomic<uint32_t> awaited;

  // Threads whose system call would end early, with EINTR, do not go on when the round is over.
  std::atomic<bool> keeps_sleepers;

  uint32_t round;  // by which its handlers know that theirs is over (parking.cpp)

  // Of core::thread_slot.locks_held, and moving_blocks behind it, from a thread's fs base.
  intptr_t locks_held_offset;

 private:
  size_t slot_of(int tid) const { return (static_cast<uint32_t>(tid) * 2654435761U) & (slot_count_ - 1); }

  size_t mapped_bytes_;
  Purpose purpose_;
  size_t capacity_;
  std::atomic<size_t> count_;
  size_t slot_count_;             // a power of two
  std::atomic<uint32_t>* slots_;  // index of an entry + 1; 0: none
  ThreadEntry* entries_;
  uint32_t* listed_;
  char* extended_;
  size_t extended_bytes_;
  alignas(64) char spare_[kSpareBytes];
};

// True where the thread whose fs base is given holds one of Weir's locks, or is about to take one, or is moving a block. It must be stopped
// or be the caller. Of a thread that the libc did not make nothing is known: false.
bool is_busy(const ThreadTable& table, uintptr_t thread_pointer);

}  // namespace weir::leak
