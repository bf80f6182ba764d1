// A driver of virtual memory management for tests: strict about what may be mapped, unmapped and given access, of a fixed size, and with
// faults on demand. Memory has contents, one word for each 512 bytes, so that a test sees whether a live block kept its own.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/thread_slot.h"
#include "cuda/driver.h"

namespace weir::cuda::test {

inline constexpr uint64_t kMiB = uint64_t{1} << 20;
inline constexpr uint64_t kGranule = 2 * kMiB;
inline constexpr uint64_t kWordPer = 512;

class VmmDriver {
  std::mutex mutex_;

  template <class Body>
  auto locked(const Body& body) {
    const std::scoped_lock lock(mutex_);
    return body();
  }

 public:
  // The one that the driver's functions reach.
  static VmmDriver& instance() {
    static VmmDriver driver;
    return driver;
  }

  // As a new process has it. Weir's table of the driver's functions leads here from now on, but for those named in `missing`.
  void reset(uint64_t bytes, const char* missing = "") {
    const std::scoped_lock lock(mutex_);
    total_ = free_ = bytes;
    memories_.clear();
    mappings_.clear();
    reservations_.clear();
    refused_.clear();
    calls_.clear();
    during_calls = nullptr;
    next_address_ = kFirstAddress;
    missing_ = missing;
    bind_driver_to(&function);
  }

  // From now on the `nth` call (1: the next one) of that function gives this result; nth 0: each one.
  void refuse(const std::string& call, uint64_t nth, Result result) {
    const std::scoped_lock lock(mutex_);
    refused_[call] = {nth == 0 ? 0 : calls_[call] + nth, result};
  }
  void allow_again() {
    const std::scoped_lock lock(mutex_);
    refused_.clear();
  }

  uint64_t free_bytes() {
    return locked([&] { return free_; });
  }
  uint64_t calls(const std::string& call) {
    return locked([&] { return calls_[call]; });
  }
  uint64_t all_calls() {
    return locked([&] {
      uint64_t sum = 0;
      for (const auto& [call, count] : calls_) sum += count;
      return sum;
    });
  }
  size_t reservation_count() {
    return locked([&] { return reservations_.size(); });
  }
  size_t memory_count() {
    return locked([&] { return memories_.size(); });
  }

  // The device writes or reads a word: of memory that is mapped and that device 0 may access; else false.
  bool write(Address address, uint64_t word) {
    const std::scoped_lock lock(mutex_);
    uint64_t* place = place_of(address, 0);
    if (place != nullptr) *place = word;
    return place != nullptr;
  }
  bool holds(Address address, uint64_t word) {
    const std::scoped_lock lock(mutex_);
    const uint64_t* place = place_of(address, 0);
    return place != nullptr && *place == word;
  }
  bool may_access(Address address, Device device) {
    return locked([&] { return place_of(address, device) != nullptr; });
  }

  // Runs inside each call, without a lock of the driver's: as a foreign library does that stands before it.
  std::function<void(const std::string&)> during_calls;

 private:
  static constexpr Address kFirstAddress = 0x7f0000000000;

  struct Memory {
    uint64_t bytes;
    std::vector<uint64_t> words;
    bool has_handle;
    bool is_mapped;
  };
  struct Mapping {
    uint64_t bytes;
    VmmHandle handle;
    uint64_t devices;  // bit n: device n may access it
  };
  struct Refusal {
    uint64_t call;
    Result result;
  };

  template <class Body>
  Result run(const std::string& call, const Body& body) {
    EXPECT_EQ(core::thread_slot.locks_held, 0u) << call << " under a lock of Weir's";
    if (during_calls) during_calls(call);
    const std::scoped_lock lock(mutex_);
    const uint64_t number = ++calls_[call];
    const auto refused = refused_.find(call);
    if (refused != refused_.end() && (refused->second.call == 0 || refused->second.call == number)) {
      return refused->second.result;
    }
    return body();
  }

  uint64_t* place_of(Address address, Device device) {
    auto mapping = mappings_.upper_bound(address);
    if (mapping == mappings_.begin()) return nullptr;
    --mapping;
    if (address - mapping->first >= mapping->second.bytes || (mapping->second.devices >> device & 1) == 0)
      return nullptr;
    return &memories_.at(mapping->second.handle).words[(address - mapping->first) / kWordPer];
  }

  bool is_reserved(Address address, uint64_t bytes) {
    auto found = reservations_.upper_bound(address);
    if (found == reservations_.begin()) return false;
    --found;
    return address - found->first < found->second && bytes <= found->second - (address - found->first);
  }
  bool is_mapped(Address address, uint64_t bytes) {
    const auto next = mappings_.lower_bound(address);
    if (next != mappings_.end() && next->first < address + bytes) return true;
    return next != mappings_.begin() && std::prev(next)->first + std::prev(next)->second.bytes > address;
  }
  void drop_where_unused(VmmHandle handle) {
    const Memory& memory = memories_.at(handle);
    if (memory.has_handle || memory.is_mapped) return;
    free_ += memory.bytes;
    memories_.erase(handle);
  }

