#include "runtime/program_allocator.h"

#include "core/thread_slot.h"
#include "runtime/host_symbols.h"

namespace weir::runtime {

std::atomic<ProgramAllocator> program_allocator{ProgramAllocator::unknown};

namespace {

struct ProgramFunctions {
  void* (*malloc)(size_t);
  void* (*aligned_alloc)(size_t, size_t);  // nullptr: not among the program's own, so the next is Weir's
  void* (*realloc)(void*, size_t);
  void (*free)(void*);
};
constinit ProgramFunctions program_functions{};

template <class Function>
void find(Function& function, const char* name) {
  function = reinterpret_cast<Function>(find_symbol_before_weir(name));
}

// The forms that the others are made of.
constexpr const char* kOperators[] = {"_Znwm",
                                      "_Znam",
                                      "_ZdlPv",
                                      "_ZdaPv",
                                      "_ZnwmSt11align_val_t",
                                      "_ZnamSt11align_val_t",
                                      "_ZdlPvSt11align_val_t",
                                      "_ZdaPvSt11align_val_t"};

bool program_brings_operators() {
  for (const char* symbol : kOperators) {
    if (find_symbol_before_weir(symbol) != nullptr) return true;
  }
  return false;
}

}  // namespace

ProgramAllocator look_for_program_allocator() {
  if (!core::thread_locals_ready) return ProgramAllocator::unknown;
  ProgramFunctions& functions = program_functions;  // of threads that come here at once each finds the same
  find(functions.malloc, "malloc");
  find(functions.aligned_alloc, "aligned_alloc");
  find(functions.realloc, "realloc");
  find(functions.free, "free");
  ProgramAllocator brought = ProgramAllocator::absent;
  if (functions.malloc != nullptr && functions.free != nullptr) {
    brought = ProgramAllocator::present;
  } else if (program_brings_operators()) {  // guard: library-operators
    brought = ProgramAllocator::operators;
  }
  program_allocator.store(brought, std::memory_order_release);
  return brought;
}

void* allocate_from_program(const stack::Registers& caller, const Request& request) {
  if (request.alignment == 0) return program_functions.malloc(request.bytes == 0 ? 1 : request.bytes);
  if (program_functions.aligned_alloc == nullptr) return allocate(caller, request);
  const size_t whole = (request.bytes + request.alignment - 1) & ~(request.alignment - 1);
  return program_functions.aligned_alloc(request.alignment, whole);
}

ReallocFunction find_program_realloc() {
  return what_program_brings() == ProgramAllocator::present ? program_functions.realloc : nullptr;
}

void release_to_program(void* block) { program_functions.free(block); }

void* find_library_operator(std::atomic<void*>& found, const char* symbol) {
  if (what_program_brings() != ProgramAllocator::operators) return nullptr;
  void* known = found.load(std::memory_order_acquire);
  if (known != nullptr) return known;
  known = find_symbol_after_weir(symbol);
  found.store(known, std::memory_order_release);
  return known;
}

}  // namespace weir::runtime
