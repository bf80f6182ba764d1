// All forms of operator new and delete, under their mangled names. On failure the host's new_handler runs and the host's
// libstdc++ throws: operator new is the only hook that an exception may leave.
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "runtime/new_failure.h"
#include "runtime/plain_path.h"
#include "runtime/program_allocator.h"
#include "runtime/runtime.h"

#define WEIR_HOOK extern "C" __attribute__((visibility("default"), noinline))

namespace {

using weir::runtime::AllocatingHook;
using weir::runtime::FreeingCall;
using weir::runtime::HookFrame;
using weir::runtime::Request;
using weir::stack::Registers;
using weir::track::Family;

// A mangled name as a template's argument.
template <size_t kBytes>
struct Symbol {
  char text[kBytes];
  consteval Symbol(const char (&name)[kBytes]) {
    for (size_t i = 0; i < kBytes; ++i) text[i] = name[i];
  }
};

template <Symbol kSymbol>
constinit std::atomic<void*> found_in_library;

// The C++ library's own form, where it is to be called in place of Weir's; else nullptr.
template <Symbol kSymbol, class Form>
Form library_form() {
  return reinterpret_cast<Form>(weir::runtime::library_operator(found_in_library<kSymbol>, kSymbol.text));
}

// ---- operator new ----

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
template <Symbol kSymbol, Family kFamily>
[[gnu::noinline]] void* new_generally(size_t bytes, HookFrame frame) {
  if (auto form = library_form<kSymbol, void* (*)(size_t)>()) return form(bytes);
  return allocate_or_throw(frame.caller(), {bytes, 0, kFamily});
}

constexpr AllocatingHook kScalarNew{Family::scalar_new, false, &new_generally<"_Znwm", Family::scalar_new>};
constexpr AllocatingHook kArrayNew{Family::array_new, false, &new_generally<"_Znam", Family::array_new>};

[[gnu::always_inline]] inline void* allocate_new(size_t bytes, const AllocatingHook& hook) {
  if (!weir::runtime::program_is_known_to_bring_none()) [[unlikely]]
    return hook.allocate_generally(bytes, weir::runtime::hook_frame());
  return weir::runtime::allocate_plainly(bytes, hook);
}

template <Symbol kSymbol>
void* new_aligned(const Registers& caller, const Request& request) {
  if (auto form = library_form<kSymbol, void* (*)(size_t, size_t)>()) return form(request.bytes, request.alignment);
  return allocate_or_throw(caller, request);
}

// The host's form catches what a new_handler throws; it comes back to Weir's throwing form for the memory.
template <class... Arguments>
void* nothrow_failure(const Registers& caller, const char* mangled_name, Arguments... arguments) {
  weir::runtime::note_failed_allocation();
  using HostForm = void* (*)(Arguments...);
  auto host = reinterpret_cast<HostForm>(weir::runtime::find_host_nothrow_new(mangled_name, caller.ip));
  return host == nullptr ? nullptr : host(arguments...);
}

template <Symbol kSymbol, class... Arguments>
void* new_nothrow(const Registers& caller, const Request& request, Arguments... arguments) {
  if (auto form = library_form<kSymbol, void* (*)(Arguments...)>()) return form(arguments...);
  void* block = acquire(caller, request);
  return block != nullptr ? block : nothrow_failure(caller, kSymbol.text, arguments...);
}

// ---- operator delete ----

template <Family kFamily>
constexpr const char* kDelete = kFamily == Family::array_new ? "operator delete[]" : "operator delete";

void release_by(void* block, const Registers& caller, const FreeingCall& call) {
  if (weir::runtime::program_brings_allocator()) [[unlikely]]
    return weir::runtime::release_to_program(block);
  weir::runtime::release(caller, block, call);
}

template <Symbol kSymbol, Family kFamily>
[[gnu::noinline]] void delete_generally(void* block, HookFrame frame) {
  if (block == nullptr) return;
  if (auto form = library_form<kSymbol, void (*)(void*)>()) return form(block);
  release_by(block, frame.caller(), {kDelete<kFamily>, kFamily});
}

template <Symbol kSymbol, Family kFamily>
[[gnu::noinline]] void delete_sized_generally(void* block, size_t bytes, HookFrame frame) {
  if (block == nullptr) return;
  if (auto form = library_form<kSymbol, void (*)(void*, size_t)>()) return form(block, bytes);
  release_by(block, frame.caller(), {kDelete<kFamily>, kFamily, bytes});
}

template <Symbol kSymbol, Family kFamily>
[[gnu::always_inline]] inline void release(void* block) {
  weir::runtime::release_plainly<kFamily>(block, &delete_generally<kSymbol, kFamily>);
}

template <Symbol kSymbol, Symbol kUnsized, Family kFamily>
[[gnu::always_inline]] inline void release_sized(void* block, size_t bytes) {
  weir::runtime::release_sized_plainly<kFamily>(block, bytes, &delete_sized_generally<kSymbol, kFamily>,
                                                &delete_generally<kUnsized, kFamily>);
}

// Blocks of an alignment beyond the natural one are the general path's business. `arguments`: those of the form.
template <Symbol kSymbol, Family kFamily, class... Arguments>
void release_aligned(const Registers& caller, uint64_t bytes, size_t alignment, void* block, Arguments... arguments) {
  if (block == nullptr) return;
  if (auto form = library_form<kSymbol, void (*)(void*, Arguments...)>()) return form(block, arguments...);
  release_by(block, caller, {kDelete<kFamily>, kFamily, bytes, alignment});
}

using weir::track::kNotSaid;

}  // namespace

