#include "cli/diff_side.h"

#include <map>
#include <set>

#include "cli/format.h"
#include "cli/function_name.h"
#include "cli/json_access.h"

namespace weir::cli {
namespace {

std::vector<HeapError> errors_of(const CompactReport& report, bool was_raw) {
  Json excerpt = report.excerpt({{"errors", array_of(report.parts(), "errors")}});
  if (was_raw) name_what_is_known(excerpt);
  HeapErrorDigest digest;
  digest.add(excerpt);
  return digest.errors();
}

// ---- Totals ----

enum class Side { before, after };

// Figures by memory, device and name, in the order in which they are to be told.
class Totals {
 public:
  void add(Side side, const std::string& memory, const std::string& device, const std::string& figure, uint64_t value) {
    const auto [place, is_new] = places_.try_emplace(memory + '\n' + device + '\n' + figure, totals_.size());
    if (is_new) totals_.push_back({memory, device, figure, 0, 0});
    (side == Side::before ? totals_[place->second].before : totals_[place->second].after) += value;
  }
  std::vector<DiffTotal> take() { return std::move(totals_); }

 private:
  std::vector<DiffTotal> totals_;
  std::map<std::string, size_t> places_;
};

void add_host(Totals& totals, Side side, const Json& host) {
  const Json& blocks = child(host, "totals");
  totals.add(side, "host", "", "live", figure(blocks, "live_bytes"));
  totals.add(side, "host", "", "peak", figure(blocks, "peak_bytes"));
  const Json& mappings = child(child(host, "mmap"), "totals");
  totals.add(side, "mmap", "", "live", figure(mappings, "live_bytes"));
  totals.add(side, "mmap", "", "peak", figure(mappings, "peak_bytes"));
  totals.add(side, "host", "", "resident", figure(child(host, "process_memory"), "rss_bytes"));
}

// Kinds that are on the device are in its sums; the others are told by their names.
void add_devices(Totals& totals, Side side, const Json& devices) {
  static const std::set<std::string> told_apart = {"managed", "pinned", "registered", "ipc", "external"};
  for (const Json& device : devices) {
    if (!device.is_object()) continue;
    const std::string index = number_text(device, "index");
    if (!index.empty()) {
      totals.add(side, "device", index, "live", figure(device, "live_bytes"));
      totals.add(side, "device", index, "peak", figure(device, "peak_bytes"));
    }
    for (const auto& [kind, figures] : child(device, "kinds").items()) {
      if (told_apart.contains(kind) && figures.is_object())
        totals.add(side, kind, index, "live", figure(figures, "live_bytes"));
    }
  }
}

void add_kinds(Totals& totals, Side side, const DiffSide& report) {
  if (!report.has_leak_kinds()) return;
  for (size_t kind = 0; kind < kLeakKinds - 1; ++kind)
    totals.add(side, "", "", kLeakKindNames[kind], report.kinds[kind].bytes);
  totals.add(side, "", "", "known", report.known.bytes);
}

// ---- Heap errors ----

std::string key_by_function(const std::vector<StackLine>& stack) {
  std::string key = "\n";
  for (const StackLine& line : stack) {
    if (!line.noise) key += function_without_build(line.function) + '\t';
  }
  return key;
}

// ---- Notes ----

std::string sampling_text(const DiffSide& side) {
  const uint64_t mean = side.sample_mean_bytes();
  return mean == 0 ? "exact" : "estimated from one sample per " + human_bytes(mean);
}

void add_depth_note(std::vector<std::string>& notes, const DiffSide& before, const DiffSide& after) {
  const std::string depths[] = {before.option("WEIR_STACK_DEPTH"), after.option("WEIR_STACK_DEPTH")};
  if (depths[0] == depths[1] || depths[0].empty() || depths[1].empty()) return;
  notes.push_back("stacks are cut at " + depths[0] + " frames before and at " + depths[1] +
                  " after: deeper ones are not comparable");
}

}  // namespace

std::string key_of(const HeapError& error) {
  return error.kind + '\n' + error.call + '\n' + error.memory + '\n' + error.device + '\n' + error.place +
         key_by_function(error.stack) + key_by_function(error.alloc_stack) + key_by_function(error.free_stack);
}

std::string DiffSide::program() const { return program_of(report.parts()); }

uint64_t DiffSide::pid() const { return figure(child(report.parts(), "process"), "pid"); }

uint64_t DiffSide::duration_ns() const { return figure(child(report.parts(), "process"), "duration_ns"); }

bool DiffSide::has_leak_kinds() const { return is_true(child(report.parts(), "leak_check"), "done"); }

uint64_t DiffSide::sample_mean_bytes() const { return figure(child(report.parts(), "sampling"), "mean_bytes"); }

std::string DiffSide::option(const char* variable) const {
  return text_of(child(child(report.parts(), "options"), variable), "value");
}

DiffSide read_side(const std::string& path, std::shared_ptr<NameTable> names, MemoryPlaces& memories,
                   symbolize::Symbolizer& symbolizer) {
  LeakRows rows(memories);
  CompactReport report(path, {{"leaks", [&](const Json& leak) { rows.add(leak); }}}, std::move(names),
                       {"samples", "threads"});
  rows.find_stacks(report);
  report.forget_stack_numbers();
  const bool was_raw = report.symbolize(symbolizer);
  if (was_raw) rows.name_known(report);  // guard: diff-suppressions
  std::vector<HeapError> errors = errors_of(report, was_raw);
  const std::array<Blocks, kLeakKinds> kinds = rows.sums();
  const Blocks known = rows.known();
  return {std::move(report), std::move(rows), kinds, known, std::move(errors)};
}

bool is_same_process(const DiffSide& a, const DiffSide& b) {
  const Json &before = child(a.report.parts(), "process"), &after = child(b.report.parts(), "process");
  const auto is_equal = [&](const char* key) {
    return before.contains(key) && before[key] == after.value(key, Json());
  };
  return is_equal("pid") && is_equal("start_ns") && is_equal("host") && is_equal("exe");
}

std::vector<DiffTotal> totals_of(const DiffSide& before, const DiffSide& after) {
  Totals totals;
  for (const auto& [side, report] : {std::pair(Side::before, &before), std::pair(Side::after, &after)}) {
    add_host(totals, side, child(report->report.parts(), "host"));
    add_devices(totals, side, array_of(report->report.parts(), "devices"));
    add_kinds(totals, side, *report);
  }
  return totals.take();
}

std::vector<std::string> notes_of(const DiffSide& before, const DiffSide& after, Compared compared,
                                  const std::set<std::string>& incomparable_modules, KeyBy by) {
  std::vector<std::string> notes;
  if (before.program() != after.program())
    notes.push_back("different programs: " + before.program() + " and " + after.program());
  if (is_same_process(before, after) && before.duration_ns() > after.duration_ns())
    notes.push_back("the second report was taken before the first");
  if (before.sample_mean_bytes() != 0 || after.sample_mean_bytes() != 0)
    notes.push_back("host figures are " + sampling_text(before) + " before and " + sampling_text(after) +
                    " after: small changes mean nothing");
  for (const auto& [name, side] : {std::pair("before", &before), std::pair("after", &after)}) {
    if (compared == Compared::lost && !side->has_leak_kinds())
      notes.push_back(std::string("lost blocks were not told from others in the report ") + name);
    for (const std::string& note : side->report.notes()) notes.push_back(note);
  }
  add_depth_note(notes, before, after);
  for (const std::string& module : incomparable_modules) {
    notes.push_back(module + " is another build after, and has no symbols: " +
                    (by == KeyBy::address ? "its addresses are not comparable" : "its frames count as one place"));
  }
  std::set<std::string> told;
  std::erase_if(notes, [&](const std::string& note) { return !told.insert(note).second; });
  return notes;
}

std::vector<const HeapError*> new_errors(const DiffSide& before, const DiffSide& after) {
  std::set<std::string> known;
  for (const HeapError& error : before.errors) known.insert(key_of(error));
  std::vector<const HeapError*> found;
  for (const HeapError& error : after.errors) {
    if (!known.contains(key_of(error))) found.push_back(&error);
  }
  return found;
}

}  // namespace weir::cli
