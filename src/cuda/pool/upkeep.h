// What keeps the pool within its limits: idle memory goes back to the driver, at calls of the program's own.
#pragma once

#include "cuda/pool/block_pool.h"
#include "cuda/pool/configuration.h"

namespace weir::cuda::pool {

void reset_after_fork();

// Gives idle memory of a device back, the longest idle first, until at most `keep_bytes` are left; only what is idle since before that
// tick. Returns the bytes that the driver got. May wait for the device.
inline constexpr uint64_t kAnyTick = UINT64_MAX;
uint64_t give_back_idle(const Call& call, Memory memory, int device, uint64_t keep_bytes,
                        uint64_t idle_before_tick = kAnyTick);

// The same, counted as a trim.
uint64_t trim_to(const Call& call, Memory memory, int device, uint64_t keep_bytes,
                 uint64_t idle_before_tick = kAnyTick);

// Before memory is taken from the driver: false where it would be more than the pool may hold, and idle memory does not make up for it.
bool make_room(const Call& call, const ContextState& context, const Request& request);

// After memory has become idle, of which there are now so many bytes. Cost where nothing is over a limit: a few loads.
void keep_within_limits(const Call& call, const ContextState& context, Memory memory, uint64_t idle_bytes);

// Blocks on their way back to the driver, and how many have arrived.
uint64_t blocks_on_their_way();
uint64_t returns_done();

// Idle bytes of a device: to the program they are free.
uint64_t releasable_bytes(int device);

}  // namespace weir::cuda::pool
