#include "stack/python/interpreter.h"

#include <sys/auxv.h>

#include <atomic>

#include "core/elf_image.h"
#include "core/spin_lock.h"
#include "stack/module_table.h"
#include "stack/python/memory.h"

namespace weir::stack::python {
namespace {

core::SpinLock search_lock;
uint32_t examined;  // modules
std::atomic<const Interpreter*> current{nullptr};
std::atomic<uint32_t> version{0};
std::atomic<const char*> reason{nullptr};
Interpreter found;

// Of a module, and of the executable, which holds its own copy of a library's variable that it refers to itself.
class Symbols {
 public:
  explicit Symbols(const link_map& module) : module_(module) {
    const link_map* executable = core::module_at(reinterpret_cast<const void*>(getauxval(AT_PHDR)));
    if (executable != nullptr) executable_ = core::ElfImage(*executable);
  }

  template <class Function>
  bool find(const char* name, Function* function) const {
    *function = reinterpret_cast<Function>(module_.function(name));
    return *function != nullptr;
  }
  const void* variable(const char* name) const {
    const void* copy = executable_.object(name);
    return copy != nullptr ? copy : module_.object(name);
  }
  bool find_type(const char* name, uintptr_t* type) const {
    *type = reinterpret_cast<uintptr_t>(variable(name));
    return *type != 0;
  }

 private:
  core::ElfImage module_, executable_;
};

bool find_all(const Symbols& symbols, Interpreter* interpreter) {
  return symbols.find("PyGILState_GetThisThreadState", &interpreter->state_of_this_thread) &&
         (symbols.find("PyThreadState_GetUnchecked", &interpreter->attached_state) ||
          symbols.find("_PyThreadState_UncheckedGet", &interpreter->attached_state)) &&
         symbols.find_type("PyCode_Type", &interpreter->code_type) &&
         symbols.find_type("PyUnicode_Type", &interpreter->string_type) &&
         symbols.find_type("PyBytes_Type", &interpreter->bytes_type);
}

// nullptr where it can be used.
const char* reason_against(const Symbols& symbols, uint32_t its_version, Interpreter* interpreter) {
  interpreter->layout = layout_of(its_version);
  if (interpreter->layout == nullptr)
    return its_version >> 16 > 0x030b ? "Weir does not know this version" : "they can be read from CPython 3.11.1 on";
  if (!find_all(symbols, interpreter)) return "this build does not export what is needed";
  interpreter->runtime = symbols.variable("_PyRuntime");
  if (interpreter->runtime == nullptr || !agrees_with_runtime(*interpreter->layout, interpreter->runtime))
    return "Weir does not know this build's structures (a free-threaded one?)";
  return nullptr;
}

// The version of the CPython in the module, 0 where there is none. Py_Version came with 3.11.
uint32_t version_in(const Symbols& symbols) {
  constexpr uint32_t kOlder = 0x03000000;
  void* (*state)() = nullptr;
  if (!symbols.find("PyGILState_GetThisThreadState", &state)) return 0;
  const void* its_version = symbols.variable("Py_Version");
  if (its_version == nullptr) return kOlder;
  return static_cast<uint32_t>(read_at<uint64_t>(reinterpret_cast<uintptr_t>(its_version), 0));
}

// The first one in the process counts.
void examine(core::ModuleId id) {
  const ModuleInfo* info = module_info(id);
  if (info == nullptr || !info->loaded) return;
  const link_map* module = core::module_at(reinterpret_cast<const void*>(info->start));
  if (module == nullptr) return;
  const Symbols symbols(*module);
  const uint32_t its_version = version_in(symbols);
  if (its_version == 0) return;
  const char* against = reason_against(symbols, its_version, &found);
  reason.store(against, std::memory_order_relaxed);
  found.module = id;
  if (against == nullptr) current.store(&found, std::memory_order_release);
  version.store(its_version,
                std::memory_order_release);  // last: it ends the search, in a child that is forked now, too
}

}  // namespace

uintptr_t finalizing_state(const Interpreter& of) {
  const uintptr_t place = reinterpret_cast<uintptr_t>(of.runtime) + of.layout->runtime_finalizing;
  return __atomic_load_n(reinterpret_cast<const uintptr_t*>(place), __ATOMIC_ACQUIRE);
}

const Interpreter* interpreter() { return current.load(std::memory_order_acquire); }

void look_for_interpreter() {
  const core::LockScope scope(search_lock);
  while (version.load(std::memory_order_relaxed) == 0 && examined < module_count()) {
    examine(static_cast<core::ModuleId>(examined + 1));
    ++examined;
  }
}

void forget_interpreter_in(core::ModuleId module) {
  const Interpreter* known = interpreter();
  if (known != nullptr && known->module == module) current.store(nullptr, std::memory_order_release);
}

uint32_t found_version() { return version.load(std::memory_order_relaxed); }
const char* reason_against() { return reason.load(std::memory_order_relaxed); }

void interpreter_reset_after_fork() { search_lock.reset_after_fork(); }

}  // namespace weir::stack::python
