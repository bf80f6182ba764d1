// Ids of their own types, so that a stack, a thread and a module are never mixed up.
#pragma once

#include <cstdint>

namespace weir::core {

// A distinct call stack. 0 is the unknown stack; ids are dense from 1 in order of first sight.
enum class StackId : uint32_t { unknown = 0 };
inline constexpr uint32_t kMostStacks = 1U << 24;  // stacks beyond so many are unknown

// A thread seen by Weir, dense from 1 in order of its first event. 0 is unknown; see kMaxThreadId.
enum class ThreadId : uint32_t { unknown = 0 };
inline constexpr uint32_t kThreadBits = 17;
inline constexpr uint32_t kMaxThreadId = (1U << kThreadBits) - 1;  // later threads share this id

// One load of one module (executable or shared object). 0 is "no module known".
enum class ModuleId : uint16_t { none = 0 };

inline constexpr uint32_t index_of(StackId id) { return static_cast<uint32_t>(id); }
inline constexpr uint32_t index_of(ThreadId id) { return static_cast<uint32_t>(id); }
inline constexpr uint32_t index_of(ModuleId id) { return static_cast<uint32_t>(id); }

}  // namespace weir::core
