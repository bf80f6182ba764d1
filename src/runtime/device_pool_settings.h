// The options that speak of the pools of CUDA's memory, in those pools' own words.
#pragma once

#include "cuda/pool/pool_settings.h"

namespace weir::runtime {

// Of the options in effect (options::current()). Any thread, once options::load() ran; takes no lock and no memory.
cuda::pool::Settings pool_settings_from_options();

// The mode that a word of WEIR_CUDA_POOL stands for, by its index (options::kCudaPoolStrict, ...).
cuda::pool::Mode pool_mode_of(unsigned choice);
unsigned pool_choice_of(cuda::pool::Mode mode);

}  // namespace weir::runtime
