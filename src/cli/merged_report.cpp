#include "cli/merged_report.h"

#include <algorithm>
#include <deque>
#include <tuple>
#include <utility>

#include "cli/finish_rows.h"
#include "cli/json_access.h"
#include "cli/merge_figures.h"
#include "cli/output.h"
#include "cli/report_shape.h"

namespace weir::cli {
namespace {

constexpr size_t kMostLarge = 10'000, kMostErrors = 10'000, kMostOutOfMemory = 1000;

const RowForm kLeakForm = {{"memory", "kind", "reason", "device", "call", "runtime", "framework_cache", "suppressed"},
                           {"bytes", "count", "thread_count"},
                           "first_ns",
                           "last_ns",
                           {"taken_bytes", "indirect_bytes", "indirect_count", "sample_count"},
                           true,
                           "\"threads\":[],\"samples\":[]"};
const RowForm kPeakForm = {{"memory"}, {"bytes", "count"}, "", "", {}, true, ""};
const RowForm kHotForm = {
    {"memory"}, {"alloc_bytes", "alloc_count", "temporary_count", "live_count", "live_bytes", "peak_bytes"},
    "",         "",
    {},         true,
    ""};
const RowForm kTransferForm = {
    {"direction", "host_memory", "synchronous", "call"}, {"bytes", "count", "small_count"}, "", "", {"ns"}, false, ""};
const RowForm kFreedForm = {{"memory", "device"}, {"bytes", "count"}, "", "", {}, false, ""};

uint32_t number(const Json& stack) { return stack.get<uint32_t>(); }

}  // namespace

// The lists of the report that is being read.
struct MergedReport::Lists {
  RawRows leaks, peak, hot_sites, transfers, freed_with_context;
  Json large = Json::array();

