// What the composer adds to the hooks of CUDA's driver: where a call came from, and what lies behind Weir's exports.
#pragma once

#include "core/guard.h"

namespace weir::runtime {

// Where preload/cuda.cpp's exports begin. From the preload's constructor.
void know_exports_of_driver(const void* first);

// By the options: whether the hooks take part. Once, at the process's start.
void configure_device_events();

// In a forked child: nothing of CUDA's is its own.
void device_events_reset_after_fork();

}  // namespace weir::runtime
