// cuInit and what programs ask of contexts.
#include "block.h"
#include "graph.h"

namespace simcuda {
namespace {

CUresult create_context(const char* name, CUcontext* handle, unsigned flags, CUdevice ordinal) {
  return run(name, [&](Lock&, Call& call) {
    require_argument(handle != nullptr);
    auto* const context = new Context(device_of(ordinal), /*primary=*/false);
    context->flags = flags;
    add_context(context);
    context_stack().push_back(context);
    *handle = handle_of(*context);
    call.number("context", context->id).number("device", static_cast<uint64_t>(ordinal));
  });
}

CUresult destroy(const char* name, CUcontext handle) {
  return run(name, [&](Lock& lock, Call& call) {
    require_argument(handle != nullptr);
    Context& context = context_of(handle);
    require(!context.is_primary && context.primary_of_green == nullptr, CUDA_ERROR_INVALID_CONTEXT);
    call.number("context", context.id).number("device", static_cast<uint64_t>(context.device.ordinal));
    destroy_context(lock, context);
  });
}

CUresult release(const char* name, CUdevice ordinal) {
  return run(name, [&](Lock& lock, Call& call) {
    Context& primary = device_of(ordinal).primary;
    call.number("context", primary.id).number("device", static_cast<uint64_t>(ordinal));
    release_primary(lock, primary);
  });
}

CUresult reset_primary(const char* name, CUdevice ordinal) {
  return run(name, [&](Lock& lock, Call& call) {
    Context& primary = device_of(ordinal).primary;
    call.number("context", primary.id).number("device", static_cast<uint64_t>(ordinal));
    end_context(lock, primary);
    primary.is_alive = primary.retained > 0;
  });
}

CUresult set_primary_flags(const char* name, CUdevice ordinal, unsigned flags) {
  return run(name, [&](Lock&, Call&) { device_of(ordinal).primary.flags = flags; });
}

CUresult push(const char* name, CUcontext handle) {
  return run(name, [&](Lock&, Call&) {
    require(handle != nullptr, CUDA_ERROR_INVALID_CONTEXT);
    context_stack().push_back(&context_of(handle));
  });
}

CUresult pop(const char* name, CUcontext* handle) {
  return run(name, [&](Lock&, Call&) {
    auto& stack = context_stack();
    require(!stack.empty(), CUDA_ERROR_INVALID_CONTEXT);
    if (handle != nullptr) *handle = handle_of(*stack.back());
    stack.pop_back();
  });
}

CUresult synchronise(const char* name, CUcontext handle) {
  return run(name, [&](Lock& lock, Call&) {
    Context& context = context_of(handle);
    forbid_on_capturing(context);
    wait_for(lock, work_of(context));
    require(context.sticky_error == CUDA_SUCCESS, context.sticky_error);
  });
}

}  // namespace

SIMCUDA_EXPORT CUresult cuInit(unsigned flags) {
  return run_uninitialised("cuInit", [&](Lock&, Call&) {
    require_argument(flags == 0);
    initialise();
  });
}

SIMCUDA_EXPORT CUresult cuDriverGetVersion(int* version) {
  return run_uninitialised("cuDriverGetVersion", [&](Lock&, Call&) {
    require_argument(version != nullptr);
    *version = settings().version;
  });
}

SIMCUDA_EXPORT CUresult cuDevicePrimaryCtxRetain(CUcontext* handle, CUdevice ordinal) {
  return run("cuDevicePrimaryCtxRetain", [&](Lock&, Call&) {
    require_argument(handle != nullptr);
    Context& primary = device_of(ordinal).primary;
    retain_primary(primary);
    *handle = handle_of(primary);
  });
}
SIMCUDA_EXPORT CUresult cuDevicePrimaryCtxRelease(CUdevice device) {
  return release("cuDevicePrimaryCtxRelease", device);
}
SIMCUDA_EXPORT CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device) {
  return release("cuDevicePrimaryCtxRelease_v2", device);
}
SIMCUDA_EXPORT CUresult cuDevicePrimaryCtxReset(CUdevice device) {
  return reset_primary("cuDevicePrimaryCtxReset", device);
}
SIMCUDA_EXPORT CUresult cuDevicePrimaryCtxReset_v2(CUdevice device) {
  return reset_primary("cuDevicePrimaryCtxReset_v2", device);
}
SIMCUDA_EXPORT CUresult cuDevicePrimaryCtxSetFlags(CUdevice device, unsigned flags) {
  return set_primary_flags("cuDevicePrimaryCtxSetFlags", device, flags);
}
SIMCUDA_EXPORT CUresult cuDevicePrimaryCtxSetFlags_v2(CUdevice device, unsigned flags) {
  return set_primary_flags("cuDevicePrimaryCtxSetFlags_v2", device, flags);
}
SIMCUDA_EXPORT CUresult cuDevicePrimaryCtxGetState(CUdevice device, unsigned* flags, int* active) {
  return run("cuDevicePrimaryCtxGetState", [&](Lock&, Call&) {
    require_argument(flags != nullptr && active != nullptr);
    const Context& primary = device_of(device).primary;
    *flags = primary.flags;
    *active = primary.retained > 0;
  });
}

