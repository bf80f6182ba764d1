// What a program, or `weir ctl`, may ask of the pools while it runs: behind include/weir/weir.h, which has the contracts.
//
// Any thread outside Weir; a signal handler that interrupted Weir where it holds a lock gets nothing done. Nothing here touches CUDA's part
// of the library in a program that has not loaded the driver.
#pragma once

#include <cstdint>

#include "weir/weir.h"

namespace weir::runtime {

uint64_t trim_pools(uint64_t keep_bytes);
uint64_t compact_pools();
bool change_option(const char* name, const char* value);

// The word of WEIR_CUDA_POOL's by its index; false for one that there is not, and for a mode that cannot be had.
bool change_pool_mode(uint64_t choice);

// False for a pool that there is not. struct_bytes is left alone.
bool read_pool_figures(int pool, weir_pool_stats* result);

// Whether anything of CUDA's was asked of a device, as far as Weir knows.
bool is_device_used(int device);

// Copies `from` to the caller's struct, as far as that reaches: it may be one of an older or a newer header. False where it is too small to
// hold even its own size, or nullptr.
bool copy_to_caller(const weir_pool_stats& from, weir_pool_stats* to);

}  // namespace weir::runtime
