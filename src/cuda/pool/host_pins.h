// Big blocks of the host's heap that the program copies to and from devices, page-locked behind its back (WEIR_HOST_PIN_ABOVE): registered
// with the driver at the first large copy, unregistered some time after the program has freed them. The program cannot tell but by time:
//
//   - An asynchronous copy of such a block is waited for, as the driver waits for pageable memory: it returns only when the copy to it is
//     complete, and may synchronise with the stream before one from it. Where it does not, for up to 64 KiB to a device, it is given a pageable
//     copy of them. Source: "API synchronization behavior" in the public documentation of CUDA's driver.
//   - What the program asks of such memory is asked of the driver with an address that it does not know (pointer_facts.h).
//   - The heap's free keeps a registered block aside (host_pin_table.h): the driver may not be called there. It is handed out again as it is,
//     or unregistered within a later call that may wait for the device, as unregistering may.
//   - A program that makes graphs has nothing registered from its first one on: what a node copies would be decided by what is registered
//     when it is made, or launched.
//
// Any thread outside Weir that is at a call of the driver's, unless said otherwise. No lock is held while the driver runs.
#pragma once

#include "core/guard.h"
#include "cuda/call.h"
#include "cuda/pool/host_pin_table.h"

namespace weir::cuda::pool {

// A live block of the heap, alone on its pages.
struct HostBlock {
  HostRange pages;       // whole ones, from the block's start
  uint64_t asked_bytes;  // by the program
};

// The heap's part, for this layer knows none.
struct HostBlocks {
  // The block that holds the address; from then on its free tells the table. False where there is none, or not alone on its pages.
  bool (*find)(const core::Inside&, uint64_t address, HostBlock* block) = nullptr;
  // Takes a freed block that was kept aside.
  void (*give_back)(const core::Inside&, uint64_t start) = nullptr;
};

// Once, at the process's start, where the option asks for it: blocks of at least so many bytes.
void configure_host_pins(uint64_t least_bytes, const HostBlocks& blocks);
inline constinit bool host_pins_are_on = false;

// The ends of a copy that may lie in the host's memory; the first one is registered where the copy is between it and a device.
struct HostEnds {
  HostRange ranges[2] = {};
  bool may_register = false;
};

// Around a copy.
class PinnedCopy {
 public:
  // Before the call: its blocks stay as they are until it is over. May register one.
  PinnedCopy(const Call& call, const HostEnds& ends);
  ~PinnedCopy();
  PinnedCopy(const PinnedCopy&) = delete;
  PinnedCopy& operator=(const PinnedCopy&) = delete;

  // After an asynchronous one that the driver has taken: waits for it where a block of it is registered. An error is the copy's.
  Result wait(Stream stream) const;

 private:
  static constexpr size_t kEnds = 2;

  const Call& call_;
  HostPin* pins_[kEnds] = {};
};

// A pageable copy of what the program copies to a device from a registered block: of up to 64 KiB the driver takes a copy of its own and
// does not wait for the stream. Source: "Asynchronous Concurrent Execution" in the public documentation of CUDA.
class SmallCopy {
 public:
  explicit SmallCopy(const HostRange& from) {
    if (host_pins_are_on) [[unlikely]]
      take(from);
  }
  ~SmallCopy() {
    if (data_ != nullptr) [[unlikely]]
      give_back();
  }
  SmallCopy(const SmallCopy&) = delete;
  SmallCopy& operator=(const SmallCopy&) = delete;

  const void* data() const { return data_; }  // nullptr: the program's own memory is to be copied

 private:
  void take(const HostRange& from);
  void give_back();

  void* data_ = nullptr;
};

// Whether the driver knows the address only because Weir has registered it. Cost where it is off: a load. Any thread.
bool lies_in_host_pin(Address address);

// The program is about to register the range itself, or to copy it in a way that is not followed here: its blocks are the driver's pageable
// memory again, and stay so. May wait for the device.
void reject_host_pins(const Call& call, const HostRange& range);

// The driver has refused a call for want of memory: it has all blocks back, the live ones too. False where there were none. May wait for the
// device.
bool give_up_host_pins(const Call& call);

// The kernel's pages of the range are not those any more that may be registered. Calls nothing: the next copy does what is needed. Any
// thread, inside Weir.
void note_pages_changed(const HostRange& range);

// Nothing is registered from now on, for that reason (a text that stays). May wait for the device, once.
void stop_host_pins(const Call& call, const char* why);
const char* why_host_pins_stopped();  // nullptr: they have not

// Within a call that may wait for the device: has the driver let go of what is kept aside beyond so many bytes, or beyond the limit. Returns
// the bytes that the heap has back.
uint64_t trim_host_pins(const Call& call, uint64_t keep_bytes);
void keep_host_pins_within_limit(const Call& call);

// The context has ended, and its registrations with it. Makes no call of the driver's.
void end_host_pins_of(uint64_t context);

HostPinFigures host_pin_figures();

// Whether a kernel's release ("5.10.0-8-amd64") is that version or a later one.
bool is_release_from(const char* release, unsigned major, unsigned minor);

void host_pins_reset_after_fork();

}  // namespace weir::cuda::pool
