#include "context.h"

#include "array.h"
#include "block.h"
#include "external.h"
#include "graph.h"
#include "modules.h"

namespace simcuda {
namespace {

// None of this is ever destroyed: streams' threads and the program's destructors use it to the end.
std::vector<std::unique_ptr<Device>>& devices() {
  static auto* const all = new std::vector<std::unique_ptr<Device>>;
  return *all;
}

std::set<Context*>& contexts() {
  static auto* const all = new std::set<Context*>;
  return *all;
}

bool initialised = false;

uint64_t next_context_id() {
  static uint64_t last = 0;
  return ++last;
}

}  // namespace

std::mutex& driver_mutex() {
  static auto* const mutex = new std::mutex;
  return *mutex;
}

bool is_initialised() { return initialised; }

Context::Context(Device& of, bool primary)
    : device(of),
      is_primary(primary),
      is_alive(!primary),
      id(next_context_id()),
      legacy_stream(std::make_shared<Stream>(*this, StreamKind::legacy_default, 0U, 0)) {}

Stream& Context::stream_of_this_thread() {
  StreamPointer& stream = thread_streams[std::this_thread::get_id()];
  if (stream == nullptr) {
    stream = std::make_shared<Stream>(*this, StreamKind::per_thread_default, 0U, 0);
    streams[reinterpret_cast<CUstream>(stream.get())] = stream;
  }
  return *stream;
}

Device::Device(int number, size_t bytes)
    : ordinal(number), memory(number, bytes), primary(*this, true), default_pool{*this}, current_pool(&default_pool) {
  default_pool.is_default = true;
  default_pool.properties.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
  default_pool.properties.location = {CU_MEM_LOCATION_TYPE_DEVICE, {number}};
}

void initialise() {
  if (initialised) return;
  require(settings().devices > 0, CUDA_ERROR_NO_DEVICE);
  for (int i = 0; i < settings().devices; ++i) {
    devices().push_back(std::make_unique<Device>(i, settings().memory_bytes));
    contexts().insert(&devices().back()->primary);
  }
  initialised = true;
}

Device& device_of(CUdevice ordinal) {
  require(ordinal >= 0 && ordinal < device_count(), CUDA_ERROR_INVALID_DEVICE);
  return *devices()[static_cast<size_t>(ordinal)];
}

int device_count() { return static_cast<int>(devices().size()); }

Device* device_holding(uintptr_t address) {
  for (const auto& device : devices()) {
    if (device->memory.holds(address)) return device.get();
  }
  return nullptr;
}

const std::set<Context*>& all_contexts() { return contexts(); }
void add_context(Context* context) { contexts().insert(context); }
void remove_context(Context* context) { contexts().erase(context); }

std::vector<Context*>& context_stack() {
  // Never destroyed: functions that run at the process's end may call the driver, when the thread's objects are gone.
  static thread_local auto* stack = new std::vector<Context*>;
  return *stack;
}

Context& current_context() {
  require(!context_stack().empty(), CUDA_ERROR_INVALID_CONTEXT);
  Context& context = *context_stack().back();
  require(contexts().contains(&context) && context.is_alive, CUDA_ERROR_CONTEXT_IS_DESTROYED);
  for (const Context* of : {&context, &context.owner()}) require(of->sticky_error == CUDA_SUCCESS, of->sticky_error);
  return context;
}

std::vector<Context*> with_green_contexts(Context& context) {
  std::vector<Context*> all{&context};
  for (Context* other : contexts()) {
    if (other->primary_of_green == &context) all.push_back(other);
  }
  return all;
}

Context& context_of(CUcontext handle) {
  if (handle == nullptr) return current_context();
  auto* context = reinterpret_cast<Context*>(handle);
  require(contexts().contains(context), CUDA_ERROR_INVALID_CONTEXT);
  return *context;
}

void end_context(Lock& lock, Context& context) {
  wait_for(lock, work_of(context));
  for (const auto& [handle, stream] : context.streams) {
    abandon_capture(lock, *stream);
    stream->close(lock);
  }
  context.streams.clear();
  context.thread_streams.clear();
  context.events.clear();
  forget_arrays_of(context);
  forget_modules_of(context);
  forget_externals_of(context);
  free_blocks_of(context);
  for (Context* other : contexts()) other->peers.erase(&context);
  context.peers.clear();
  context.sticky_error = CUDA_SUCCESS;
}

void destroy_context(Lock& lock, Context& context) {
  end_context(lock, context);
  context.is_alive = false;
  remove_context(&context);
  std::erase(context_stack(), &context);
}

void retain_primary(Context& primary) {
  ++primary.retained;
  primary.is_alive = true;
}

void release_primary(Lock& lock, Context& primary) {
  require(primary.retained > 0, CUDA_ERROR_INVALID_CONTEXT);
  if (--primary.retained > 0) return;
  end_context(lock, primary);
  primary.is_alive = false;
}

}  // namespace simcuda
