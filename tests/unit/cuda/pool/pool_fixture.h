// The pool over a driver that a test scripts, as a program's calls reach it.
#pragma once

#include "cuda/device_memory.h"
#include "cuda/pool/configuration.h"
#include "cuda/pool/device_pool.h"
#include "cuda/pool/epochs.h"
#include "cuda/pool/pinned_pool.h"
#include "cuda/pool/pitched_pool.h"
#include "cuda/pool/pointer_facts.h"
#include "cuda/pool/upkeep.h"
#include "cuda/running_captures.h"
#include "pool_driver.h"

namespace weir::cuda::pool {

inline constexpr uint64_t kKiB = 1024, kMiB = kKiB * 1024, kGiB = kMiB * 1024;
using Calls = test::PoolDriver::Calls;

class PoolTest : public testing::Test {
 protected:
  static constexpr uint64_t kDeviceBytes = kGiB;
  static constexpr uint64_t kContext = 0x1000, kOther = 0x2000;

  void SetUp() override { start({}); }
  void TearDown() override {
    forget();
    configure({.device_mode = Mode::off});
    bind_driver_to([](const char*) -> void* { return nullptr; });
  }

  static test::PoolDriver& driver() { return test::PoolDriver::instance(); }

  // A new process whose thread has a context, and which has asked its device how much memory it has.
  static void start(const Settings& settings, uint64_t device_bytes = kDeviceBytes, const char* missing = "") {
    start_without_asking(settings, device_bytes, missing);
    note_device_memory(0);
    driver().calls_made();
  }
  static void start_without_asking(const Settings& settings, uint64_t device_bytes = kDeviceBytes,
                                   const char* missing = "") {
    forget();
    driver().reset(device_bytes, missing);
    driver().contexts[kContext] = {0, kContext};
    driver().contexts[kOther] = {0, kOther};
    configure(settings);
    enter(kContext);
  }
  static void start(Mode mode) { start(Settings{.device_mode = mode}); }

  static void enter(uint64_t context) {
    driver().current = context;
    forget_current_context();
  }

  // cuMemAlloc(); 0: refused.
  Address allocate(uint64_t bytes) {
    Given given;
    const Call call = call_of(Entry::cuMemAlloc_v2);
    last_result_ = allocate_device(call, bytes, &given);
    was_passed_ = given.is_passed;
    if (was_passed_) last_result_ = call_driver(call, &given.address, size_t{bytes});
    return last_result_ == Result::success ? given.address : 0;
  }
  Result release(Address address) {
    const Call call = call_of(Entry::cuMemFree_v2);
    const Freed freed = release_device(call, address);
    was_passed_ = freed.is_passed;
    return was_passed_ ? call_driver(call, address) : freed.result;
  }
  // cuMemAllocPitch() with the steps of its handler; 0: refused. The pitch is in pitch_.
  Address allocate_rows(const Rows& rows) {
    Given given;
    const Call call = call_of(Entry::cuMemAllocPitch_v2);
    last_result_ = allocate_pitched(call, rows, &pitch_, &given);
    was_passed_ = given.is_passed;
    if (was_passed_) {
      last_result_ =
          call_driver(call, &given.address, &pitch_, size_t{rows.width}, size_t{rows.height}, rows.element_bytes);
      if (last_result_ == Result::success) learn_pitch(call, rows, pitch_, given.address);
    }
    return last_result_ == Result::success ? given.address : 0;
  }
  Address allocate_host(uint64_t bytes, unsigned flags = 0) {
    Given given;
    const Call call = call_of(Entry::cuMemHostAlloc);
    EXPECT_EQ(allocate_pinned(call, bytes, flags, &given), Result::success);
    EXPECT_FALSE(given.is_passed);
    return given.address;
  }
  Result release_host(Address address) { return release_pinned(call_of(Entry::cuMemFreeHost), address).result; }

  std::vector<Address> allocate_many(size_t count, uint64_t bytes) {
    std::vector<Address> blocks(count);
    for (Address& block : blocks) block = allocate(bytes);
    return blocks;
  }
  void release_all(const std::vector<Address>& blocks) {
    for (const Address block : blocks) EXPECT_EQ(release(block), Result::success);
  }
  // So many idle blocks of that size, whose calls are not counted.
  std::vector<Address> make_idle(size_t count, uint64_t bytes) {
    const std::vector<Address> blocks = allocate_many(count, bytes);
    release_all(blocks);
    driver().calls_made();
    return blocks;
  }

  // The program's own synchronise of that context.
  static void synchronise(uint64_t context) {
    const uint64_t free_number = last_free_number();
    driver().contexts.at(context).is_working = false;
    ContextState* state;
    {
      const PoolLock lock(pool_state.lock);
      state = find_context(context);
    }
    ASSERT_NE(state, nullptr);
    note_synchronised(*state, free_number);
  }

  static PointerFacts::Is state_of(Address address) { return facts_of(call_of(Entry::cuMemFree_v2), address).is; }
  static Figures of_device() { return figures(Memory::device, 0); }
  static Figures of_pinned() { return figures(Memory::pinned, 0); }

  static Call call_of(Entry entry) {
    Call call{};
    call.entry = entry;
    call.real = driver_function(entry);
    call.caller.sp = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
    return call;
  }

  Result last_result_ = Result::success;
  bool was_passed_ = false;
  size_t pitch_ = 0;

 private:
  static void forget() {
    reset_after_fork();
    running_captures_reset_after_fork();
    device_memory_reset_after_fork();
    limit(nullptr);
  }
};

}  // namespace weir::cuda::pool
