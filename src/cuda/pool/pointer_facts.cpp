#include "cuda/pool/pointer_facts.h"

#include "cuda/driver.h"
#include "cuda/pool/configuration.h"
#include "cuda/pool/host_pins.h"
#include "cuda/pool/segment_pool.h"

namespace weir::cuda::pool {
namespace {

PointerFacts facts_of_start(Address start) {
  PointerFacts facts;
  for (const Memory memory : {Memory::device, Memory::pinned}) {
    with_block(memory, start, [&](const Block* block) {
      if (block == nullptr) return;
      const bool is_live = block->state != Block::State::idle;
      facts = {is_live ? PointerFacts::Is::live : PointerFacts::Is::freed, start, block->asked_bytes, block->buffer_id};
      if (memory == Memory::pinned || !is_in_segment(*block)) return;
      facts.segment_context = block->bin->key.owner;
      facts.segment_device = block->bin->device;
    });
  }
  return facts;
}

// Its last bytes nobody asked for.
PointerFacts facts_inside(Address start, Address address) {
  PointerFacts facts = facts_of_start(start);
  if (facts.is == PointerFacts::Is::live && address - start >= facts.asked_bytes) facts.is = PointerFacts::Is::freed;
  return facts;
}

}  // namespace

PointerFacts facts_of(const Call& call, Address address) {
  if (lies_in_host_pin(address)) return {PointerFacts::Is::freed};
  if (address == 0 || !has_blocks()) return {};
  const PointerFacts exact = facts_of_start(address);
  if (exact.is != PointerFacts::Is::unknown) return exact;
  Address start = 0;
  if (is_address_in_segments(address, &start)) {
    const PointerFacts facts = start == 0 ? PointerFacts{} : facts_inside(start, address);
    return facts.is == PointerFacts::Is::unknown ? PointerFacts{PointerFacts::Is::freed} : facts;
  }
  const InDriver in_driver(call.caller.sp);
  const auto ask = driver_queries().get_pointer_attribute;
  if (ask == nullptr || ask(&start, kPointerRangeStart, address) != Result::success || start == address) return {};
  return facts_inside(start, address);
}

void note_exported(const Call& call, Address address) {
  if (mode() == Mode::vmm) give_up_segments();
  const PointerFacts facts = facts_of(call, address);
  if (facts.is != PointerFacts::Is::live) return;
  for (const Memory memory : {Memory::device, Memory::pinned}) {
    with_block(memory, facts.start, [](Block* block) {
      if (block != nullptr) block->is_exported = true;
    });
  }
}

}  // namespace weir::cuda::pool
