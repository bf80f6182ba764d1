#include "cli/leak_rows.h"

#include <algorithm>
#include <vector>

#include "cli/capped_sum.h"
#include "cli/json_access.h"
#include "cli/report_shape.h"

namespace weir::cli {
namespace {

constexpr size_t kRowsAtOnce = 8192;  // whose stacks, as JSON, are some megabytes

LeakKind kind_of(const std::string& name) {
  const auto found = std::find(std::begin(kLeakKindNames), std::end(kLeakKindNames), name);
  return found == std::end(kLeakKindNames) ? LeakKind::live : static_cast<LeakKind>(found - std::begin(kLeakKindNames));
}

constexpr uint32_t kNoStack = UINT32_MAX;

uint32_t stack_number_of(const Json& leak) {
  const Json stack = leak.is_object() ? leak.value("stack", Json()) : Json();
  return stack.is_number_unsigned() ? static_cast<uint32_t>(std::min<uint64_t>(stack.get<uint64_t>(), kNoStack))
                                    : kNoStack;
}

bool may_be_known(LeakKind kind) {
  return kind == LeakKind::definite || kind == LeakKind::indirect || kind == LeakKind::possible;
}

}  // namespace

void Blocks::add(const Blocks& other) {
  bytes = capped_sum(bytes, other.bytes);
  count = capped_sum(count, other.count);
}

void Blocks::subtract(const Blocks& other) {
  bytes -= std::min(bytes, other.bytes);
  count -= std::min(count, other.count);
}

uint16_t MemoryPlaces::number_of(const Json& entry) {
  const uint32_t number = names_.id_of(text_of(entry, "memory") + '\n' + number_text(entry, "device"));
  return number <= UINT16_MAX ? static_cast<uint16_t>(number) : 0;
}

MemoryPlace MemoryPlaces::place(uint16_t number) const {
  const std::string& name = names_.name(number);
  const size_t end = std::min(name.find('\n'), name.size());
  return {name.substr(0, end), name.substr(std::min(end + 1, name.size()))};
}

void LeakRows::add(const Json& leak) {
  LeakRow row;
  row.stack = stack_number_of(leak);
  if (row.stack != kNoStack) {
    row.memory = memories_->number_of(leak);
    row.kind = kind_of(text_of(leak, "kind"));
    row.is_known = leak.contains("runtime") || leak.contains("suppressed");
    row.is_cached = leak.contains("framework_cache");
    const Blocks blocks{figure(leak, "bytes"), figure(leak, "count")};
    row.is_large = std::max(blocks.bytes, blocks.count) > UINT32_MAX;
    row.bytes = static_cast<uint32_t>(row.is_large ? large_.size() : blocks.bytes);
    row.count = static_cast<uint32_t>(blocks.count);
    if (row.is_large) large_.push_back(blocks);
    const Blocks hanging{figure(leak, "indirect_bytes"), figure(leak, "indirect_count")};
    if (hanging.count > 0) hanging_[rows_.size()] = hanging;
  }
  rows_.push_back(row);
}

Blocks LeakRows::blocks_of(const LeakRow& row) const {
  return row.is_large ? large_[row.bytes] : Blocks{row.bytes, row.count};
}

void LeakRows::find_stacks(const CompactReport& report) {
  const ShapeCheck shape(report.path(), 0, 0, report.stack_count());
  for (LeakRow& row : rows_) {
    shape.require("leaks", row.stack < report.stack_count(), "entries with an index into stacks");
    row.stack = report.node_of(row.stack);
  }
}

Json LeakRows::json_of(const LeakRow& row) const {
  const Blocks blocks = blocks_of(row);
  return {{"memory", memories_->place(row.memory).memory},
          {"kind", kLeakKindNames[static_cast<size_t>(row.kind)]},
          {"bytes", blocks.bytes},
          {"count", blocks.count},
          {"stack", row.stack}};
}

Blocks LeakRows::hanging_from(size_t row) const {
  const auto found = hanging_.find(row);
  return found == hanging_.end() ? Blocks() : found->second;
}

void LeakRows::name_known(const CompactReport& report) { name_known(report, name_what_is_known); }

void LeakRows::name_known(const CompactReport& report, const std::function<void(Json& excerpt)>& name) {
  for (size_t begin = 0; begin < rows_.size();) {
    std::vector<size_t> numbers;
    Json leaks = Json::array();
    for (; begin < rows_.size() && numbers.size() < kRowsAtOnce; ++begin) {
      if (rows_[begin].is_excused() || !may_be_known(rows_[begin].kind)) continue;
      numbers.push_back(begin);
      leaks.push_back(json_of(rows_[begin]));
    }
    if (numbers.empty()) return;
    Json excerpt = report.excerpt({{"leaks", std::move(leaks)}});
    name(excerpt);
    for (size_t i = 0; i < numbers.size(); ++i) {
      const Json& leak = excerpt["leaks"][i];
      if (leak.contains("runtime") || leak.contains("suppressed")) rows_[numbers[i]].is_known = true;
      if (leak.contains("framework_cache")) rows_[numbers[i]].is_cached = true;
    }
  }
}

std::array<Blocks, kLeakKinds> LeakRows::sums() const {
  std::array<Blocks, kLeakKinds> sums;
  for (const LeakRow& row : rows_) {
    if (!row.is_known) sums[static_cast<size_t>(row.counted_kind())].add(blocks_of(row));
  }
  sums[static_cast<size_t>(LeakKind::indirect)].subtract(excused_hanging([](uint16_t) { return true; }));
  return sums;
}

Blocks LeakRows::excused_hanging(const std::function<bool(uint16_t memory)>& is_wanted) const {
  Blocks hanging, excused;
  for (const auto& [row, blocks] : hanging_) {
    if (rows_[row].is_excused() && is_wanted(rows_[row].memory)) hanging.add(blocks);
  }
  for (const LeakRow& row : rows_) {
    if (row.is_excused() && row.kind == LeakKind::indirect && is_wanted(row.memory)) excused.add(blocks_of(row));
  }
  hanging.subtract(excused);  // guard: excused-once
  return hanging;
}

Blocks LeakRows::known() const {
  Blocks sum;
  for (const LeakRow& row : rows_) {
    if (row.is_known) sum.add(blocks_of(row));
  }
  return sum;
}

}  // namespace weir::cli
