// All forms of operator new and delete, under their mangled names. On failure the host's new_handler runs and the host's
// libstdc++ throws: operator new is the only hook that an exception may leave.
#include <cstddef>
#include <cstdint>

#include "runtime/new_failure.h"
#include "runtime/plain_path.h"
#include "runtime/program_allocator.h"
#include "runtime/runtime.h"

#define WEIR_HOOK extern "C" __attribute__((visibility("default"), noinline))

namespace {

using weir::runtime::AllocatingHook;
using weir::runtime::HookFrame;
using weir::runtime::Request;
using weir::stack::Registers;
using weir::track::Family;

void* acquire(const Registers& caller, const Request& request) {
  if (weir::runtime::program_brings_allocator()) [[unlikely]]
    return weir::runtime::allocate_from_program(caller, request);
  return weir::runtime::allocate(caller, request);
}

[[gnu::noinline]] void* allocate_or_throw(const Registers& caller, const Request& request) {
  for (;;) {
    void* block = acquire(caller, request);
    if (block != nullptr) [[likely]]
      return block;
    weir::runtime::note_failed_allocation();
    weir::runtime::handle_new_failure(caller.ip);
  }
}

// Out of line and with the frame as arguments, so that the hooks save no registers for it.
template <Family kFamily>
[[gnu::noinline]] void* new_generally(size_t bytes, HookFrame frame) {
  return allocate_or_throw(frame.caller(), {bytes, 0, kFamily});
}

constexpr AllocatingHook kScalarNew{Family::scalar_new, false, &new_generally<Family::scalar_new>};
constexpr AllocatingHook kArrayNew{Family::array_new, false, &new_generally<Family::array_new>};

[[gnu::always_inline]] inline void* allocate_new(size_t bytes, const AllocatingHook& hook) {
  if (!weir::runtime::program_is_known_to_bring_none()) [[unlikely]]
    return hook.allocate_generally(bytes, weir::runtime::hook_frame());
  return weir::runtime::allocate_plainly(bytes, hook);
}

// The host's nothrow form catches what a new_handler throws; it comes back to Weir's throwing form for the memory.
template <class... Arguments>
void* nothrow_failure(const Registers& caller, const char* mangled_name, Arguments... arguments) {
  weir::runtime::note_failed_allocation();
  using HostForm = void* (*)(Arguments...);
  auto host = reinterpret_cast<HostForm>(weir::runtime::find_host_nothrow_new(mangled_name, caller.ip));
  return host == nullptr ? nullptr : host(arguments...);
}

[[gnu::noinline]] void release_generally(void* block, HookFrame frame) {
  if (block == nullptr) return;
  if (weir::runtime::program_brings_allocator()) [[unlikely]]
    return weir::runtime::release_to_program(block);
  weir::runtime::release(frame.caller(), block);
}

[[gnu::always_inline]] inline void release(void* block) {
  if (!weir::runtime::program_is_known_to_bring_none()) [[unlikely]]
    return release_generally(block, weir::runtime::hook_frame());
  weir::runtime::release_plainly(block, &release_generally);
}

}  // namespace

WEIR_HOOK void* _Znwm(size_t bytes) { return allocate_new(bytes, kScalarNew); }

WEIR_HOOK void* _Znam(size_t bytes) { return allocate_new(bytes, kArrayNew); }

WEIR_HOOK void* _ZnwmSt11align_val_t(size_t bytes, size_t alignment) {
  return allocate_or_throw(WEIR_CALLER_REGISTERS(), {bytes, alignment, Family::scalar_new});
}

WEIR_HOOK void* _ZnamSt11align_val_t(size_t bytes, size_t alignment) {
  return allocate_or_throw(WEIR_CALLER_REGISTERS(), {bytes, alignment, Family::array_new});
}

WEIR_HOOK void* _ZnwmRKSt9nothrow_t(size_t bytes, const void* nothrow) {
  const Registers caller = WEIR_CALLER_REGISTERS();
  void* block = acquire(caller, {bytes, 0, Family::scalar_new});
  return block != nullptr ? block : nothrow_failure(caller, "_ZnwmRKSt9nothrow_t", bytes, nothrow);
}

WEIR_HOOK void* _ZnamRKSt9nothrow_t(size_t bytes, const void* nothrow) {
  const Registers caller = WEIR_CALLER_REGISTERS();
  void* block = acquire(caller, {bytes, 0, Family::array_new});
  return block != nullptr ? block : nothrow_failure(caller, "_ZnamRKSt9nothrow_t", bytes, nothrow);
}

WEIR_HOOK void* _ZnwmSt11align_val_tRKSt9nothrow_t(size_t bytes, size_t alignment, const void* nothrow) {
  const Registers caller = WEIR_CALLER_REGISTERS();
  void* block = acquire(caller, {bytes, alignment, Family::scalar_new});
  return block != nullptr ? block
                          : nothrow_failure(caller, "_ZnwmSt11align_val_tRKSt9nothrow_t", bytes, alignment, nothrow);
}

WEIR_HOOK void* _ZnamSt11align_val_tRKSt9nothrow_t(size_t bytes, size_t alignment, const void* nothrow) {
  const Registers caller = WEIR_CALLER_REGISTERS();
  void* block = acquire(caller, {bytes, alignment, Family::array_new});
  return block != nullptr ? block
                          : nothrow_failure(caller, "_ZnamSt11align_val_tRKSt9nothrow_t", bytes, alignment, nothrow);
}

#define WEIR_DELETE(name, ...) \
  WEIR_HOOK void name(void* block __VA_OPT__(, ) __VA_ARGS__) { release(block); }

WEIR_DELETE(_ZdlPv)
WEIR_DELETE(_ZdaPv)
WEIR_DELETE(_ZdlPvm, size_t)
WEIR_DELETE(_ZdaPvm, size_t)
WEIR_DELETE(_ZdlPvRKSt9nothrow_t, const void*)
WEIR_DELETE(_ZdaPvRKSt9nothrow_t, const void*)
WEIR_DELETE(_ZdlPvSt11align_val_t, size_t)
WEIR_DELETE(_ZdaPvSt11align_val_t, size_t)
WEIR_DELETE(_ZdlPvmSt11align_val_t, size_t, size_t)
WEIR_DELETE(_ZdaPvmSt11align_val_t, size_t, size_t)
WEIR_DELETE(_ZdlPvSt11align_val_tRKSt9nothrow_t, size_t, const void*)
WEIR_DELETE(_ZdaPvSt11align_val_tRKSt9nothrow_t, size_t, const void*)