WEIR_HOOK void* _Znwm(size_t bytes) { return allocate_new(bytes, kScalarNew); }

WEIR_HOOK void* _Znam(size_t bytes) { return allocate_new(bytes, kArrayNew); }

WEIR_HOOK void* _ZnwmSt11align_val_t(size_t bytes, size_t alignment) {
  return new_aligned<"_ZnwmSt11align_val_t">(WEIR_CALLER_REGISTERS(), {bytes, alignment, Family::scalar_new});
}

WEIR_HOOK void* _ZnamSt11align_val_t(size_t bytes, size_t alignment) {
  return new_aligned<"_ZnamSt11align_val_t">(WEIR_CALLER_REGISTERS(), {bytes, alignment, Family::array_new});
}

WEIR_HOOK void* _ZnwmRKSt9nothrow_t(size_t bytes, const void* nothrow) {
  return new_nothrow<"_ZnwmRKSt9nothrow_t">(WEIR_CALLER_REGISTERS(), {bytes, 0, Family::scalar_new}, bytes, nothrow);
}

WEIR_HOOK void* _ZnamRKSt9nothrow_t(size_t bytes, const void* nothrow) {
  return new_nothrow<"_ZnamRKSt9nothrow_t">(WEIR_CALLER_REGISTERS(), {bytes, 0, Family::array_new}, bytes, nothrow);
}

WEIR_HOOK void* _ZnwmSt11align_val_tRKSt9nothrow_t(size_t bytes, size_t alignment, const void* nothrow) {
  return new_nothrow<"_ZnwmSt11align_val_tRKSt9nothrow_t">(
      WEIR_CALLER_REGISTERS(), {bytes, alignment, Family::scalar_new}, bytes, alignment, nothrow);
}

WEIR_HOOK void* _ZnamSt11align_val_tRKSt9nothrow_t(size_t bytes, size_t alignment, const void* nothrow) {
  return new_nothrow<"_ZnamSt11align_val_tRKSt9nothrow_t">(
      WEIR_CALLER_REGISTERS(), {bytes, alignment, Family::array_new}, bytes, alignment, nothrow);
}

WEIR_HOOK void _ZdlPv(void* block) { release<"_ZdlPv", Family::scalar_new>(block); }

WEIR_HOOK void _ZdaPv(void* block) { release<"_ZdaPv", Family::array_new>(block); }

WEIR_HOOK void _ZdlPvm(void* block, size_t bytes) {
  release_sized<"_ZdlPvm", "_ZdlPv", Family::scalar_new>(block, bytes);
}

WEIR_HOOK void _ZdaPvm(void* block, size_t bytes) {
  release_sized<"_ZdaPvm", "_ZdaPv", Family::array_new>(block, bytes);
}

// The library's nothrow forms call the plain ones.
WEIR_HOOK void _ZdlPvRKSt9nothrow_t(void* block, const void*) { release<"_ZdlPv", Family::scalar_new>(block); }

WEIR_HOOK void _ZdaPvRKSt9nothrow_t(void* block, const void*) { release<"_ZdaPv", Family::array_new>(block); }

WEIR_HOOK void _ZdlPvSt11align_val_t(void* block, size_t alignment) {
  release_aligned<"_ZdlPvSt11align_val_t", Family::scalar_new>(WEIR_CALLER_REGISTERS(), kNotSaid, alignment, block,
                                                               alignment);
}

WEIR_HOOK void _ZdaPvSt11align_val_t(void* block, size_t alignment) {
  release_aligned<"_ZdaPvSt11align_val_t", Family::array_new>(WEIR_CALLER_REGISTERS(), kNotSaid, alignment, block,
                                                              alignment);
}

WEIR_HOOK void _ZdlPvmSt11align_val_t(void* block, size_t bytes, size_t alignment) {
  release_aligned<"_ZdlPvmSt11align_val_t", Family::scalar_new>(WEIR_CALLER_REGISTERS(), bytes, alignment, block, bytes,
                                                                alignment);
}

WEIR_HOOK void _ZdaPvmSt11align_val_t(void* block, size_t bytes, size_t alignment) {
  release_aligned<"_ZdaPvmSt11align_val_t", Family::array_new>(WEIR_CALLER_REGISTERS(), bytes, alignment, block, bytes,
                                                               alignment);
}

WEIR_HOOK void _ZdlPvSt11align_val_tRKSt9nothrow_t(void* block, size_t alignment, const void* nothrow) {
  release_aligned<"_ZdlPvSt11align_val_tRKSt9nothrow_t", Family::scalar_new>(WEIR_CALLER_REGISTERS(), kNotSaid,
                                                                             alignment, block, alignment, nothrow);
}

WEIR_HOOK void _ZdaPvSt11align_val_tRKSt9nothrow_t(void* block, size_t alignment, const void* nothrow) {
  release_aligned<"_ZdaPvSt11align_val_tRKSt9nothrow_t", Family::array_new>(WEIR_CALLER_REGISTERS(), kNotSaid,
                                                                            alignment, block, alignment, nothrow);
}
