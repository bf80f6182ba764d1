#include "cuda/handlers_objects.h"

namespace weir::cuda {

void forget_mapped_range(uint64_t start, uint64_t end, uint64_t serial) {
  Allocation mapped;
  for (uint64_t at = start; at < end && find_allocation(Space::mapping, at, &mapped); at = mapped.key + mapped.bytes) {
    if (mapped.serial > serial || mapped.bytes == 0) return;
    if (!detach_allocation(Space::mapping, mapped.key, kAnyKind, &mapped)) return;
    count_freed(mapped);
    drop_mapping(mapped.owner);
  }
}

void note_other_name(uint64_t handle, uint64_t address) {
  Allocation mapping, memory;
  if (!find_allocation(Space::mapping, address, &mapping)) return;
  if (!detach_allocation(Space::vmm_handle, mapping.owner, kAnyKind, &memory)) return;
  memory.key = handle;
  memory.references = 1;
  restore_allocation(memory);
  give_to_owner(Space::mapping, mapping.owner, handle);
}

void note_variable(const Call& call, uint64_t address, uint64_t bytes, uint64_t module) {
  Allocation allocation;
  {
    const core::Guard guard;
    if (find_allocation(Space::variable, address, &allocation)) return;
  }
  allocation = allocation_of(Kind::variable, bytes, Space::variable);
  allocation.key = address;
  allocation.owner = module;
  note_allocated_here(call, allocation);
}

void forget_variables_of(uint64_t module) {
  const core::Guard guard;
  take_of_owner(Space::variable, module);
}

}  // namespace weir::cuda
