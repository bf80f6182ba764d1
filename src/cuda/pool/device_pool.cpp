#include "cuda/pool/device_pool.h"

#include "cuda/driver.h"
#include "cuda/signatures.h"

namespace weir::cuda::pool {
namespace {

Result take(const Call& call, const Request&, uint64_t bytes, Taken* taken) {
  return call_driver(call, &taken->address, size_t{bytes});
}

Result free_by_driver(const Call& call, Address address) { return call_driver(call, address); }

// The same answers as those of the program's own call, cuMemFreeAsync, about captures, contexts and errors.
Result free_by_synchronous_call(const Call& call, Address address) {
  const InDriver in_driver(call.caller.sp);
  return call_driver_function<signature::MemFree>(Entry::cuMemFree_v2, address);
}

}  // namespace

Result allocate_device(const Call& call, uint64_t asked_bytes, Given* given) {
  Request request{Memory::device, asked_bytes, 0, 0, &take};
  if (!device_block_bytes(asked_bytes, &request.taken_bytes)) return given->is_passed = true, Result::success;
  return allocate(call, request, given);
}

Freed release_device(const Call& call, Address address) {
  return release(call, Memory::device, address, &free_by_driver);
}

Result release_in_segment(const Call& call, Address address) {
  return release(call, Memory::device, address, &free_by_synchronous_call).result;
}

}  // namespace weir::cuda::pool
