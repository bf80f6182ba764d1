#include "cli/heap_error_digest.h"

#include "cli/json_access.h"
#include "cli/site.h"

namespace weir::cli {
namespace {

std::vector<StackLine> stack_of(const Json& report, const Json& entry, const char* key) {
  const auto stack = entry.find(key);
  const bool is_known = stack != entry.end() && stack->is_number_unsigned();
  return is_known ? stack_lines(report, stack->get<size_t>()) : std::vector<StackLine>();
}

void read_call(HeapError& error, const Json& report, const Json& entry) {
  error.kind = text_of(entry, "kind");
  error.call = text_of(entry, "call");
  error.address = text_of(entry, "address");
  error.memory = text_of(entry, "memory");
  error.ns = figure(entry, "ns");
  error.stack = stack_of(report, entry, "stack");
}

HeapError host_error(const Json& report, const Json& entry) {
  HeapError error;
  read_call(error, report, entry);
  error.place = text_of(entry, "place");
  error.said_bytes = number_text(entry, "call_bytes");
  error.said_alignment = number_text(entry, "call_align_bytes");
  const Json &allocation = child(entry, "allocation"), &freed = child(entry, "free");
  error.has_block = !allocation.empty();
  error.was_freed = !freed.empty();
  error.alloc_call = text_of(allocation, "family");
  error.bytes = figure(allocation, "bytes");
  error.align_bytes = figure(allocation, "align_bytes");
  if (entry.contains("offset_bytes")) error.offset_bytes = entry["offset_bytes"].get<int64_t>();
  error.alloc_stack = stack_of(report, allocation, "stack");
  error.free_ns = number_text(freed, "ns");
  error.free_thread = number_text(freed, "thread");
  error.free_stack = stack_of(report, freed, "stack");
  return error;
}

HeapError cuda_error(const Json& report, const Json& entry) {
  HeapError error;
  read_call(error, report, entry);
  error.result = number_text(entry, "result");
  error.device = number_text(entry, "device");
  error.alloc_call = text_of(entry, "alloc_call");
  error.has_block = !error.memory.empty();
  error.was_freed = error.kind == "double_free";
  error.bytes = figure(entry, "bytes");
  error.offset_bytes = static_cast<int64_t>(figure(entry, "offset_bytes"));
  error.free_ns = number_text(entry, "free_ns");
  error.alloc_stack = stack_of(report, entry, "alloc_stack");
  error.free_stack = stack_of(report, entry, "free_stack");
  return error;
}

}  // namespace

void HeapErrorDigest::add(const Json& report) {
  for (const Json& entry : array_of(report, "errors")) {
    if (text_of(entry, "memory") == "host") {
      add_error(host_error(report, entry), figure(entry, "count"));
    } else {
      add_error(cuda_error(report, entry), 1);
    }
  }
  left_out_ += figure(child(report, "host"), "errors_left_out_count");
  left_out_ += figure(child(report, "cuda"), "errors_left_out_count");
}

void HeapErrorDigest::add_error(HeapError error, uint64_t count) {
  const std::string key = error.kind + '\n' + error.call + '\n' + error.memory + '\n' + error.device + '\n' +
                          error.place + key_of(error.stack) + '\n' + key_of(error.alloc_stack) + '\n' +
                          key_of(error.free_stack);
  const auto [place, is_new] = places_.try_emplace(key, errors_.size());
  if (is_new) errors_.push_back(std::move(error));
  errors_[place->second].count += count;
}

}  // namespace weir::cli
