#include "cuda/pool/host_pin_table.h"

#include "core/arena.h"
#include "core/guard.h"

namespace weir::cuda::pool {
namespace {

using State = HostPin::State;

bool overlaps(const HostPin& pin, const HostRange& range) {
  return pin.start < range.address + range.bytes && range.address < pin.end();
}

bool is_idle_registered(const HostPin& pin) {
  return pin.state == State::registered && pin.users == 0 && !pin.is_stuck;
}

// A request gets a block that is little larger, as the heap's own size classes are: the rest would lie idle.
bool serves(const HostPin& pin, uint64_t bytes) {
  constexpr uint64_t kMostSlack = uint64_t{64} << 10;
  return pin.bytes >= bytes && pin.bytes - bytes <= bytes / 8 + kMostSlack;
}

// Around a change, or a look: the heap's frees come here too, and a signal handler's must not meet the lock that it interrupted.
class Change {
 public:
  explicit Change(core::SpinLock& lock) : scope_(lock) {}

 private:
  core::Guard guard_;
  core::LockScope scope_;
};

}  // namespace

constinit HostPinTable host_pin_table;

HostPin* HostPinTable::find(uint64_t address) {
  HostPin* pin = core::node_at_or_below(pins_, address);
  return pin != nullptr && address < pin->end() ? pin : nullptr;
}

// Or behind the range.
HostPin* HostPinTable::first_in(const HostRange& range) {
  HostPin* pin = find(range.address);
  return pin != nullptr ? pin : first_from(range.address);
}

void HostPinTable::insert(HostPin& pin) {
  HostPin* below;
  HostPin* above;
  core::split_tree(pins_, pin.key(), &below, &above);
  pins_ = core::join_trees(core::join_trees(below, &pin), above);
  host_pin_count.fetch_add(1, std::memory_order_relaxed);
}

void HostPinTable::remove(HostPin& pin) {
  if (pin.is_aside) unlink_aside(pin);
  core::take_from_tree(&pins_, pin.key());
  host_pin_count.fetch_sub(1, std::memory_order_relaxed);
  core::arena_release(&pin, sizeof pin);
}

void HostPinTable::link_aside(HostPin& pin) {
  pin.is_aside = true;
  pin.earlier_aside = last_aside_;
  pin.later_aside = nullptr;
  (last_aside_ == nullptr ? first_aside_ : last_aside_->later_aside) = &pin;
  last_aside_ = &pin;
  figures_.aside_bytes += pin.bytes;
  ++figures_.aside_count;
  host_pins_aside.fetch_add(1, std::memory_order_relaxed);
}

void HostPinTable::unlink_aside(HostPin& pin) {
  (pin.earlier_aside == nullptr ? first_aside_ : pin.earlier_aside->later_aside) = pin.later_aside;
  (pin.later_aside == nullptr ? last_aside_ : pin.later_aside->earlier_aside) = pin.earlier_aside;
  pin.is_aside = false;
  figures_.aside_bytes -= pin.bytes;
  --figures_.aside_count;
  host_pins_aside.fetch_sub(1, std::memory_order_relaxed);
}

// The driver has it no more, or never had.
void HostPinTable::leave_driver(HostPin& pin) {
  if (pin.context != 0) {
    figures_.registered_bytes -= pin.bytes;
    --figures_.registered_count;
  }
  pin.context = 0;
  pin.is_void = pin.is_stuck = false;
}

// After its standing has changed.
HostPinTable::Step HostPinTable::settle(HostPin& pin) {
  if (pin.users != 0 || pin.state == State::changing) return {};
  if (pin.context != 0) {
    if (!pin.is_unwanted || pin.is_stuck) return {};
    pin.state = State::changing;
    return {Next::unregister, &pin, 0};
  }
  const uint64_t start = pin.start;
  const bool was_aside = pin.is_aside;
  if (was_aside || pin.state != State::refused) remove(pin);
  return was_aside ? Step{Next::give_back, nullptr, start} : Step{};
}

HostPinTable::Found HostPinTable::hold(const HostRange& range, HostPin** pin) {
  const Change change(lock_);
  *pin = find(range.address);
  if (*pin == nullptr) return Found::unknown;
  HostPin& found = **pin;
  if (found.state == State::refused) return Found::refused;
  if (range.bytes > found.end() - range.address) found.is_unwanted = true;
  if (found.is_unwanted && is_idle_registered(found)) {
    found.state = State::changing;
    return Found::to_unregister;
  }
  ++found.users;
  return Found::held;
}

HostPin* HostPinTable::enter(const HostRange& block, uint64_t context, uint64_t most_bytes) {
  const Change change(lock_);
  const HostPin* below = core::node_at_or_below(pins_, block.address + block.bytes - 1);
  const bool is_known = below != nullptr && overlaps(*below, block);
  const uint64_t left = most_bytes > figures_.registered_bytes ? most_bytes - figures_.registered_bytes : 0;
  if (is_closed_ || is_known || block.bytes > left || host_pin_count.load(std::memory_order_relaxed) >= kMostPins) {
    return nullptr;
  }
  auto* pin = core::arena_array<HostPin>(1);
  if (pin == nullptr) return nullptr;
  *pin = {};
  pin->start = block.address;
  pin->bytes = block.bytes;
  pin->context = context;
  pin->priority = priorities_.next();
  pin->users = 1;
  pin->state = State::changing;
  insert(*pin);
  figures_.registered_bytes += pin->bytes;
  ++figures_.registered_count;
  return pin;
}

void HostPinTable::registered(HostPin& pin, bool is_done) {
  const Change change(lock_);
  const bool has_ended = pin.is_void;
  if (!is_done || has_ended) leave_driver(pin);
  pin.state = is_done ? State::registered : State::refused;
  if (!is_done) {
    ++figures_.refused_count;
    return;
  }
  ++figures_.register_count;
  figures_.register_bytes += pin.bytes;
  if (figures_.registered_bytes > figures_.peak_bytes) figures_.peak_bytes = figures_.registered_bytes;
}

HostPinTable::Step HostPinTable::unregistered(HostPin& pin, bool is_done) {
  const Change change(lock_);
  if (is_done || pin.is_void) {
    figures_.unregister_count += is_done;
    leave_driver(pin);
    pin.state = State::refused;
  } else {
    pin.state = State::registered;
    pin.is_stuck = true;
  }
  return settle(pin);
}

HostPinTable::Step HostPinTable::let_go(HostPin& pin) {
  const Change change(lock_);
  --pin.users;
  return settle(pin);
}

bool HostPinTable::set_aside(uint64_t start) {
  const Change change(lock_);
  HostPin* pin = find(start);
  if (pin == nullptr || pin->start != start || pin->is_aside) return false;
  if (pin->state == State::refused && pin->users == 0) {
    remove(*pin);
    return false;
  }
  link_aside(*pin);
  return true;
}

uint64_t HostPinTable::take_aside(uint64_t bytes) {
  const Change change(lock_);
  for (HostPin* pin = first_aside_; pin != nullptr; pin = pin->later_aside) {
    if (pin->context == 0 || pin->is_unwanted || !is_idle_registered(*pin) || !serves(*pin, bytes)) continue;
    unlink_aside(*pin);
    ++figures_.reuse_count;
    return pin->start;
  }
  return 0;
}

HostPinTable::Step HostPinTable::next_aside_beyond(uint64_t keep_bytes) {
  const Change change(lock_);
  for (HostPin* pin = first_aside_; pin != nullptr; pin = pin->later_aside) {
    if (pin->users != 0 || pin->state == State::changing) continue;
    if (pin->context == 0) return settle(*pin);
    if (pin->is_stuck || !(pin->is_unwanted || figures_.aside_bytes > keep_bytes)) continue;
    pin->state = State::changing;
    return {Next::unregister, pin, 0};
  }
  return {};
}

HostPinTable::Step HostPinTable::next_unwanted(const HostRange& range, bool* is_busy) {
  const Change change(lock_);
  *is_busy = false;
  for (HostPin* pin = first_in(range); pin != nullptr && overlaps(*pin, range); pin = first_from(pin->end())) {
    if (!pin->is_unwanted || pin->context == 0) continue;
    if (is_idle_registered(*pin)) {
      pin->state = State::changing;
      return {Next::unregister, pin, 0};
    }
    *is_busy = *is_busy || !pin->is_stuck;
  }
  return {};
}

HostPinTable::Step HostPinTable::next_of_ended(uint64_t context) {
  const Change change(lock_);
  for (HostPin* pin = first_from(0); pin != nullptr;) {
    HostPin* const next = first_from(pin->end());
    const bool has_ended = pin->context != 0 && (context == kAnyContext || pin->context == context);
    if (has_ended && pin->state == State::changing) {
      pin->is_void = true;
    } else if (has_ended) {
      leave_driver(*pin);
      const Step step = settle(*pin);
      if (step.next != Next::nothing) return step;
    }
    pin = next;
  }
  return {};
}

void HostPinTable::reject(const HostRange& range) {
  const Change change(lock_);
  for (HostPin* pin = first_in(range); pin != nullptr && overlaps(*pin, range); pin = first_from(pin->end())) {
    pin->is_unwanted = true;
  }
}

void HostPinTable::close() {
  const Change change(lock_);
  is_closed_ = true;
  for (HostPin* pin = first_from(0); pin != nullptr; pin = first_from(pin->end())) pin->is_unwanted = true;
}

bool HostPinTable::knows(uint64_t start) {
  const Change change(lock_);
  return find(start) != nullptr;
}

bool HostPinTable::holds(uint64_t address) {
  const Change change(lock_);
  const HostPin* pin = find(address);
  return pin != nullptr && pin->context != 0;
}

void HostPinTable::count_copy(uint64_t bytes) {
  const Change change(lock_);
  ++figures_.copy_count;
  figures_.copy_bytes += bytes;
}

void HostPinTable::count_wait() {
  const Change change(lock_);
  ++figures_.wait_count;
}

void HostPinTable::count_cycles(uint64_t cycles) {
  const Change change(lock_);
  figures_.driver_cycles += cycles;
}

HostPinFigures HostPinTable::figures() {
  const Change change(lock_);
  return figures_;
}

void HostPinTable::reset_after_fork() {
  lock_.reset_after_fork();
  pins_ = first_aside_ = last_aside_ = nullptr;
  figures_ = {};
  host_pin_count.store(0, std::memory_order_relaxed);
  host_pins_aside.store(0, std::memory_order_relaxed);
}

}  // namespace weir::cuda::pool
