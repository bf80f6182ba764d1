// How often each function was called, for tests that say how often the driver may be: see SIMCUDA_COUNTS in settings.h.
#pragma once

namespace simcuda {

// The name must live as long as the driver.
void count_call(const char* name);

}  // namespace simcuda
