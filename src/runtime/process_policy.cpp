#include "runtime/process_policy.h"

#include <cstdint>
#include <cstring>

#include "core/glob.h"
#include "cuda/allocation_table.h"
#include "cuda/driver.h"
#include "options/options.h"
#include "runtime/process.h"
#include "track/heap_errors.h"
#include "track/live_set.h"
#include "track/mapping_table.h"
#include "track/recording.h"

namespace weir::runtime {
namespace {

const char* base_name(const char* path) {
  const char* slash = strrchr(path, '/');
  return slash == nullptr ? path : slash + 1;
}

bool name_chosen(const options::Options& chosen) {
  const char* name = base_name(facts().exe);
  if (chosen.only[0] != '\0' && !core::glob_match(chosen.only, name)) return false;
  return chosen.exclude[0] == '\0' || !core::glob_match(chosen.exclude, name);
}

bool is_own(uint64_t tick) { return tick > facts().ignore_before_tick && track::is_recorded(tick); }

bool anything_live() {
  bool found = false;
  track::for_each_live_block(
      [](void* context, const track::Block& block) { *static_cast<bool*>(context) |= is_own(block.tick); }, &found);
  if (found) return true;
  track::for_each_mapping(
      [](void* context, const track::Mapping& mapping) {
        *static_cast<bool*>(context) |= mapping.counts_as_leak() && is_own(mapping.tick);
      },
      &found);
  if (found || !cuda::driver_was_bound()) return found;
  cuda::for_each_allocation(
      [](void* context, const cuda::Allocation& allocation) {
        *static_cast<bool*>(context) |=
            cuda::traits_of(allocation.kind).is_leak && track::is_recorded(allocation.origin.tick);
      },
      &found);
  return found;
}

}  // namespace

bool process_chosen() {
  const options::Options& chosen = options::current();
  return (chosen.follow || !facts().is_forked) && name_chosen(chosen);
}

bool report_wanted() {
  const options::Options& chosen = options::current();
  if (strcmp(chosen.report, "off") == 0 || !process_chosen()) return false;
  return chosen.report_if != options::kReportIfLeaks || track::all_heap_errors_count() > 0 || anything_live();
}

}  // namespace weir::runtime
