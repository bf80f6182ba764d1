// The machine's form of what diff_summary.cpp prints.
#include <algorithm>

#include "cli/diff_summary.h"
#include "cli/json_access.h"

namespace weir::cli {
namespace {

constexpr char kSchema[] = "weir-diff/1";

Json number_or_null(const std::string& text) {
  return text.empty() ? Json() : Json(std::strtoull(text.c_str(), nullptr, 10));
}

Json text_or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

Json side_json(const DiffSide& side) {
  const Json& process = child(side.report.parts(), "process");
  return {{"report", side.report.path()},
          {"program", side.program()},
          {"pid", side.pid()},
          {"start_ns", figure(process, "start_ns")},
          {"duration_ns", side.duration_ns()},
          {"end", text_of(process, "end")},
          {"sampled", side.sample_mean_bytes() != 0}};
}

Json totals_json(const Diff& diff) {
  Json totals = Json::array();
  for (const DiffTotal& total : totals_of(diff.before, diff.after)) {
    totals.push_back({{"figure", total.figure},
                      {"memory", text_or_null(total.memory)},
                      {"device", number_or_null(total.device)},
                      {"before_bytes", total.before},
                      {"after_bytes", total.after}});
  }
  return totals;
}

Json stack_json(const std::vector<StackLine>& lines) {
  Json stack = Json::array();
  for (const StackLine& line : lines)
    stack.push_back({{"function", text_or_null(line.function)}, {"place", line.place}, {"inlined", line.inlined}});
  return stack;
}

Json blocks_json(const Blocks& blocks) { return {{"bytes", blocks.bytes}, {"count", blocks.count}}; }

Json entry_json(const Diff& diff, const DiffEntry& entry, const std::vector<StackLine>& stack) {
  const MemoryPlace place = diff.memories.place(entry.memory);
  Json json = {{"memory", place.memory},
               {"device", number_or_null(place.device)},
               {"before", blocks_json(entry.before)},
               {"after", blocks_json(entry.after)}};
  json["lost_before"] = blocks_json(entry.lost_before);
  json["lost_after"] = blocks_json(entry.lost_after);
  json["stack"] = stack_json(stack);
  return json;
}

Json errors_json(const Diff& diff) {
  Json errors = Json::array();
  for (const HeapError* error : new_errors(diff.before, diff.after)) {
    errors.push_back({{"kind", error->kind},
                      {"call", error->call},
                      {"count", error->count},
                      {"stack", stack_json(error->stack)},
                      {"alloc_stack", stack_json(error->alloc_stack)}});
  }
  return errors;
}

using Print = std::function<void(const std::string&)>;

void print_list(const Diff& diff, Change change, size_t limit, const Print& print) {
  const char* separator = "[\n  ";
  diff.table.for_each(change, limit, [&](const std::vector<DiffEntry>& entries) {
    const std::vector<std::vector<StackLine>> stacks = stacks_of(diff, entries);
    for (size_t i = 0; i < entries.size(); ++i) {
      print(separator + compact_text(entry_json(diff, entries[i], stacks[i])));
      separator = ",\n  ";
    }
  });
  print(separator[0] == '[' ? "[]" : "\n]");
}

}  // namespace

void print_diff_json(const Diff& diff, size_t limit, const Print& print) {
  const bool is_one = is_same_process(diff.before, diff.after);
  const uint64_t from = diff.before.duration_ns(), to = diff.after.duration_ns();
  print("{\n\"schema\": " + compact_text(kSchema) + ",\n\"before\": " + compact_text(side_json(diff.before)) +
        ",\n\"after\": " + compact_text(side_json(diff.after)) + ",\n\"compared\": " +
        compact_text(diff.compared == Compared::lost ? "lost" : "live") + ",\n\"by\": " + compact_text(diff.by) +
        ",\n\"elapsed_ns\": " + compact_text(is_one && to >= from ? Json(to - from) : Json()) +
        ",\n\"notes\": " + compact_text(diff.notes) + ",\n\"totals\": " + compact_text(totals_json(diff)) +
        ",\n\"new_errors\": " + compact_text(errors_json(diff)) +
        ",\n\"grown_bytes\": " + compact_text(diff.table.grown_bytes()));
  static constexpr struct {
    const char* name;
    Change change;
  } kLists[] = {{"new", Change::added}, {"grown", Change::grown}, {"gone", Change::gone}, {"shrunk", Change::shrunk}};
  Json left_out = Json::object();
  for (const auto& list : kLists) {
    print(",\n" + compact_text(list.name) + ": ");
    print_list(diff, list.change, limit, print);
    const uint64_t entries = diff.table.sums(list.change).entries;
    left_out[list.name] = entries - std::min<uint64_t>(entries, limit);
  }
  print(",\n\"left_out\": " + compact_text(left_out) + "\n}\n");
}

}  // namespace weir::cli
