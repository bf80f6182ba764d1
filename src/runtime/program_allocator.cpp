#include "runtime/program_allocator.h"

#include "core/thread_slot.h"
#include "runtime/host_symbols.h"

namespace weir::runtime {

std::atomic<ProgramAllocator> program_allocator{ProgramAllocator::unknown};

namespace {

struct ProgramFunctions {
  void* (*malloc)(size_t);
  void* (*aligned_alloc)(size_t, size_t);  // nullptr: not among the program's own, so the next is Weir's
  void (*free)(void*);
};
constinit ProgramFunctions program_functions{};

template <class Function>
void find(Function& function, const char* name) {
  function = reinterpret_cast<Function>(find_symbol_before_weir(name));
}

}  // namespace

bool look_for_program_allocator() {
  const ProgramAllocator known = program_allocator.load(std::memory_order_acquire);
  if (known != ProgramAllocator::unknown) return known == ProgramAllocator::present;
  if (!core::thread_locals_ready) return false;
  ProgramFunctions& functions = program_functions;  // of threads that come here at once each finds the same
  find(functions.malloc, "malloc");
  find(functions.aligned_alloc, "aligned_alloc");
  find(functions.free, "free");
  const bool present = functions.malloc != nullptr && functions.free != nullptr;
  program_allocator.store(present ? ProgramAllocator::present : ProgramAllocator::absent, std::memory_order_release);
  return present;
}

void* allocate_from_program(const stack::Registers& caller, const Request& request) {
  if (request.alignment == 0) return program_functions.malloc(request.bytes == 0 ? 1 : request.bytes);
  if (program_functions.aligned_alloc == nullptr) return allocate(caller, request);
  const size_t whole = (request.bytes + request.alignment - 1) & ~(request.alignment - 1);
  return program_functions.aligned_alloc(request.alignment, whole);
}

void release_to_program(void* block) { program_functions.free(block); }

}  // namespace weir::runtime
