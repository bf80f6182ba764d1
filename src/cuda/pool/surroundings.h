// What else is in the process that the pool must make way for: compute-sanitizer, which has to see each allocation and free; and
// libibverbs, by which other devices may use memory that the driver knows of.
#pragma once

namespace weir::cuda::pool {

// Looks through the process's mapped files, unless that was done so recently that it would take more than a hundredth of the time. Sets the
// pool's limitation where something is found. Not with a lock held; asks neither the loader nor the driver.
void look_around();

// Of one line of /proc/self/maps: why the pool may not serve with that file in the process; nullptr where it may.
const char* limitation_by(const char* line);

}  // namespace weir::cuda::pool
