#include "cli/largest_stacks.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "cli/json_access.h"
#include "cli/report_input.h"
#include "cli/report_shape.h"
#include "cli/report_stream.h"

namespace weir::cli {
namespace {

constexpr uint64_t kNoIndex = UINT64_MAX;  // is in no table: the check of the shape refuses it

// The entries of a table that something refers to, and their places among those that are kept.
class KeptIndices {
 public:
  void want(const Json& index) {
    if (index.is_number_unsigned()) places_.try_emplace(index.get<uint64_t>(), kNoIndex);
  }
  // Of the table's next entry: whether it is kept.
  bool keep_next() {
    const auto place = places_.find(next_++);
    if (place == places_.end()) return false;
    place->second = kept_++;
    return true;
  }
  void renumber(Json& index) const {
    if (!index.is_number_unsigned()) return;
    const auto place = places_.find(index.get<uint64_t>());
    index = place == places_.end() ? kNoIndex : place->second;
  }

 private:
  std::unordered_map<uint64_t, uint64_t> places_;
  uint64_t next_ = 0, kept_ = 0;
};

// Builds the report from its parts, one entry of a list at a time.
class Reader {
 public:
  Reader(const std::string& path, size_t most_stacks) : path_(path), most_stacks_(most_stacks) {}

  ReportPart part(const std::string& key);
  PartOfReport finish();

 private:
  ReportPart list(const std::string& key, void (Reader::*take)(const std::string& key, Json& entry));
  void take_largest(const std::string& key, Json& entry);
  void take_with_stacks(const std::string& key, Json& entry);
  void take_stack(const std::string& key, Json& entry);
  void take_frame(const std::string& key, Json& entry);
  void leave_out(const std::string& list, const Json& entry);
  void require_before(const std::string& key, const char* later) const;

  const std::string& path_;
  const size_t most_stacks_;
  Json report_ = {{"schema", kReportSchema}};  // stream_report looks at it
  KeptIndices stacks_, frames_;
  std::vector<LeftOutSum> left_out_;
};

ReportPart Reader::part(const std::string& key) {
  if (key == "leaks" || key == "peak" || key == "hot_sites") return list(key, &Reader::take_largest);
  if (key == "errors" || key == "out_of_memory") return list(key, &Reader::take_with_stacks);
  if (key == "stacks") return list(key, &Reader::take_stack);
  if (key == "frames") return list(key, &Reader::take_frame);
  if (key == "large") return {};
  return {false, [this, key](Json& value) {
            if (key == "cuda" && value.is_object()) {
              for (const char* copies : {"transfers", "freed_with_context"}) value.erase(copies);
            }
            report_[key] = std::move(value);
          }};
}

ReportPart Reader::list(const std::string& key, void (Reader::*take)(const std::string& key, Json& entry)) {
  report_[key] = Json::array();
  return {true, [this, key, take](Json& entry) { (this->*take)(key, entry); }, {"samples", "threads"}};
}

// Stacks and frames are kept by who refers to them, so they must come after.
void Reader::require_before(const std::string& key, const char* later) const {
  if (report_.contains(later)) refuse_report(path_, "expected \"" + key + "\" before \"" + later + "\"");
}

void Reader::take_largest(const std::string& key, Json& entry) {
  if (report_[key].size() >= most_stacks_) return leave_out(key, entry);
  take_with_stacks(key, entry);
}

void Reader::take_with_stacks(const std::string& key, Json& entry) {
  require_before(key, "stacks");
  for_each_stack(entry, [this](const Json& index) { stacks_.want(index); });
  report_[key].push_back(std::move(entry));
}

void Reader::take_stack(const std::string& key, Json& entry) {
  require_before(key, "frames");
  if (!stacks_.keep_next()) return;
  if (entry.is_array()) std::for_each(entry.begin(), entry.end(), [this](const Json& index) { frames_.want(index); });
  report_[key].push_back(std::move(entry));
}

void Reader::take_frame(const std::string& key, Json& entry) {
  if (frames_.keep_next()) report_[key].push_back(std::move(entry));
}

void Reader::leave_out(const std::string& list, const Json& entry) {
  if (!entry.is_object()) return;
  const std::string memory = text_of(entry, "memory"), kind = text_of(entry, "kind");
  auto sum = std::find_if(left_out_.begin(), left_out_.end(), [&](const LeftOutSum& known) {
    return known.list == list && known.memory == memory && known.kind == kind;
  });
  if (sum == left_out_.end()) sum = left_out_.insert(left_out_.end(), {list, memory, kind, 0, 0, 0});
  const bool is_hot = list == "hot_sites";
  ++sum->stack_count;
  sum->bytes += figure(entry, is_hot ? "alloc_bytes" : "bytes");
  sum->count += figure(entry, is_hot ? "alloc_count" : "count");
}

PartOfReport Reader::finish() {
  for (const char* key : {"leaks", "peak", "hot_sites", "errors", "out_of_memory"}) {
    if (!report_.contains(key)) continue;
    for (Json& entry : report_[key]) for_each_stack(entry, [this](Json& index) { stacks_.renumber(index); });
  }
  if (report_.contains("stacks")) {
    for (Json& stack : report_["stacks"]) {
      if (stack.is_array()) std::for_each(stack.begin(), stack.end(), [this](Json& index) { frames_.renumber(index); });
    }
  }
  return {std::move(report_), std::move(left_out_)};
}

}  // namespace

PartOfReport read_largest(const std::string& path, size_t most_stacks) {
  Reader reader(path, most_stacks);
  stream_report(path, [&](const std::string& key) { return reader.part(key); });
  PartOfReport part = reader.finish();
  check_shape(path, part.report);
  return part;
}

}  // namespace weir::cli
