// The blocks of the host's heap that Weir has the driver page-lock (host_pins.h), and those that the program has freed meanwhile, which
// are kept aside until the driver has let go of them. Only data: nothing here calls the driver or the heap.
//
// Any thread, inside Weir (core::Guard) or not: the heap's own frees come here, so that nothing may be called that waits for anybody.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "core/spin_lock.h"
#include "core/treap.h"

namespace weir::cuda::pool {

struct HostRange {
  uint64_t address = 0;
  uint64_t bytes = 0;  // 0: none
};

// One block, alone on its pages: the range is of whole pages and holds nothing else of the program's.
struct HostPin {
  // refused: not registered, and not to be asked for again while the block lives. changing: a thread is in the driver.
  enum class State : uint8_t { refused, changing, registered };

  uint64_t key() const { return start; }
  uint64_t end() const { return start + bytes; }

  HostPin* left;
  HostPin* right;
  HostPin* earlier_aside;
  HostPin* later_aside;
  uint64_t start;
  uint64_t bytes;
  uint64_t context;  // that it is registered in; 0: in none
  uint32_t priority;
  uint32_t users;  // copies under way
  State state;
  bool is_aside;     // the program has freed it
  bool is_unwanted;  // to be unregistered as soon as nobody copies it
  bool is_void;      // its context ended while the driver was asked
  bool is_stuck;     // the driver refused to let go of it
};

struct HostPinFigures {
  uint64_t registered_bytes, registered_count;  // now, those aside too
  uint64_t peak_bytes;
  uint64_t aside_bytes, aside_count;  // freed by the program
  uint64_t register_count, register_bytes;
  uint64_t refused_count;     // registrations that the driver refused
  uint64_t unregister_count;  // at the program's wish or Weir's own; not those that ended with their context
  uint64_t reuse_count;       // blocks that were handed out again as they were, registered
  uint64_t copy_count, copy_bytes;
  uint64_t wait_count;     // asynchronous copies that were waited for, as those of pageable memory are
  uint64_t driver_cycles;  // spent in registering and unregistering
};

// How many blocks the table knows, and how many of them are aside: a heap without any pays a load.
inline constinit std::atomic<uint32_t> host_pin_count{0};
inline constinit std::atomic<uint32_t> host_pins_aside{0};
inline bool has_host_pins() { return host_pin_count.load(std::memory_order_relaxed) != 0; }
inline bool has_host_pins_aside() { return host_pins_aside.load(std::memory_order_relaxed) != 0; }

class HostPinTable {
 public:
  static constexpr uint32_t kMostPins = 4096;

  // What is to be done by whoever has changed a block's standing.
  enum class Next : uint8_t { nothing, unregister, give_back };
  struct Step {
    Next next = Next::nothing;
    HostPin* pin = nullptr;  // to unregister: `changing`, the caller's until unregistered()
    uint64_t start = 0;      // to give back to the heap; the table has forgotten it
  };

  enum class Found : uint8_t { unknown, refused, held, to_unregister };
  // Of the block that holds the range's first byte. held: the block is registered, or being so, and stays so until let_go(). A range that
  // goes beyond its block, and a block that is unwanted, are to be the driver's as they are: to_unregister, once nobody copies it.
  Found hold(const HostRange& range, HostPin** pin);

  // Enters a block that the driver is about to be asked for, held. nullptr: it is known already, the table is closed, or so many bytes would
  // be more than `most_bytes` altogether.
  HostPin* enter(const HostRange& block, uint64_t context, uint64_t most_bytes);
  // What the driver has answered.
  void registered(HostPin& pin, bool is_done);
  Step unregistered(HostPin& pin, bool is_done);
  Step let_go(HostPin& pin);

  // The program frees the block that begins there. False: the heap may have it now.
  bool set_aside(uint64_t start);
  // Takes a block out of those aside that serves a request for so many bytes; 0: there is none.
  uint64_t take_aside(uint64_t bytes);

  // One at a time, until there is nothing more to do:
  // of those aside, the longest first, until at most so many bytes are left.
  Step next_aside_beyond(uint64_t keep_bytes);
  // Of those in the range that are unwanted. *is_busy: there is one that somebody copies or asks the driver for.
  Step next_unwanted(const HostRange& range, bool* is_busy);
  // Of those whose registration ended with its context, or with all of them.
  static constexpr uint64_t kAnyContext = UINT64_MAX;
  Step next_of_ended(uint64_t context);

  // Blocks in the range are not to stay registered, now and later.
  void reject(const HostRange& range);
  // From now on nothing is entered, and all blocks are unwanted.
  void close();

  // Whether a block begins there that the table knows: its free is to come by.
  bool knows(uint64_t start);
  // Whether the address lies in a block that is registered.
  bool holds(uint64_t address);

  void count_copy(uint64_t bytes);
  void count_wait();
  void count_cycles(uint64_t cycles);
  HostPinFigures figures();

  // In a forked child, which can use nothing of its parent's from the driver.
  void reset_after_fork();

 private:
  HostPin* find(uint64_t address);
  HostPin* first_from(uint64_t address) { return core::node_at_or_above(pins_, address); }
  HostPin* first_in(const HostRange& range);
  void insert(HostPin& pin);
  void remove(HostPin& pin);
  void link_aside(HostPin& pin);
  void unlink_aside(HostPin& pin);
  void leave_driver(HostPin& pin);
  Step settle(HostPin& pin);

  core::SpinLock lock_;
  HostPin* pins_ = nullptr;
  HostPin* first_aside_ = nullptr;
  HostPin* last_aside_ = nullptr;
  core::PrioritySource priorities_;
  HostPinFigures figures_{};
  bool is_closed_ = false;
};

extern constinit HostPinTable host_pin_table;

}  // namespace weir::cuda::pool