  explicit Lists(Labels& labels)
      : leaks(kLeakForm, labels),
        peak(kPeakForm, labels),
        hot_sites(kHotForm, labels),
        transfers(kTransferForm, labels),
        freed_with_context(kFreedForm, labels) {}
};

MergedReport::MergedReport()
    : leaks_(kLeakForm, labels_),
      peak_(kPeakForm, labels_),
      hot_sites_(kHotForm, labels_),
      transfers_(kTransferForm, labels_),
      freed_with_context_(kFreedForm, labels_) {}

void MergedReport::add(const MergeInput& input, symbolize::Symbolizer& symbolizer) {
  Lists lists(labels_);
  const auto rows = [&](const char* key, RawRows& target) {
    return std::pair(std::string(key),
                     TakeRow([&target, &input, key](const Json& row) { target.add(input.path, key, row); }));
  };
  const std::map<std::string, TakeRow> takers = {rows("leaks", lists.leaks),
                                                 rows("peak", lists.peak),
                                                 rows("hot_sites", lists.hot_sites),
                                                 {"large", [&](const Json& row) { lists.large.push_back(row); }}};
  CompactReport report(input.path, takers, stacks_.names(), {"samples", "threads"});
  lists.leaks.find_stacks(report, "leaks");
  lists.peak.find_stacks(report, "peak");
  lists.hot_sites.find_stacks(report, "hot_sites");
  report.name_stacks(lists.large, "large");
  report.forget_stack_numbers();
  if (report.symbolize(symbolizer)) finish_rows(report, lists.leaks, lists.large);
  for (const std::string& note : report.notes()) add_note(note);
  take_cuda_rows(report, lists);
  const std::vector<uint32_t> nodes = stacks_.add(report);
  stacks_.seal();
  add_rows(lists, nodes);
  add_parts(report, lists, nodes);
  add_process(input, report.parts());
}

// Their stacks are nodes already.
void MergedReport::take_cuda_rows(const CompactReport& report, Lists& lists) {
  const Json& cuda = child(report.parts(), "cuda");
  for (const Json& row : array_of(cuda, "transfers")) lists.transfers.add(report.path(), "cuda", row);
  for (const Json& row : array_of(cuda, "freed_with_context")) lists.freed_with_context.add(report.path(), "cuda", row);
}

// ---- What is added up ----

void MergedReport::add_rows(Lists& lists, const std::vector<uint32_t>& nodes) {
  const auto process = static_cast<uint32_t>(processes_.size());
  const auto add = [&](RawRows& rows, RowTable& table) {
    rows.take([&](RowHead head, const std::vector<uint64_t>& figures, const std::vector<uint64_t>& seldom) {
      table.add({nodes[head.stack], head.label}, figures, seldom, process);
    });
  };
  add(lists.leaks, leaks_);
  add(lists.peak, peak_);
  add(lists.hot_sites, hot_sites_);
  add(lists.transfers, transfers_);
  add(lists.freed_with_context, freed_with_context_);
}

// With the number of its process, and its stacks by their nodes here.
void MergedReport::add_list(Json& target, Json rows, const std::vector<uint32_t>& nodes) const {
  for (Json& row : rows) {
    for_each_stack(row, [&](Json& stack) { stack = nodes[number(stack)]; });
    row["process"] = processes_.size();
    target.push_back(std::move(row));
  }
}

void MergedReport::add_parts(const CompactReport& report, const Lists& lists, const std::vector<uint32_t>& nodes) {
  const Json& parts = report.parts();
  add_figures(host_, child(parts, "host"));
  add_cuda(cuda_, parts.value("cuda", Json()));
  add_leak_check(leak_check_, parts.value("leak_check", Json()));
  add_sampling(sampling_, parts.value("sampling", Json()));
  add_options(child(parts, "options"));
  for (const Json& warning : array_of(parts, "warnings")) add_warning(warning);
  add_list(devices_, array_of(parts, "devices"), nodes);
  add_list(errors_, array_of(parts, "errors"), nodes);
  add_list(out_of_memory_, array_of(parts, "out_of_memory"), nodes);
  add_list(large_, lists.large, nodes);
  if (large_.size() > 2 * kMostLarge) keep_largest();
  const Json &timeline = child(parts, "timeline"), &peak = child(timeline, "peak");
  if (timeline_.is_null() || figure(peak, "bytes") > figure(child(timeline_, "peak"), "bytes")) timeline_ = timeline;
}

void MergedReport::add_process(const MergeInput& input, const Json& parts) {
  Json process = input.process;
  const Json& host = child(parts, "host");
  const Json& blocks = child(host, "totals");
  Json totals = Json::object();
  for (const char* key :
       {"alloc_count", "alloc_bytes", "temporary_count", "live_count", "live_bytes", "peak_bytes", "peak_ns"})
    totals[key] = figure(blocks, key);
  process["host_totals"] = std::move(totals);
  const Json& mappings = child(child(host, "mmap"), "totals");
  process["mmap_totals"] = {{"live_bytes", figure(mappings, "live_bytes")},
                            {"peak_bytes", figure(mappings, "peak_bytes")}};
  for (const char* key : {"rss_bytes", "peak_rss_bytes"}) process[key] = figure(child(host, "process_memory"), key);
  process["leak_kinds"] = child(child(parts, "leak_check"), "kinds");
  processes_.push_back(std::move(process));
}

void MergedReport::add_options(const Json& options) {
  if (options_.is_null()) options_ = options;
  for (const auto& [name, option] : options.items()) {
    if (name != "WEIR_REPORT" && options_.value(name, Json()) != option) differing_options_.insert(printable(name));
  }
}

void MergedReport::add_warning(const Json& warning) {
  if (warned_.insert(text_of(warning, "text") + '\n' + number_text(warning, "device")).second)
    warnings_.push_back(warning);
}

void MergedReport::keep_largest() {
  const auto weight = [](const Json& block) {
    return std::tuple(UINT64_MAX - figure(block, "bytes"), figure(block, "process"), text_of(block, "address"));
  };
  std::stable_sort(large_.begin(), large_.end(), [&](const Json& a, const Json& b) { return weight(a) < weight(b); });
  if (large_.size() <= kMostLarge) return;
  large_left_out_ += large_.size() - kMostLarge;
  large_.erase(large_.begin() + kMostLarge, large_.end());
}

// ---- The file ----

// Writes lists whose stacks are nodes, and numbers these in the order in which they are met.
class MergedReport::Output {
 public:
  Output(const std::string& path, const MergedStacks& stacks)
      : file_(path), stacks_(stacks), numbers_(stacks.tree().size(), kNone) {
    file_.write("{");
  }

  void value(const char* key, const Json& value) {
    begin(key);
    file_.write(compact_text(value));
  }
  // As value(), one entry on a line.
  void list(const char* key, const Json& rows) {
    for_each(key, rows.size(), [&](size_t i) { return compact_text(rows[i]); });
  }
  void rows(const char* key, const RowTable& table) {
    const std::vector<uint32_t> order = table.sorted();
    for_each(key, order.size(), [&](size_t i) { return table.text_of(order[i], number_of(table.node_of(order[i]))); });
  }
  void tables() {
    for_each("stacks", nodes_.size(), [&](size_t i) { return stack_text(nodes_[i]); });
    for_each("frames", stacks_.frames().frame_count(),
             [&](size_t i) { return compact_text(stacks_.frames().frame_json(i)); });
    list("modules", stacks_.frames().modules());
  }
  void commit() {
    file_.write("\n}\n");
    file_.finish();
  }

