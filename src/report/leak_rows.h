// What is still allocated, of the host and of devices alike: one row for each stack, kind of memory and class.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/guard.h"
#include "core/ids.h"
#include "core/scratch.h"
#include "leak/leak_class.h"

namespace weir::report {

class Snapshot;
class DeviceLeaks;

struct LeakRow {
  leak::LeakClass leak_class;
  const char* memory;  // as the report names it
  core::StackId stack;
  uint64_t bytes, count;
  uint64_t sample_address;  // of one of its blocks; 0: none was kept
};

// Blocks that are definitely or indirectly lost.
uint64_t lost_count(const Snapshot& snapshot, const DeviceLeaks& of_devices);

class LeakRows {
 public:
  // Looks now. ignore_before_tick as Snapshot::take has it; where it does not classify, all rows are `live`. False where working memory
  // ran out.
  bool take(const core::Inside& inside, uint64_t ignore_before_tick, bool classifies);

  const core::ScratchArray<LeakRow>& rows() const { return rows_; }  // most bytes first

 private:
  core::ScratchArray<LeakRow> rows_;
};

}  // namespace weir::report