SIMCUDA_EXPORT CUresult cuCtxCreate(CUcontext* context, unsigned flags, CUdevice device) {
  return create_context("cuCtxCreate", context, flags, device);
}
SIMCUDA_EXPORT CUresult cuCtxCreate_v2(CUcontext* context, unsigned flags, CUdevice device) {
  return create_context("cuCtxCreate_v2", context, flags, device);
}
SIMCUDA_EXPORT CUresult cuCtxCreate_v3(CUcontext* context, CUexecAffinityParam*, int, unsigned flags, CUdevice device) {
  return create_context("cuCtxCreate_v3", context, flags, device);
}
SIMCUDA_EXPORT CUresult cuCtxCreate_v4(CUcontext* context, CUctxCreateParams*, unsigned flags, CUdevice device) {
  return create_context("cuCtxCreate_v4", context, flags, device);
}
SIMCUDA_EXPORT CUresult cuCtxDestroy(CUcontext context) { return destroy("cuCtxDestroy", context); }
SIMCUDA_EXPORT CUresult cuCtxDestroy_v2(CUcontext context) { return destroy("cuCtxDestroy_v2", context); }

// Attaching counts on top of the creation.
SIMCUDA_EXPORT CUresult cuCtxAttach(CUcontext* context, unsigned flags) {
  return run("cuCtxAttach", [&](Lock&, Call&) {
    require_argument(context != nullptr && flags == 0);
    ++current_context().retained;
    *context = handle_of(current_context());
  });
}
SIMCUDA_EXPORT CUresult cuCtxDetach(CUcontext handle) {
  return run("cuCtxDetach", [&](Lock& lock, Call& call) {
    Context& context = context_of(handle);
    call.number("context", context.id);
    if (context.retained > 0) {
      --context.retained;
    } else {
      require(!context.is_primary, CUDA_ERROR_INVALID_CONTEXT);
      destroy_context(lock, context);
    }
  });
}

SIMCUDA_EXPORT CUresult cuCtxSetCurrent(CUcontext handle) {
  return run("cuCtxSetCurrent", [&](Lock&, Call&) {
    auto& stack = context_stack();
    Context* const context = handle == nullptr ? nullptr : &context_of(handle);
    if (!stack.empty()) stack.pop_back();
    if (context != nullptr) stack.push_back(context);
  });
}
SIMCUDA_EXPORT CUresult cuCtxGetCurrent(CUcontext* handle) {
  return run("cuCtxGetCurrent", [&](Lock&, Call&) {
    require_argument(handle != nullptr);
    *handle = context_stack().empty() ? nullptr : handle_of(*context_stack().back());
  });
}
SIMCUDA_EXPORT CUresult cuCtxPushCurrent(CUcontext handle) { return push("cuCtxPushCurrent", handle); }
SIMCUDA_EXPORT CUresult cuCtxPushCurrent_v2(CUcontext handle) { return push("cuCtxPushCurrent_v2", handle); }
SIMCUDA_EXPORT CUresult cuCtxPopCurrent(CUcontext* handle) { return pop("cuCtxPopCurrent", handle); }
SIMCUDA_EXPORT CUresult cuCtxPopCurrent_v2(CUcontext* handle) { return pop("cuCtxPopCurrent_v2", handle); }