  // The rows' stacks by their numbers in the file.
  Json numbered(Json rows) {
    for (Json& row : rows) for_each_stack(row, [this](Json& stack) { stack = number_of(number(stack)); });
    return rows;
  }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;

  void begin(const char* key) {
    file_.write(std::string(has_any_ ? ",\n\"" : "\n\"") + key + "\": ");
    has_any_ = true;
  }
  template <class TextOf>
  void for_each(const char* key, size_t count, const TextOf& text_of_entry) {
    begin(key);
    for (size_t i = 0; i < count; ++i) file_.write((i == 0 ? "[\n  " : ",\n  ") + text_of_entry(i));
    file_.write(count == 0 ? "[]" : "\n]");
  }
  uint32_t number_of(uint32_t node) {
    if (numbers_[node] == kNone) {
      numbers_[node] = static_cast<uint32_t>(nodes_.size());
      nodes_.push_back(node);
    }
    return numbers_[node];
  }
  std::string stack_text(uint32_t node) const {
    std::string text = "[";
    for (; node != StackTree::kRoot; node = stacks_.tree().parent(node))
      text += (text.size() > 1 ? "," : "") + std::to_string(stacks_.tree().item(node));
    return text + "]";
  }

  cli::Output file_;
  const MergedStacks& stacks_;
  std::vector<uint32_t> numbers_;  // of nodes
  std::deque<uint32_t> nodes_;     // by number
  bool has_any_ = false;
};

Json MergedReport::merged_process() const {
  Json process = processes_[0];
  for (const char* key : {"host_totals", "mmap_totals", "rss_bytes", "peak_rss_bytes", "leak_kinds"})
    process.erase(key);
  for (const Json& other : processes_)
    process["duration_ns"] = std::max(figure(process, "duration_ns"), figure(other, "duration_ns"));
  process["merged_count"] = processes_.size();
  return process;
}

// Lists of single events, the earliest process's first; what is beyond the limit is counted.
void MergedReport::limit(Json& list, size_t most, Json& owner, const char* left_out_key) {
  if (list.size() <= most) return;
  owner[left_out_key] = figure(owner, left_out_key) + (list.size() - most);
  list.erase(list.begin() + static_cast<std::ptrdiff_t>(most), list.end());
}

void MergedReport::settle() {
  for (RowTable* table : {&leaks_, &peak_, &hot_sites_, &transfers_, &freed_with_context_}) table->seal();
  settle_host(host_);
  keep_largest();
  limit(errors_, kMostErrors, host_, "errors_left_out_count");
  if (cuda_.is_object()) limit(out_of_memory_, kMostOutOfMemory, cuda_, "out_of_memory_left_out_count");
  host_["large_left_out_count"] = figure(host_, "large_left_out_count") + large_left_out_;
  for (const std::string& name : differing_options_)
    add_note(name + " differs among the merged processes: options has the first one's");
}

Json MergedReport::transfers(Output& output) const {
  Json rows = Json::array();
  for (const uint32_t row : transfers_.sorted()) {
    Json entry = Json::parse(transfers_.text_of(row, transfers_.node_of(row)));
    const uint64_t ns = figure(entry, "ns");
    constexpr double kNsInSecond = 1e9;
    if (ns > 0)
      entry["bytes_per_second"] =
          static_cast<uint64_t>(static_cast<double>(figure(entry, "bytes")) / static_cast<double>(ns) * kNsInSecond);
    rows.push_back(std::move(entry));
  }
  return output.numbered(std::move(rows));
}

Json MergedReport::cuda(Output& output) const {
  Json cuda = cuda_;
  Json freed = Json::array();
  for (const uint32_t row : freed_with_context_.sorted())
    freed.push_back(Json::parse(freed_with_context_.text_of(row, freed_with_context_.node_of(row))));
  cuda["transfers"] = transfers(output);
  cuda["freed_with_context"] = output.numbered(std::move(freed));
  return cuda;
}

void MergedReport::write(const std::string& path) {
  settle();
  Output output(path, stacks_);
  output.value("schema", kReportSchema);
  output.value("process", merged_process());
  output.list("processes", processes_);
  output.value("options", options_);
  output.value("sampling", sampling_);
  output.value("host", host_);
  output.list("devices", devices_);
  if (cuda_.is_object()) output.value("cuda", cuda(output));
  if (leak_check_.is_object()) output.value("leak_check", leak_check_);
  output.rows("leaks", leaks_);
  output.list("errors", output.numbered(errors_));
  output.list("out_of_memory", output.numbered(out_of_memory_));
  output.rows("peak", peak_);
  output.rows("hot_sites", hot_sites_);
  output.list("large", output.numbered(large_));
  output.value("timeline", timeline_);
  output.tables();
  output.list("warnings", warnings_);
  output.commit();
}

}  // namespace weir::cli
