#include "cuda/call_names.h"

#include <cstring>

#include "core/arena.h"
#include "core/elf_image.h"
#include "core/spin_lock.h"
#include "stack/stack_table.h"

namespace weir::cuda {
namespace {

constexpr size_t kSlots = 8192;
constexpr size_t kMostNamed = kSlots / 2;  // of stacks beyond, the driver's function is told
constexpr size_t kMostRuntimeFrames = 32;
constexpr const char kRuntimePrefix[] = "cuda";

struct Named {
  core::StackId stack;  // unknown: free
  const char* name;     // nullptr: the driver's own
};

struct Name {
  Name* next;
  char text[64];
};

core::SpinLock lock;  // guards what follows
Named* slots;
size_t named_count;
Name* names;

Named& slot_of(core::StackId stack) {
  size_t place = core::index_of(stack) * size_t{0x9e3779b1} % kSlots;
  while (slots[place].stack != core::StackId::unknown && slots[place].stack != stack) place = (place + 1) % kSlots;
  return slots[place];
}

bool is_runtime_call(const char* name) {
  constexpr size_t kLength = sizeof kRuntimePrefix - 1;
  return name != nullptr && strncmp(name, kRuntimePrefix, kLength) == 0 && name[kLength] >= 'A' && name[kLength] <= 'Z';
}

// The outermost of the innermost frames that lie in one module: what the program called of that module. Its name within the module's
// own memory; nullptr where that is no function of a runtime's.
const char* runtime_call_on(core::StackId stack) {
  stack::StackFrame frames[kMostRuntimeFrames];
  bool truncated = false;
  const size_t depth = stack::frames_of(stack, frames, kMostRuntimeFrames, &truncated);
  const size_t count = depth < kMostRuntimeFrames ? depth : kMostRuntimeFrames;
  size_t outermost = 0;
  while (outermost + 1 < count && frames[outermost + 1].module == frames[0].module) ++outermost;
  if (count == 0 || outermost + 1 == count) return nullptr;  // the program's own frames to the end
  const uintptr_t call = frames[outermost].ip - 1;
  const link_map* module = core::module_at(reinterpret_cast<const void*>(call));
  if (module == nullptr) return nullptr;
  const core::ElfImage image(*module);
  if (image.function("cudaMalloc") == nullptr) return nullptr;  // no runtime: its functions need not be looked through
  const char* name = image.function_at(call);
  return is_runtime_call(name) ? name : nullptr;
}

const char* interned(const char* name) {
  for (const Name* known = names; known != nullptr; known = known->next) {
    if (strcmp(known->text, name) == 0) return known->text;
  }
  auto* added = static_cast<Name*>(core::arena_allocate(sizeof(Name)));
  if (added == nullptr) return nullptr;
  strncpy(added->text, name, sizeof added->text - 1);
  added->next = names;
  names = added;
  return added->text;
}

// False where the stack is still to be named.
bool find_named(core::StackId stack, const char** name) {
  const core::LockScope scope(lock);
  if (slots == nullptr) return false;
  const Named& slot = slot_of(stack);
  *name = slot.name;
  return slot.stack == stack || named_count == kMostNamed;
}

const char* keep_name(core::StackId stack, const char* found) {
  const core::LockScope scope(lock);
  const char* name = found == nullptr ? nullptr : interned(found);
  if (slots == nullptr) slots = core::arena_array<Named>(kSlots);
  if (slots == nullptr || named_count == kMostNamed) return name;
  Named& slot = slot_of(stack);
  if (slot.stack == core::StackId::unknown) ++named_count;
  slot = {stack, name};
  return name;
}

}  // namespace

const char* call_name_of(core::StackId stack, Entry entry) {
  if (stack == core::StackId::unknown) return entry_name(entry);
  const char* name = nullptr;
  if (!find_named(stack, &name)) name = keep_name(stack, runtime_call_on(stack));
  return name != nullptr ? name : entry_name(entry);
}

void call_names_reset_after_fork() { lock.reset_after_fork(); }

}  // namespace weir::cuda
