// A driver for tests of the pool's steps: it counts its calls, has a memory of a given size, events that are done when the test says so,
// and results that a test asks for. One thread.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <map>
#include <string>

#include "core/thread_slot.h"
#include "cuda/driver.h"

namespace weir::cuda::test {

class PoolDriver {
 public:
  static constexpr auto kNotReady = static_cast<Result>(600);       // CUDA_ERROR_NOT_READY
  static constexpr auto kIllegal = static_cast<Result>(700);        // CUDA_ERROR_ILLEGAL_ADDRESS: sticky
  static constexpr auto kUnknown = static_cast<Result>(999);        // CUDA_ERROR_UNKNOWN
  static constexpr auto kCaptureUnsafe = static_cast<Result>(900);  // CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED

  using Calls = std::map<std::string, uint64_t>;
  struct Context {
    Device device;
    uint64_t owner;  // whose memory is allocated in it
    bool is_working = false;
  };

  static PoolDriver& instance() {
    static PoolDriver driver;
    return driver;
  }

  // As a new process has it, with that much memory. Weir's table of the driver's functions leads here from now on, but for what is named.
  void reset(uint64_t bytes, const std::string& missing = "") {
    *this = PoolDriver();
    total_bytes = free_bytes = bytes;
    missing_ = missing;
    bind_driver_to(&function);
  }

  // The next calls of that function give these results and do nothing; after these they work again.
  void script(const std::string& call, std::deque<Result> results) { scripted_[call] = std::move(results); }
  void always(const std::string& call, Result result) { always_[call] = result; }
  void allow_again() { always_.clear(); }

  // The calls since the last such question.
  Calls calls_made() { return std::exchange(calls_, {}); }

  bool owns(Address address) const { return memory_.contains(address); }
  size_t event_count() const { return events_.size(); }

  uint64_t total_bytes = 0, free_bytes = 0;
  uint64_t current = 0;          // the thread's context
  uint64_t pitch_granule = 512;  // of cuMemAllocPitch()
  std::map<uint64_t, Context> contexts;
  std::function<void(const std::string&)> during_calls;  // runs within each call

 private:
  struct Allocation {
    uint64_t asked_bytes, bytes, owner;
  };
  struct Recorded {
    uint64_t context;
    bool had_work;
  };

  template <class Body>
  static Result run(const std::string& call, const Body& body) {
    PoolDriver& driver = instance();
    EXPECT_EQ(core::thread_slot.locks_held, 0u) << call << " under a lock of Weir's";
    ++driver.calls_[call];
    if (driver.during_calls) driver.during_calls(call);
    if (const auto found = driver.always_.find(call); found != driver.always_.end()) return found->second;
    std::deque<Result>& script = driver.scripted_[call];
    if (!script.empty()) {
      const Result result = script.front();
      script.pop_front();
      if (result != Result::success) return result;
    }
    return body(driver);
  }

  // The driver's own granule for what it takes of a device.
  static uint64_t rounded(uint64_t bytes) {
    const uint64_t granule = bytes <= (uint64_t{1} << 20) ? 512 : uint64_t{2} << 20;
    return (bytes + granule - 1) / granule * granule;
  }

  Result allocate(Address* address, uint64_t bytes) {
    if (current == 0) return static_cast<Result>(201);  // CUDA_ERROR_INVALID_CONTEXT
    if (bytes > total_bytes || rounded(bytes) > free_bytes) return Result::out_of_memory;
    free_bytes -= rounded(bytes);
    *address = next_address_;
    next_address_ += rounded(bytes);
    memory_[*address] = {bytes, rounded(bytes), contexts.at(current).owner};
    return Result::success;
  }
  Result release(Address address) {
    const auto found = memory_.find(address);
    if (found == memory_.end()) return Result::invalid_value;
    free_bytes += found->second.bytes;
    memory_.erase(found);
    return Result::success;
  }