SIMCUDA_EXPORT CUresult cuCtxGetDevice(CUdevice* device) {
  return run("cuCtxGetDevice", [&](Lock&, Call&) {
    require_argument(device != nullptr);
    *device = current_context().device.ordinal;
  });
}
SIMCUDA_EXPORT CUresult cuCtxGetDevice_v2(CUdevice* device, CUcontext handle) {
  return run("cuCtxGetDevice_v2", [&](Lock&, Call&) {
    require_argument(device != nullptr);
    *device = context_of(handle).device.ordinal;
  });
}
SIMCUDA_EXPORT CUresult cuCtxGetFlags(unsigned* flags) {
  return run("cuCtxGetFlags", [&](Lock&, Call&) {
    require_argument(flags != nullptr);
    *flags = current_context().flags;
  });
}
SIMCUDA_EXPORT CUresult cuCtxGetId(CUcontext handle, unsigned long long* id) {
  return run("cuCtxGetId", [&](Lock&, Call&) {
    require_argument(id != nullptr);
    *id = context_of(handle).id;
  });
}
SIMCUDA_EXPORT CUresult cuCtxGetApiVersion(CUcontext handle, unsigned* version) {
  return run("cuCtxGetApiVersion", [&](Lock&, Call&) {
    require_argument(version != nullptr);
    context_of(handle);
    *version = 3020;
  });
}
SIMCUDA_EXPORT CUresult cuCtxGetLimit(size_t* value, CUlimit limit) {
  return run("cuCtxGetLimit", [&](Lock&, Call&) {
    require_argument(value != nullptr);
    *value = current_context().limits[limit];
  });
}
SIMCUDA_EXPORT CUresult cuCtxSetLimit(CUlimit limit, size_t value) {
  return run("cuCtxSetLimit", [&](Lock&, Call&) { current_context().limits[limit] = value; });
}
SIMCUDA_EXPORT CUresult cuCtxGetStreamPriorityRange(int* least, int* greatest) {
  return run("cuCtxGetStreamPriorityRange", [&](Lock&, Call&) {
    if (least != nullptr) *least = 0;
    if (greatest != nullptr) *greatest = -5;
  });
}
SIMCUDA_EXPORT CUresult cuCtxGetCacheConfig(CUfunc_cache* configuration) {
  return run("cuCtxGetCacheConfig", [&](Lock&, Call&) {
    require_argument(configuration != nullptr);
    *configuration = CU_FUNC_CACHE_PREFER_NONE;
  });
}
SIMCUDA_EXPORT CUresult cuCtxSetCacheConfig(CUfunc_cache) {
  return run("cuCtxSetCacheConfig", [](Lock&, Call&) { current_context(); });
}
SIMCUDA_EXPORT CUresult cuCtxSynchronize() { return synchronise("cuCtxSynchronize", nullptr); }
SIMCUDA_EXPORT CUresult cuCtxSynchronize_v2(CUcontext context) { return synchronise("cuCtxSynchronize_v2", context); }
SIMCUDA_EXPORT CUresult cuCtxEnablePeerAccess(CUcontext peer, unsigned flags) {
  return run("cuCtxEnablePeerAccess", [&](Lock&, Call&) {
    require_argument(flags == 0);
    Context& context = current_context();
    require(context.peers.insert(&context_of(peer)).second, CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED);
  });
}
SIMCUDA_EXPORT CUresult cuCtxDisablePeerAccess(CUcontext peer) {
  return run("cuCtxDisablePeerAccess", [&](Lock&, Call&) {
    require(current_context().peers.erase(&context_of(peer)) == 1, CUDA_ERROR_PEER_ACCESS_NOT_ENABLED);
  });
}

}  // namespace simcuda
