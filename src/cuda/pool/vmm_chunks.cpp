#include "cuda/pool/vmm_chunks.h"

#include "core/arena.h"
#include "cuda/driver.h"

namespace weir::cuda::pool {
namespace {

VmmProperties properties_of(Device device) {
  VmmProperties properties{};
  properties.type = kVmmPinned;
  properties.location = {kLocationDevice, device};
  return properties;
}

bool has_functions(const DriverQueries& driver) {
  return driver.get_memory_granule != nullptr && driver.create_memory != nullptr && driver.release_memory != nullptr &&
         driver.reserve_addresses != nullptr && driver.free_addresses != nullptr && driver.map_memory != nullptr &&
         driver.unmap_memory != nullptr && driver.set_access != nullptr;
}

}  // namespace

Result VmmChunks::open(Device device, uint64_t chunk_bytes) {
  if (!is_listed(device) || !has_functions(driver_queries())) return Result::not_supported;
  const VmmProperties properties = properties_of(device);
  size_t granule = 0;
  add_call();
  const Result result = driver_queries().get_memory_granule(&granule, &properties, kGranuleMinimum);
  if (result != Result::success) return result;
  if (granule == 0 || (granule & (granule - 1)) != 0) return Result::not_supported;
  if (chunk_bytes > kMostChunkBytes) return Result::invalid_value;
  device_ = device;
  granule_bytes_ = chunk_bytes_ = granule;
  while (chunk_bytes_ < chunk_bytes) chunk_bytes_ *= 2;
  return Result::success;
}

// ---- Addresses ----

VmmChunks::Slot* VmmChunks::slot_at(Address address) const {
  Reservation* reservation = first_.load(std::memory_order_acquire);
  while (address - reservation->address >= reservation->bytes) {
    reservation = reservation->next.load(std::memory_order_relaxed);
  }
  return &reservation->slots[(address - reservation->address) / chunk_bytes_];
}

VmmChunks::Reservation* VmmChunks::make_reservation(uint64_t bytes) {
  Reservation* reservation = core::arena_array<Reservation>(1);
  if (reservation == nullptr) return nullptr;
  reservation->bytes = bytes;
  reservation->slots = core::arena_array<Slot>(bytes / chunk_bytes_);  // pages that no chunk needs stay the kernel's
  if (reservation->slots != nullptr) return reservation;
  core::arena_release(reservation, sizeof(Reservation));
  return nullptr;
}

void VmmChunks::forget(Reservation* reservation) {
  core::arena_discard(reservation->slots, reservation->bytes / chunk_bytes_ * sizeof(Slot));
  core::arena_release(reservation, sizeof(Reservation));
}

Result VmmChunks::reserve(uint64_t bytes, uint64_t wanted_bytes, Address* address, uint64_t* reserved_bytes) {
  uint64_t size = wanted_bytes < bytes ? bytes : wanted_bytes - wanted_bytes % chunk_bytes_;
  for (;; size = size / 2 < bytes ? bytes : size / 2 - size / 2 % chunk_bytes_) {
    Reservation* reservation = make_reservation(size);
    if (reservation == nullptr) return Result::out_of_memory;
    add_call();
    const Result result = driver_queries().reserve_addresses(&reservation->address, size, chunk_bytes_, 0, 0);
    if (result == Result::success) {
      *address = reservation->address;
      *reserved_bytes = size;
      add(counters_.reserved_bytes, size);
      Reservation* first = first_.load(std::memory_order_relaxed);
      do {
        reservation->next.store(first, std::memory_order_relaxed);
      } while (!first_.compare_exchange_weak(first, reservation, std::memory_order_release, std::memory_order_relaxed));
      return Result::success;
    }
    forget(reservation);
    if (size == bytes) return result;
  }
}

// ---- Memory ----

Result VmmChunks::map(Address address, VmmHandle handle) {
  add_call();
  return driver_queries().map_memory(address, chunk_bytes_, 0, handle, 0);
}

// Each mapping by itself: the driver unmaps what was mapped by one call.
Result VmmChunks::unmap(Address address) {
  add_call();
  return driver_queries().unmap_memory(address, chunk_bytes_);
}

void VmmChunks::give_back(VmmHandle handle) {
  add_call();
  driver_queries().release_memory(handle);
  add(counters_.released, 1);
}

Result VmmChunks::create(Address address) {
  const VmmProperties properties = properties_of(device_);
  Slot* slot = slot_at(address);
  add_call();
  VmmHandle handle = 0;
  Result result = driver_queries().create_memory(&handle, chunk_bytes_, &properties, 0);
  if (result != Result::success) return result;
  add(counters_.created, 1);
  result = map(address, handle);
  if (result != Result::success) {
    give_back(handle);
    return result;
  }
  *slot = {handle, true};
  return Result::success;
}

Result VmmChunks::move(Address from, Address to) {
  Slot* source = slot_at(from);
  Result result = unmap(from);
  if (result != Result::success) return result;
  source->is_filled = false;
  result = map(to, source->handle);
  if (result != Result::success) {
    give_back(source->handle);
    return result;
  }
  *slot_at(to) = {source->handle, true};
  add(counters_.moved, 1);
  return Result::success;
}

Result VmmChunks::release(Address address) {
  Slot* slot = slot_at(address);
  const Result result = unmap(address);
  if (result != Result::success) return result;
  slot->is_filled = false;
  give_back(slot->handle);
  return Result::success;
}

Result VmmChunks::set_access(Address address, uint64_t bytes, DeviceMask devices, bool may_access) {
  VmmAccess access[kMostDevices];
  size_t count = 0;
  for (int device = 0; device < kMostDevices; ++device) {
    if ((devices >> device & 1) == 0) continue;
    access[count++] = {{kLocationDevice, device}, may_access ? kVmmReadAndWrite : kVmmNoAccess};
  }
  add_call();
  return driver_queries().set_access(address, bytes, access, count);
}

// ---- The end ----

void VmmChunks::close() {
  Reservation* reservation = first_.exchange(nullptr, std::memory_order_acquire);
  while (reservation != nullptr) {
    Reservation* next = reservation->next.load(std::memory_order_relaxed);
    for (uint64_t offset = 0; offset < reservation->bytes; offset += chunk_bytes_) {
      const Slot& slot = reservation->slots[offset / chunk_bytes_];
      if (!slot.is_filled) continue;
      unmap(reservation->address + offset);
      give_back(slot.handle);  // it goes with its mapping where that could not be undone
    }
    add_call();
    driver_queries().free_addresses(reservation->address, reservation->bytes);
    add(counters_.reserved_bytes, -reservation->bytes);
    forget(reservation);
    reservation = next;
  }
}

void VmmChunks::abandon() {
  first_.store(nullptr, std::memory_order_relaxed);
  counters_.reserved_bytes.store(0, std::memory_order_relaxed);
  counters_.released.store(counters_.created.load(std::memory_order_relaxed), std::memory_order_relaxed);
}

ChunkFigures VmmChunks::figures() const {
  const auto value = [](const std::atomic<uint64_t>& counter) { return counter.load(std::memory_order_relaxed); };
  const uint64_t released = value(counters_.released);
  const uint64_t created = value(counters_.created);
  return {value(counters_.reserved_bytes), created - released, created,
          value(counters_.moved),          released,           value(counters_.calls)};
}

}  // namespace weir::cuda::pool