  static Result get_current(cuda::Context* context) {
    return run("cuCtxGetCurrent", [&](PoolDriver& driver) {
      *context = reinterpret_cast<cuda::Context>(driver.current);
      return Result::success;
    });
  }
  static Result get_device(Device* device) {
    return run("cuCtxGetDevice", [&](PoolDriver& driver) {
      *device = driver.contexts.at(driver.current).device;
      return Result::success;
    });
  }
  static Result push(cuda::Context context) {
    return run("cuCtxPushCurrent_v2", [&](PoolDriver& driver) {
      driver.stack_.push_back(driver.current);
      driver.current = reinterpret_cast<uint64_t>(context);
      return Result::success;
    });
  }
  static Result pop(cuda::Context* context) {
    return run("cuCtxPopCurrent_v2", [&](PoolDriver& driver) {
      *context = reinterpret_cast<cuda::Context>(driver.current);
      driver.current = driver.stack_.back();
      driver.stack_.pop_back();
      return Result::success;
    });
  }
  static Result memory_info(size_t* free_bytes, size_t* total_bytes) {
    return run("cuMemGetInfo_v2", [&](PoolDriver& driver) {
      *free_bytes = driver.free_bytes;
      *total_bytes = driver.total_bytes;
      return Result::success;
    });
  }
  static Result pointer_attribute(void* value, int attribute, Address address) {
    return run("cuPointerGetAttribute", [&](PoolDriver& driver) {
      auto found = driver.memory_.upper_bound(address);
      if (found == driver.memory_.begin()) return Result::invalid_value;
      --found;
      if (address - found->first >= found->second.bytes) return Result::invalid_value;
      if (attribute == kPointerContext) *static_cast<uint64_t*>(value) = found->second.owner;
      if (attribute == kPointerRangeStart) *static_cast<Address*>(value) = found->first;
      return Result::success;
    });
  }
  static Result synchronise() {
    return run("cuCtxSynchronize", [](PoolDriver& driver) {
      driver.contexts.at(driver.current).is_working = false;
      return Result::success;
    });
  }
  static Result create_event(Event* event, unsigned) {
    return run("cuEventCreate", [&](PoolDriver& driver) {
      const uint64_t number = driver.events_.size() + 1;
      driver.events_[number] = {};
      *event = reinterpret_cast<Event>(number);
      return Result::success;
    });
  }
  static Result record(cuda::Context context, Event event) {
    return run("cuCtxRecordEvent", [&](PoolDriver& driver) {
      const auto handle = reinterpret_cast<uint64_t>(context);
      driver.events_.at(reinterpret_cast<uint64_t>(event)) = {handle, driver.contexts.at(handle).is_working};
      return Result::success;
    });
  }
  static Result query(Event event) {
    return run("cuEventQuery", [&](PoolDriver& driver) {
      const Recorded& recorded = driver.events_.at(reinterpret_cast<uint64_t>(event));
      const bool is_pending = recorded.had_work && driver.contexts.at(recorded.context).is_working;
      return is_pending ? kNotReady : Result::success;
    });
  }
  static Result wait(Event event) {
    return run("cuEventSynchronize", [&](PoolDriver& driver) {
      driver.contexts.at(driver.events_.at(reinterpret_cast<uint64_t>(event)).context).is_working = false;
      return Result::success;
    });
  }
  static Result allocate_device(Address* address, size_t bytes) {
    return run("cuMemAlloc_v2", [&](PoolDriver& driver) { return driver.allocate(address, bytes); });
  }
  static Result allocate_pitched(Address* address, size_t* pitch, size_t width, size_t height, unsigned element) {
    return run("cuMemAllocPitch_v2", [&](PoolDriver& driver) {
      if (width == 0 || height == 0 || (element != 4 && element != 8 && element != 16)) return Result::invalid_value;
      const size_t given = (width + driver.pitch_granule - 1) / driver.pitch_granule * driver.pitch_granule;
      const Result result = driver.allocate(address, given * height);
      if (result == Result::success) *pitch = given;
      return result;
    });
  }
  static Result address_range(Address* start, size_t* bytes, Address address) {
    return run("cuMemGetAddressRange_v2", [&](PoolDriver& driver) {
      const auto found = driver.memory_.find(address);
      if (found == driver.memory_.end()) return Result::not_found;
      *start = found->first;
      *bytes = found->second.asked_bytes;
      return Result::success;
    });
  }
  static Result free_device(Address address) {
    return run("cuMemFree_v2", [&](PoolDriver& driver) { return driver.release(address); });
  }
  static Result allocate_host(void** address, size_t bytes, unsigned) {
    return run("cuMemHostAlloc", [&](PoolDriver& driver) {
      Address given = 0;
      const Result result = driver.allocate(&given, bytes);
      *address = reinterpret_cast<void*>(given);
      return result;
    });
  }
  static Result free_host(void* address) {
    return run("cuMemFreeHost", [&](PoolDriver& driver) { return driver.release(reinterpret_cast<Address>(address)); });
  }
  static Result exchange_mode(int* mode) {
    return run("cuThreadExchangeStreamCaptureMode", [&](PoolDriver& driver) {
      std::swap(driver.capture_mode_, *mode);
      return Result::success;
    });
  }

  static void* function(const char* name) {
    const std::string wanted = name;
    if (wanted == instance().missing_) return nullptr;
    const std::map<std::string, void*> functions = {
        {"cuCtxGetCurrent", reinterpret_cast<void*>(&get_current)},
        {"cuCtxGetDevice", reinterpret_cast<void*>(&get_device)},
        {"cuCtxPushCurrent_v2", reinterpret_cast<void*>(&push)},
        {"cuCtxPopCurrent_v2", reinterpret_cast<void*>(&pop)},
        {"cuMemGetInfo_v2", reinterpret_cast<void*>(&memory_info)},
        {"cuPointerGetAttribute", reinterpret_cast<void*>(&pointer_attribute)},
        {"cuCtxSynchronize", reinterpret_cast<void*>(&synchronise)},
        {"cuEventCreate", reinterpret_cast<void*>(&create_event)},
        {"cuCtxRecordEvent", reinterpret_cast<void*>(&record)},
        {"cuEventQuery", reinterpret_cast<void*>(&query)},
        {"cuEventSynchronize", reinterpret_cast<void*>(&wait)},
        {"cuMemAlloc_v2", reinterpret_cast<void*>(&allocate_device)},
        {"cuMemAllocPitch_v2", reinterpret_cast<void*>(&allocate_pitched)},
        {"cuMemGetAddressRange_v2", reinterpret_cast<void*>(&address_range)},
        {"cuMemFree_v2", reinterpret_cast<void*>(&free_device)},
        {"cuMemHostAlloc", reinterpret_cast<void*>(&allocate_host)},
        {"cuMemFreeHost", reinterpret_cast<void*>(&free_host)},
        {"cuThreadExchangeStreamCaptureMode", reinterpret_cast<void*>(&exchange_mode)}};
    const auto found = functions.find(wanted);
    return found == functions.end() ? nullptr : found->second;
  }

  Calls calls_;
  std::map<std::string, std::deque<Result>> scripted_;
  std::map<std::string, Result> always_;
  std::map<Address, Allocation> memory_;
  std::map<uint64_t, Recorded> events_;
  std::deque<uint64_t> stack_;  // of contexts
  Address next_address_ = uint64_t{1} << 44;
  int capture_mode_ = 0;
  std::string missing_;
};

}  // namespace weir::cuda::test