  static Result granule(size_t* bytes, const VmmProperties*, int) {
    return instance().run("granule", [&] {
      *bytes = kGranule;
      return Result::success;
    });
  }
  static Result create(VmmHandle* handle, size_t bytes, const VmmProperties* properties, Flags64 flags) {
    VmmDriver& driver = instance();
    return driver.run("create", [&] {
      EXPECT_EQ(bytes % kGranule, 0u);
      EXPECT_EQ(properties->type, kVmmPinned);
      EXPECT_EQ(flags, 0u);
      if (bytes > driver.free_) return Result::out_of_memory;
      driver.free_ -= bytes;
      *handle = driver.next_handle_++;
      driver.memories_[*handle] = {bytes, std::vector<uint64_t>(bytes / kWordPer), true, false};
      return Result::success;
    });
  }
  static Result release(VmmHandle handle) {
    VmmDriver& driver = instance();
    return driver.run("release", [&] {
      const auto memory = driver.memories_.find(handle);
      if (memory == driver.memories_.end() || !memory->second.has_handle) {
        ADD_FAILURE() << "a handle is released twice";
        return Result::invalid_value;
      }
      memory->second.has_handle = false;
      driver.drop_where_unused(handle);
      return Result::success;
    });
  }
  static Result reserve(Address* address, size_t bytes, size_t alignment, Address, Flags64) {
    VmmDriver& driver = instance();
    return driver.run("reserve", [&] {
      EXPECT_EQ(bytes % kGranule, 0u);
      *address = (driver.next_address_ + alignment - 1) / alignment * alignment;
      driver.reservations_[*address] = bytes;
      driver.next_address_ = *address + bytes;
      return Result::success;
    });
  }
  static Result free_addresses(Address address, size_t bytes) {
    VmmDriver& driver = instance();
    return driver.run("free addresses", [&] {
      const auto found = driver.reservations_.find(address);
      const bool is_right = found != driver.reservations_.end() && found->second == bytes;
      EXPECT_TRUE(is_right && !driver.is_mapped(address, bytes));
      if (is_right) driver.reservations_.erase(found);
      return is_right ? Result::success : Result::invalid_value;
    });
  }
  static Result map(Address address, size_t bytes, size_t offset, VmmHandle handle, Flags64) {
    VmmDriver& driver = instance();
    return driver.run("map", [&] {
      const bool is_right = offset == 0 && driver.memories_.contains(handle) &&
                            driver.memories_.at(handle).bytes == bytes && !driver.memories_.at(handle).is_mapped &&
                            driver.is_reserved(address, bytes) && !driver.is_mapped(address, bytes);
      EXPECT_TRUE(is_right);
      if (!is_right) return Result::invalid_value;
      driver.memories_.at(handle).is_mapped = true;
      driver.mappings_[address] = {bytes, handle, 0};
      return Result::success;
    });
  }
  static Result unmap(Address address, size_t bytes) {
    VmmDriver& driver = instance();
    return driver.run("unmap", [&] {
      const auto found = driver.mappings_.find(address);
      const bool is_right = found != driver.mappings_.end() && found->second.bytes == bytes;
      EXPECT_TRUE(is_right);
      if (!is_right) return Result::invalid_value;
      const VmmHandle handle = found->second.handle;
      driver.mappings_.erase(found);
      driver.memories_.at(handle).is_mapped = false;
      driver.drop_where_unused(handle);
      return Result::success;
    });
  }
  static Result set_access(Address address, size_t bytes, const VmmAccess* access, size_t count) {
    VmmDriver& driver = instance();
    return driver.run("set access", [&] {
      EXPECT_GT(count, 0u);
      for (Address at = address; at < address + bytes;) {
        const auto mapping = driver.mappings_.find(at);
        if (mapping == driver.mappings_.end()) {
          ADD_FAILURE() << "access to what is not mapped";
          return Result::invalid_value;
        }
        for (size_t i = 0; i < count; ++i) {
          const uint64_t device = uint64_t{1} << access[i].location.id;
          uint64_t& devices = mapping->second.devices;
          devices = access[i].flags == kVmmReadAndWrite ? devices | device : devices & ~device;
        }
        at += mapping->second.bytes;
      }
      return Result::success;
    });
  }

  static void* function(const char* name) {
    const std::string wanted = name;
    if (wanted == instance().missing_) return nullptr;
    const std::map<std::string, void*> functions = {
        {"cuMemGetAllocationGranularity", reinterpret_cast<void*>(&granule)},
        {"cuMemCreate", reinterpret_cast<void*>(&create)},
        {"cuMemRelease", reinterpret_cast<void*>(&release)},
        {"cuMemAddressReserve", reinterpret_cast<void*>(&reserve)},
        {"cuMemAddressFree", reinterpret_cast<void*>(&free_addresses)},
        {"cuMemMap", reinterpret_cast<void*>(&map)},
        {"cuMemUnmap", reinterpret_cast<void*>(&unmap)},
        {"cuMemSetAccess", reinterpret_cast<void*>(&set_access)}};
    const auto found = functions.find(wanted);
    return found == functions.end() ? nullptr : found->second;
  }

  uint64_t total_ = 0, free_ = 0;
  VmmHandle next_handle_ = 0;  // 0 is a handle like any other
  Address next_address_ = kFirstAddress;
  std::map<VmmHandle, Memory> memories_;
  std::map<Address, Mapping> mappings_;
  std::map<Address, uint64_t> reservations_;
  std::map<std::string, Refusal> refused_;
  std::map<std::string, uint64_t> calls_;
  std::string missing_;
};

}  // namespace weir::cuda::test
