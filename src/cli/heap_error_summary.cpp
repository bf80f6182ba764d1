#include "cli/heap_error_summary.h"

#include <algorithm>
#include <cstdlib>

namespace weir::cli {
namespace {

std::string bytes_text(const std::string& number) { return human_bytes(std::strtoull(number.c_str(), nullptr, 10)); }

// "1 B behind", "16 B in front of" a block; of a place inside of it "7 B into".
std::string offset_text(const HeapError& error) {
  if (error.offset_bytes < 0) return human_bytes(static_cast<uint64_t>(-error.offset_bytes)) + " in front of ";
  const auto offset = static_cast<uint64_t>(error.offset_bytes);
  return offset < error.bytes || error.memory != "host" ? human_bytes(offset) + " into "
                                                        : human_bytes(offset - error.bytes) + " behind ";
}

std::string misfit_text(const HeapError& error, const std::string& of_block) {
  if (error.kind == "wrong_size") return "wrong size: " + of_block + ", called with " + bytes_text(error.said_bytes);
  if (error.kind == "wrong_alignment")
    return "wrong alignment: " + of_block + " aligned to " + human_bytes(error.align_bytes) + ", called with " +
           bytes_text(error.said_alignment);
  const std::string form = error.align_bytes > 0 ? "aligned " : "";
  return "wrong function to free: " + of_block + ", which " + form + error.alloc_call + " gave";
}

std::string free_text(const HeapError& error) {
  std::string text = error.kind == "double_free" ? "first freed" : "freed";
  if (!error.free_ns.empty()) text += " after " + human_duration(std::strtoull(error.free_ns.c_str(), nullptr, 10));
  if (!error.free_thread.empty()) text += " by thread " + error.free_thread;
  return error.free_stack.empty() ? text : text + " at";
}

void write_moment(SummaryPage& page, const HeapErrorMoment& moment, bool is_free) {
  if (is_free && moment.stack.empty())
    return page.line("    " + moment.text + page.style().dim(" (where: WEIR_GUARD=on tells)"));
  page.line("    " + moment.text);
  page.stack(moment.stack);
}

void write_error(SummaryPage& page, const HeapError& error) {
  page.line("  " + page.style().red(fault_text(error)) + occasion_text(error));
  for (const HeapErrorMoment& moment : moments_of(error))
    write_moment(page, moment, &moment.stack == &error.free_stack);
}

}  // namespace

std::string fault_text(const HeapError& error) {
  const std::string bytes = human_bytes(error.bytes), at = " at " + error.address;
  const std::string of_block = error.call + " of " + bytes + at;
  if (error.kind == "double_free") return "double free: " + of_block;
  if (error.kind == "realloc_freed") return "realloc of a freed block: " + of_block;
  if (error.kind == "mismatched_free" || error.kind == "wrong_size" || error.kind == "wrong_alignment")
    return misfit_text(error, of_block);
  if (error.kind == "overflow")
    return "write past a block:" + at + ", " + offset_text(error) + bytes + ", found by " + error.call;
  if (error.kind == "use_after_free" && error.call == "malloc_usable_size") return "use after free: " + of_block;
  if (error.kind == "use_after_free")
    return "write after free:" + at + ", " + offset_text(error) + bytes + ", found by " + error.call;
  if (error.kind == "interior_free" && error.has_block)
    return "free inside a block: " + error.call + at + ", " + offset_text(error) + bytes;
  return "free of an unknown address: " + error.call + at + (error.place.empty() ? "" : ", in " + error.place);
}

std::string occasion_text(const HeapError& error) {
  const bool is_host = error.memory == "host";
  return (error.result.empty() ? "," : ", refused with error " + error.result) + " after " + human_duration(error.ns) +
         (error.count > 1 ? ", the first of " + human_count(error.count) : "") +
         (error.memory.empty() || is_host ? "" : "  (" + memory_text(error.memory, error.device, "") + ")");
}

std::vector<HeapErrorMoment> moments_of(const HeapError& error) {
  std::vector<HeapErrorMoment> moments;
  const char* verb = error.kind == "double_free" ? "freed again at" : error.memory == "host" ? "called at" : "freed at";
  if (!error.stack.empty()) moments.push_back({verb, error.stack});
  if (error.was_freed) moments.push_back({free_text(error), error.free_stack});
  if (error.has_block) moments.push_back({"allocated by " + error.alloc_call + " at", error.alloc_stack});
  return moments;
}

std::string heap_error_text(const HeapError& error) {
  std::string text = error.kind.empty() ? "heap error" : error.kind;
  std::replace(text.begin(), text.end(), '_', ' ');
  return text + (error.call.empty() ? "" : " by " + error.call);
}

void write_heap_error_list(SummaryPage& page, const std::vector<const HeapError*>& errors) {
  const size_t shown = std::min(errors.size(), page.options().top);
  for (size_t i = 0; i < shown; ++i) write_error(page, *errors[i]);
  page.rest(errors.size());
}

void write_heap_errors(SummaryPage& page, const HeapErrorDigest& digest) {
  if (digest.errors().empty()) return;
  uint64_t count = digest.left_out();
  for (const HeapError& error : digest.errors()) count += error.count;
  page.heading(page.style().red("Heap errors: " + human_count(count)));
  std::vector<const HeapError*> errors;
  for (const HeapError& error : digest.errors()) errors.push_back(&error);
  write_heap_error_list(page, errors);
  if (digest.left_out() > 0)
    page.line(page.style().dim("  and " + human_count(digest.left_out()) + " more that the report does not list"));
}

}  // namespace weir::cli
