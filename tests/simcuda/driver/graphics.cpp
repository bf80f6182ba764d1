// Resources of graphics interfaces, of which none can exist here: no function that registers one is the driver's.
#include "context.h"

namespace simcuda {
namespace {

// Mapping or unmapping so many of them.
CUresult map_resources(const char* name, unsigned count, CUgraphicsResource* resources, CUstream stream,
                       bool per_thread) {
  return run(name, [&](Lock&, Call& call) {
    stream_of(stream, per_thread);
    call.number("resources", count);
    require_argument(count == 0 || resources != nullptr);
    require(count == 0, CUDA_ERROR_INVALID_HANDLE);
  });
}

CUresult refuse_resource(const char* name) {
  return run(name, [](Lock&, Call&) { refuse(CUDA_ERROR_INVALID_HANDLE); });
}

}  // namespace

SIMCUDA_TWO_FORMS(cuGraphicsMapResources, _ptsz, (unsigned count, CUgraphicsResource* resources, CUstream stream),
                  map_resources(name_of_call, count, resources, stream, per_thread))
SIMCUDA_TWO_FORMS(cuGraphicsUnmapResources, _ptsz, (unsigned count, CUgraphicsResource* resources, CUstream stream),
                  map_resources(name_of_call, count, resources, stream, per_thread))

SIMCUDA_EXPORT CUresult cuGraphicsUnregisterResource(CUgraphicsResource) {
  return refuse_resource("cuGraphicsUnregisterResource");
}
SIMCUDA_EXPORT CUresult cuGraphicsResourceGetMappedPointer(CUdeviceptr_v1*, unsigned*, CUgraphicsResource) {
  return refuse_resource("cuGraphicsResourceGetMappedPointer");
}
SIMCUDA_EXPORT CUresult cuGraphicsResourceGetMappedPointer_v2(CUdeviceptr*, size_t*, CUgraphicsResource) {
  return refuse_resource("cuGraphicsResourceGetMappedPointer_v2");
}
SIMCUDA_EXPORT CUresult cuGraphicsSubResourceGetMappedArray(CUarray*, CUgraphicsResource, unsigned, unsigned) {
  return refuse_resource("cuGraphicsSubResourceGetMappedArray");
}

}  // namespace simcuda
