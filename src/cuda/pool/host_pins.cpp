#include "cuda/pool/host_pins.h"

#include <sys/utsname.h>

#include <cstring>

#include "core/arena.h"
#include "core/clock.h"
#include "core/confinement.h"
#include "core/system_call.h"
#include "cuda/allocation_table.h"
#include "cuda/capture.h"
#include "cuda/driver.h"
#include "cuda/pool/configuration.h"
#include "cuda/pool/current_for.h"
#include "cuda/pool/memory_limit.h"
#include "cuda/pool/pool_state.h"
#include "cuda/pool/surroundings.h"
#include "cuda/signatures.h"

namespace weir::cuda::pool {
namespace {

using Next = HostPinTable::Next;
using Step = HostPinTable::Step;
using Found = HostPinTable::Found;

constexpr HostRange kEverywhere{0, UINT64_MAX};
constexpr unsigned kWithoutTiming = 2;  // CU_EVENT_DISABLE_TIMING
constexpr uint64_t kSmallCopyBytes = uint64_t{64} << 10;

uint64_t least_block_bytes;  // fixed at start
HostBlocks heap;
std::atomic<const char*> why_stopped{nullptr};
std::atomic<bool> is_examined{false};
std::atomic<uint64_t> not_before_cycles{0};  // there was no room: not looked at again until then

// ---- Where it cannot be told from pageable memory ----

bool is_kernel_old() {
  utsname name{};
  const long result = core::system_call(SYS_uname, core::as_argument(&name));
  // Since 5.12 a fork copies registered pages for the child. Before, the next write of either process took the page from under the
  // registration. Source: the kernel's history of mm/memory.c, copy_present_page().
  constexpr unsigned kMajor = 5, kMinor = 12;
  return core::failed(result) || !is_release_from(name.release, kMajor, kMinor);
}

// Copies of pageable memory may be asynchronous there, and kernels may be at work on the block that is registered.
bool does_any_device_read_pageable() {
  const DriverQueries& driver = driver_queries();
  int count = 0;
  if (driver.get_device_count == nullptr || driver.get_device_attribute == nullptr) return false;
  if (driver.get_device_count(&count) != Result::success) return false;
  for (Device device = 0; device < count; ++device) {
    int does_read = 0;
    if (driver.get_device_attribute(&does_read, kDeviceReadsPageable, device) == Result::success && does_read != 0) {
      return true;
    }
  }
  return false;
}

void examine(const Call& call) {
  if (is_examined.load(std::memory_order_acquire)) return;
  if (is_kernel_old()) stop_host_pins(call, "the kernel is older than 5.12: a fork would take registered pages away");
  const InDriver in_driver(call.caller.sp);
  if (does_any_device_read_pageable()) stop_host_pins(call, "a device reads pageable memory itself");
  is_examined.store(true, std::memory_order_release);
}

bool may_register(const Call& call) {
  if (why_stopped.load(std::memory_order_relaxed) != nullptr || core::system_calls_restricted()) return false;
  look_around();
  if (is_turned_off()) return false;
  examine(call);
  return why_stopped.load(std::memory_order_relaxed) == nullptr;
}

// ---- Registering ----

// At most a quarter of the host's memory altogether, and no block that would take half of what is free: it may never have been touched. Where
// there is no room it is not looked at again for a while: that reads files of the kernel's.
HostPin* enter_where_room(const HostRange& pages, uint64_t context) {
  constexpr uint64_t kPauseCycles = uint64_t{1} << 28;  // about a tenth of a second
  constexpr uint64_t kShare = 4, kShareOfFree = 2;
  const uint64_t now = core::read_cycles();
  if (now < not_before_cycles.load(std::memory_order_relaxed)) return nullptr;
  const HostMemory memory = host_memory();
  const bool is_small_enough = pages.bytes <= memory.available_bytes / kShareOfFree;
  HostPin* pin = is_small_enough ? host_pin_table.enter(pages, context, memory.most_bytes / kShare) : nullptr;
  if (pin == nullptr) not_before_cycles.store(now + kPauseCycles, std::memory_order_relaxed);
  return pin;
}

// Enters the block that holds the range, if it is one to be registered.
HostPin* enter_block(const HostRange& range, uint64_t context) {
  const core::Guard guard;
  HostBlock block{};
  Allocation own;
  if (!heap.find(guard.token(), range.address, &block) || block.asked_bytes < least_block_bytes) return nullptr;
  if (range.bytes > block.pages.address + block.pages.bytes - range.address) return nullptr;
  if (find_allocation(Space::registration, range.address, &own)) return nullptr;  // by the program
  if (host_pin_table.figures().aside_bytes > settings().most_pinned_bytes) return nullptr;
  return enter_where_room(block.pages, context);
}

Result ask_to_register(const Call& call, const HostPin& pin) {
  const InDriver in_driver(call.caller.sp);
  const auto start = reinterpret_cast<void*>(pin.start);
  const Entry entry =
      driver_function(Entry::cuMemHostRegister_v2) != nullptr ? Entry::cuMemHostRegister_v2 : Entry::cuMemHostRegister;
  return call_driver_function<signature::MemHostRegister>(entry, start, size_t{pin.bytes}, kRegisterPortable);
}

// True also where it is not registered any more.
bool ask_to_unregister(const Call& call, const HostPin& pin) {
  const InDriver in_driver(call.caller.sp);
  const CaptureRelaxed relaxed(CaptureRelaxed::When::always);
  const CurrentFor current(call, pin.context);
  if (!current.is_current()) return false;
  const auto start = reinterpret_cast<void*>(pin.start);
  const Result result = call_driver_function<signature::MemHostUnregister>(Entry::cuMemHostUnregister, start);
  return result == Result::success || result == Result::host_memory_not_registered;
}

// Does what a change of the table asks for. Returns the bytes that the heap has back.
uint64_t perform(const Call& call, Step step) {
  uint64_t bytes = 0;
  while (step.next == Next::unregister) {
    const uint64_t before = core::read_cycles();
    const uint64_t held = step.pin->bytes;
    const bool is_done = ask_to_unregister(call, *step.pin);
    const uint64_t cycles = core::read_cycles() - before;
    step = host_pin_table.unregistered(*step.pin, is_done);
    host_pin_table.count_cycles(cycles);
    if (step.next == Next::give_back) bytes = held;
  }
  const core::Guard guard;
  if (step.next == Next::give_back) heap.give_back(guard.token(), step.start);
  return bytes;
}

void let_go(const Call& call, HostPin& pin) { perform(call, host_pin_table.let_go(pin)); }

// A green context is not registered in: nobody is told which one ends.
bool serves(const ContextState* context) {
  if (context == nullptr || context->is_broken || context->endings != 0) return false;
  const ContextState* owner = context->owner;
  return owner == context || (owner == nullptr && !context->may_be_green);
}

HostPin* register_block(const Call& call, const HostRange& range) {
  if (range.bytes <= kSmallCopyBytes || !may_register(call)) return nullptr;
  const ContextState* context = current_context(call);
  const OutsideCaptures outside;
  if (!serves(context) || !outside) return nullptr;
  HostPin* pin = enter_block(range, context->handle);
  if (pin == nullptr) return nullptr;
  const uint64_t before = core::read_cycles();
  const Result result = ask_to_register(call, *pin);
  const uint64_t cycles = core::read_cycles() - before;
  host_pin_table.registered(*pin, result == Result::success);
  host_pin_table.count_cycles(cycles);
  if (result == Result::success) return pin;
  let_go(call, *pin);
  return nullptr;
}

// The registered block that holds the range, held; nullptr: the range is pageable memory, or not the heap's.
HostPin* hold(const Call& call, const HostRange& range, bool* is_known) {
  HostPin* pin = nullptr;
  const Found found = host_pin_table.hold(range, &pin);
  *is_known = found != Found::unknown;
  if (found == Found::to_unregister) perform(call, {Next::unregister, pin, 0});
  return found == Found::held ? pin : nullptr;
}

// Others may be at a copy of one: the last of them unregisters it.
enum class ForOthers : uint8_t { go_on, wait };
// False where there was none.
bool unregister_unwanted(const Call& call, const HostRange& range, ForOthers for_others) {
  bool has_unregistered = false;
  for (Patience patience;;) {
    bool is_busy = false;
    const Step step = host_pin_table.next_unwanted(range, &is_busy);
    if (step.next != Next::nothing) {
      perform(call, step);
      has_unregistered = true;
    } else if (!is_busy || for_others == ForOthers::go_on || !patience.lasts()) {
      return has_unregistered;
    }
  }
}

// ---- Waiting ----

bool can_record_in_streams(const DriverQueries& driver) {
  return driver.create_event != nullptr && driver.record_event != nullptr && driver.wait_for_event != nullptr &&
         driver.destroy_event != nullptr;
}

// Not for the stream as a whole: another thread may have queued work there that waits for this one.
Result wait_for_stream(const Call& call, Stream stream) {
  const DriverQueries& driver = driver_queries();
  const InDriver in_driver(call.caller.sp);
  const CaptureRelaxed relaxed(CaptureRelaxed::When::always);
  const auto handle = reinterpret_cast<Stream>(call.number_of(stream));
  Event event = nullptr;
  if (can_record_in_streams(driver) && driver.create_event(&event, kWithoutTiming) == Result::success) {
    const bool is_recorded = driver.record_event(event, handle) == Result::success;
    const Result result = is_recorded ? driver.wait_for_event(event) : Result::success;
    driver.destroy_event(event);
    if (is_recorded) return result;
  }
  const Entry entry = call.of_thread_stream ? Entry::cuStreamSynchronize_ptsz : Entry::cuStreamSynchronize;
  return call_driver_function<signature::StreamSynchronize>(entry, stream);
}

}  // namespace

void configure_host_pins(uint64_t least_bytes, const HostBlocks& blocks) {
  least_block_bytes = least_bytes;
  heap = blocks;
  host_pins_are_on = true;
}

PinnedCopy::PinnedCopy(const Call& call, const HostEnds& ends) : call_(call) {
  for (size_t i = 0; i < kEnds; ++i) {
    const HostRange& range = ends.ranges[i];
    bool is_known = false;
    if (range.bytes == 0) continue;
    if (has_host_pins()) pins_[i] = hold(call, range, &is_known);
    if (i == 0 && !is_known && ends.may_register) pins_[i] = register_block(call, range);
    if (pins_[i] != nullptr) host_pin_table.count_copy(range.bytes);
  }
}

PinnedCopy::~PinnedCopy() {
  for (HostPin* pin : pins_) {
    if (pin != nullptr) let_go(call_, *pin);
  }
}

Result PinnedCopy::wait(Stream stream) const {
  if (pins_[0] == nullptr && pins_[1] == nullptr) return Result::success;
  if (any_capture() && is_capturing(call_, stream)) return Result::success;
  host_pin_table.count_wait();
  return wait_for_stream(call_, stream);  // guard: host-pin-wait
}

void SmallCopy::take(const HostRange& from) {
  if (from.bytes == 0 || from.bytes > kSmallCopyBytes || any_capture() || !lies_in_host_pin(from.address)) return;
  const core::Guard guard;
  data_ = core::arena_allocate(kSmallCopyBytes);
  if (data_ != nullptr) memcpy(data_, reinterpret_cast<const void*>(from.address), from.bytes);
}

void SmallCopy::give_back() {
  const core::Guard guard;
  core::arena_release(data_, kSmallCopyBytes);
}

bool lies_in_host_pin(Address address) { return has_host_pins() && host_pin_table.holds(address); }

void reject_host_pins(const Call& call, const HostRange& range) {
  if (!has_host_pins()) return;
  host_pin_table.reject(range);
  unregister_unwanted(call, range, ForOthers::wait);
}

bool give_up_host_pins(const Call& call) {
  if (!has_host_pins()) return false;
  host_pin_table.reject(kEverywhere);
  return unregister_unwanted(call, kEverywhere, ForOthers::go_on);
}

void note_pages_changed(const HostRange& range) {
  if (has_host_pins()) host_pin_table.reject(range);
}

void stop_host_pins(const Call& call, const char* why) {
  const char* expected = nullptr;
  if (!why_stopped.compare_exchange_strong(expected, why, std::memory_order_relaxed)) return;
  host_pin_table.close();
  unregister_unwanted(call, kEverywhere, ForOthers::go_on);
}

const char* why_host_pins_stopped() { return why_stopped.load(std::memory_order_relaxed); }

uint64_t trim_host_pins(const Call& call, uint64_t keep_bytes) {
  uint64_t bytes = 0;
  while (has_host_pins_aside()) {
    const OutsideCaptures outside;
    if (!outside) break;
    const Step step = host_pin_table.next_aside_beyond(keep_bytes);
    if (step.next == Next::nothing) break;
    bytes += perform(call, step);
  }
  return bytes;
}

void keep_host_pins_within_limit(const Call& call) {
  if (has_host_pins_aside()) trim_host_pins(call, settings().most_pinned_bytes);
}

void end_host_pins_of(uint64_t context) {
  while (has_host_pins()) {
    const core::Guard guard;
    const Step step = host_pin_table.next_of_ended(context);
    if (step.next != Next::give_back) return;
    heap.give_back(guard.token(), step.start);
  }
}

HostPinFigures host_pin_figures() { return host_pin_table.figures(); }

bool is_release_from(const char* release, unsigned major, unsigned minor) {
  unsigned parts[2] = {};
  for (unsigned& part : parts) {
    constexpr unsigned kBase = 10;
    for (; *release >= '0' && *release <= '9'; ++release) part = part * kBase + static_cast<unsigned>(*release - '0');
    if (*release == '.') ++release;
  }
  return parts[0] != major ? parts[0] > major : parts[1] >= minor;
}

void host_pins_reset_after_fork() { host_pin_table.reset_after_fork(); }

}  // namespace weir::cuda::pool
