// What measure_residency() needs of the mapping table; not for others. Each call takes the table's lock for itself.
#pragma once

#include <cstdint>

#include "track/mapping_table.h"

namespace weir::track {

// Zeroes every resident figure. Returns the newest serial: later mappings are not judged by what the kernel said before.
uint64_t begin_residency();

// The first interval that overlaps [from, end); false if there is none.
bool next_interval(uintptr_t from, uintptr_t end, Mapping* result);

// The kernel has nothing in [address, end): intervals up to newest_serial there were unmapped unseen.
void drop_unmapped(uintptr_t address, uintptr_t end, uint64_t newest_serial);

void add_resident(const Mapping& mapping, uint64_t bytes);
void set_residency_known(bool known);

}  // namespace weir::track
