// Green contexts: a part of a device's multiprocessors with streams of its own. Memory is its primary context's.
#include <algorithm>
#include <cstring>

#include "context.h"

namespace simcuda {
namespace {

// As device_calls.cpp says of every device; the rest is what the header recommends for its compute capability.
constexpr unsigned kMultiprocessors = 108, kLeastMultiprocessors = 4, kAlignment = 2;

struct Description {
  unsigned multiprocessors = 0;
};
std::map<CUdevResourceDesc, std::unique_ptr<Description>>& descriptions() {
  static auto* const all = new std::map<CUdevResourceDesc, std::unique_ptr<Description>>;
  return *all;
}

// What green contexts have, and other contexts: all.
std::map<const Context*, unsigned>& shares() {
  static auto* const all = new std::map<const Context*, unsigned>;
  return *all;
}

CUdevResource resource_of(unsigned multiprocessors) {
  CUdevResource resource;
  memset(&resource, 0, sizeof resource);
  resource.type = multiprocessors == 0 ? CU_DEV_RESOURCE_TYPE_INVALID : CU_DEV_RESOURCE_TYPE_SM;
  resource.sm = {multiprocessors, kLeastMultiprocessors, kAlignment};
  return resource;
}

Context& green_of(CUgreenCtx handle) {
  require(handle != nullptr, CUDA_ERROR_INVALID_CONTEXT);
  Context& context = context_of(reinterpret_cast<CUcontext>(handle));
  require(context.primary_of_green != nullptr, CUDA_ERROR_INVALID_CONTEXT);
  return context;
}
CUgreenCtx green_handle_of(const Context& context) {
  return context.primary_of_green == nullptr ? nullptr : reinterpret_cast<CUgreenCtx>(handle_of(context));
}

void give_resource(CUdevResource* resource, CUdevResourceType type, const Context& context) {
  require_argument(resource != nullptr);
  require(type == CU_DEV_RESOURCE_TYPE_SM, CUDA_ERROR_INVALID_RESOURCE_TYPE);
  const auto share = shares().find(&context);
  *resource = resource_of(share == shares().end() ? kMultiprocessors : share->second);
}

CUresult get_green_of_stream(const char* name, CUstream stream, CUgreenCtx* green) {
  return run(name, [&](Lock&, Call&) {
    require_argument(green != nullptr);
    *green = green_handle_of(stream_of(stream, /*per_thread=*/false).context);
  });
}

}  // namespace

SIMCUDA_EXPORT CUresult cuDeviceGetDevResource(CUdevice device, CUdevResource* resource, CUdevResourceType type) {
  return run("cuDeviceGetDevResource", [&](Lock&, Call&) { give_resource(resource, type, device_of(device).primary); });
}
SIMCUDA_EXPORT CUresult cuCtxGetDevResource(CUcontext context, CUdevResource* resource, CUdevResourceType type) {
  return run("cuCtxGetDevResource", [&](Lock&, Call&) { give_resource(resource, type, context_of(context)); });
}
SIMCUDA_EXPORT CUresult cuGreenCtxGetDevResource(CUgreenCtx green, CUdevResource* resource, CUdevResourceType type) {
  return run("cuGreenCtxGetDevResource", [&](Lock&, Call&) { give_resource(resource, type, green_of(green)); });
}

SIMCUDA_EXPORT CUresult cuDevSmResourceSplitByCount(CUdevResource* groups, unsigned* count, const CUdevResource* input,
                                                    CUdevResource* remaining, unsigned, unsigned least) {
  return run("cuDevSmResourceSplitByCount", [&](Lock&, Call&) {
    require_argument(count != nullptr && input != nullptr);
    require(input->type == CU_DEV_RESOURCE_TYPE_SM, CUDA_ERROR_INVALID_RESOURCE_TYPE);
    const unsigned all = input->sm.smCount;
    require_argument(least <= all);
    const unsigned each = std::max((least + kAlignment - 1) / kAlignment * kAlignment, kLeastMultiprocessors);
    *count = groups == nullptr ? all / each : std::min(*count, all / each);
    if (groups == nullptr) return;
    std::fill_n(groups, *count, resource_of(each));
    if (remaining != nullptr) *remaining = resource_of(all - *count * each);
  });
}

SIMCUDA_EXPORT CUresult cuDevResourceGenerateDesc(CUdevResourceDesc* description, CUdevResource* resources,
                                                  unsigned count) {
  return run("cuDevResourceGenerateDesc", [&](Lock&, Call&) {
    require_argument(description != nullptr && resources != nullptr && count != 0);
    auto made = std::make_unique<Description>();
    for (unsigned i = 0; i < count; ++i) {
      require(resources[i].type == CU_DEV_RESOURCE_TYPE_SM, CUDA_ERROR_INVALID_RESOURCE_TYPE);
      made->multiprocessors += resources[i].sm.smCount;
    }
    *description = reinterpret_cast<CUdevResourceDesc>(made.get());
    descriptions()[*description] = std::move(made);
  });
}

SIMCUDA_EXPORT CUresult cuGreenCtxCreate(CUgreenCtx* green, CUdevResourceDesc description, CUdevice ordinal,
                                         unsigned flags) {
  return run("cuGreenCtxCreate", [&](Lock&, Call& call) {
    require_argument(green != nullptr && flags == CU_GREEN_CTX_DEFAULT_STREAM);
    const Description& of = at_handle(descriptions(), description, CUDA_ERROR_INVALID_VALUE);
    Device& device = device_of(ordinal);
    auto* const context = new Context(device, /*primary=*/false);
    context->primary_of_green = &device.primary;
    retain_primary(device.primary);
    add_context(context);
    shares()[context] = of.multiprocessors;
    *green = green_handle_of(*context);
    call.number("context", context->id).number("primary", device.primary.id);
    call.number("device", static_cast<uint64_t>(ordinal));
  });
}

SIMCUDA_EXPORT CUresult cuGreenCtxDestroy(CUgreenCtx green) {
  return run("cuGreenCtxDestroy", [&](Lock& lock, Call& call) {
    Context& context = green_of(green);
    call.number("context", context.id).number("primary", context.owner().id);
    call.number("device", static_cast<uint64_t>(context.device.ordinal));
    destroy_context(lock, context);
    shares().erase(&context);
    release_primary(lock, context.owner());
  });
}

SIMCUDA_EXPORT CUresult cuCtxFromGreenCtx(CUcontext* context, CUgreenCtx green) {
  return run("cuCtxFromGreenCtx", [&](Lock&, Call&) {
    require_argument(context != nullptr);
    *context = handle_of(green_of(green));
  });
}

SIMCUDA_EXPORT CUresult cuGreenCtxStreamCreate(CUstream* stream, CUgreenCtx green, unsigned flags, int priority) {
  return run("cuGreenCtxStreamCreate", [&](Lock&, Call&) {
    require_argument(stream != nullptr && flags == CU_STREAM_NON_BLOCKING);
    *stream = add_stream(green_of(green), flags, priority);
  });
}

SIMCUDA_EXPORT CUresult cuGreenCtxGetId(CUgreenCtx green, unsigned long long* id) {
  return run("cuGreenCtxGetId", [&](Lock&, Call&) {
    require_argument(id != nullptr);
    *id = green_of(green).id;
  });
}

SIMCUDA_EXPORT CUresult cuGreenCtxRecordEvent(CUgreenCtx green, CUevent event) {
  return record_work_of("cuGreenCtxRecordEvent", reinterpret_cast<CUcontext>(green), event);
}
SIMCUDA_EXPORT CUresult cuGreenCtxWaitEvent(CUgreenCtx green, CUevent event) {
  return have_wait("cuGreenCtxWaitEvent", reinterpret_cast<CUcontext>(green), event);
}

SIMCUDA_EXPORT CUresult cuStreamGetGreenCtx(CUstream stream, CUgreenCtx* green) {
  return get_green_of_stream("cuStreamGetGreenCtx", stream, green);
}

SIMCUDA_TWO_FORMS(cuStreamGetCtx_v2, _ptsz, (CUstream stream, CUcontext* context, CUgreenCtx* green),
                  run(name_of_call, [&](Lock&, Call&) {
                    require_argument(context != nullptr && green != nullptr);
                    Context& of = stream_of(stream, per_thread).context;
                    *green = green_handle_of(of);
                    *context = handle_of(of.owner());
                  }))

}  // namespace simcuda
