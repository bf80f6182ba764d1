#include "cli/largest_stacks.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "cli/error.h"
#include "cli/json_access.h"

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

// Calls `take` with each index of a stack in an entry of leaks, peak, hot_sites, errors or out_of_memory.
template <class Take>
void for_each_stack(Json& entry, const Take& take) {
  if (!entry.is_object()) return;
  for (const char* key : {"stack", "alloc_stack", "free_stack"}) {
    if (const auto stack = entry.find(key); stack != entry.end()) take(*stack);
  }
  for (const char* key : {"allocation", "free"}) {
    if (const auto event = entry.find(key); event != entry.end()) for_each_stack(*event, take);
  }
  const auto holders = entry.find("holders");
  if (holders == entry.end() || !holders->is_array()) return;
  for (Json& holder : *holders) for_each_stack(holder, take);
}

bool is_one_of(std::string_view key, std::initializer_list<const char*> keys) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

// Lists of stacks by size, and lists whose entries are all kept.
bool is_cut(std::string_view list) { return is_one_of(list, {"leaks", "peak", "hot_sites"}); }
bool refers_to_stacks(std::string_view list) { return is_cut(list) || is_one_of(list, {"errors", "out_of_memory"}); }

// What is read and forgotten: `key` of an object that lies `depth` containers below the report, under `top`.
bool is_forgotten(size_t depth, std::string_view top, std::string_view key) {
  if (depth == 0) return key == "large";
  if (top == "cuda" && depth == 1) return is_one_of(key, {"transfers", "freed_with_context"});
  return top == "leaks" && is_one_of(key, {"samples", "threads"});
}

// Builds the report from the parser's events, one entry of a list at a time.
class Reader : public nlohmann::json_sax<Json> {
 public:
  Reader(const std::string& path, size_t most_stacks) : path_(path), most_stacks_(most_stacks) {}

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(value); }
  bool number_unsigned(number_unsigned_t value) override { return add(value); }
  bool number_float(number_float_t value, const string_t&) override { return add(value); }
  bool string(string_t& value) override { return add(std::move(value)); }
  bool binary(binary_t&) override { return false; }  // not in JSON text
  bool start_object(std::size_t) override { return open(Json::object()); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& value) override;
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    error_byte_ = position > 0 ? position - 1 : 0;
    return false;
  }

  size_t error_byte() const { return error_byte_; }
  PartOfReport finish();

 private:
  struct Container {
    Json value;
    std::string key;  // of the member that is being read
  };

  bool add(Json value);
  bool open(Json container);
  bool close();
  void place(Json value);
  void take_entry(Json entry);
  void leave_out(const Json& entry);
  void check_order() const;

  const std::string& path_;
  const size_t most_stacks_;
  Json report_;
  std::vector<Container> open_;
  std::string top_;            // the report's key that is being read
  bool forgets_next_ = false;  // the value that comes
  size_t forgotten_open_ = 0;  // containers of it
  KeptIndices stacks_, frames_;
  std::vector<LeftOutSum> left_out_;
  size_t error_byte_ = 0;
};

bool Reader::key(string_t& value) {
  if (forgotten_open_ > 0) return true;
  if (open_.size() == 1) top_ = value;
  forgets_next_ = is_forgotten(open_.size() - 1, top_, value);
  open_.back().key = std::move(value);
  return true;
}

// Stacks and frames are kept by who refers to them, so they must come after.
void Reader::check_order() const {
  const char* later = refers_to_stacks(top_) ? "stacks" : top_ == "stacks" ? "frames" : nullptr;
  if (later != nullptr && open_.front().value.contains(later))
    throw Error(kExitBadReport, path_ + ": expected \"" + top_ + "\" before \"" + later + "\"");
}

bool Reader::add(Json value) {
  if (forgotten_open_ > 0) return true;
  if (!std::exchange(forgets_next_, false)) place(std::move(value));
  return true;
}

bool Reader::open(Json container) {
  if (forgotten_open_ > 0 || std::exchange(forgets_next_, false)) {
    ++forgotten_open_;
  } else {
    open_.push_back({std::move(container), {}});
  }
  return true;
}

bool Reader::close() {
  if (forgotten_open_ > 0) {
    --forgotten_open_;
    return true;
  }
  Json value = std::move(open_.back().value);
  open_.pop_back();
  place(std::move(value));
  return true;
}

void Reader::place(Json value) {
  if (open_.empty()) {
    report_ = std::move(value);
  } else if (open_.back().value.is_object()) {
    open_.back().value[open_.back().key] = std::move(value);
  } else if (open_.size() == 2) {
    take_entry(std::move(value));
  } else {
    open_.back().value.push_back(std::move(value));
  }
}

// Of a list that lies directly in the report.
void Reader::take_entry(Json entry) {
  check_order();
  Json& list = open_.back().value;
  if (top_ == "stacks") {
    if (!stacks_.keep_next()) return;
    if (entry.is_array()) std::for_each(entry.begin(), entry.end(), [this](const Json& index) { frames_.want(index); });
  } else if (top_ == "frames") {
    if (!frames_.keep_next()) return;
  } else if (is_cut(top_) && list.size() >= most_stacks_) {
    return leave_out(entry);
  } else if (refers_to_stacks(top_)) {
    for_each_stack(entry, [this](const Json& index) { stacks_.want(index); });
  }
  list.push_back(std::move(entry));
}

void Reader::leave_out(const Json& entry) {
  if (!entry.is_object()) return;
  const std::string memory = text_of(entry, "memory"), kind = text_of(entry, "kind");
  auto sum = std::find_if(left_out_.begin(), left_out_.end(), [&](const LeftOutSum& known) {
    return known.list == top_ && known.memory == memory && known.kind == kind;
  });
  if (sum == left_out_.end()) sum = left_out_.insert(left_out_.end(), {top_, memory, kind, 0, 0, 0});
  const bool is_hot = top_ == "hot_sites";
  ++sum->stack_count;
  sum->bytes += figure(entry, is_hot ? "alloc_bytes" : "bytes");
  sum->count += figure(entry, is_hot ? "alloc_count" : "count");
}

PartOfReport Reader::finish() {
  for (const char* key : {"leaks", "peak", "hot_sites", "errors", "out_of_memory"}) {
    if (!report_.contains(key) || !report_[key].is_array()) continue;
    for (Json& entry : report_[key]) for_each_stack(entry, [this](Json& index) { stacks_.renumber(index); });
  }
  if (report_.contains("stacks") && report_["stacks"].is_array()) {
    for (Json& stack : report_["stacks"]) {
      if (stack.is_array()) std::for_each(stack.begin(), stack.end(), [this](Json& index) { frames_.renumber(index); });
    }
  }
  return {std::move(report_), std::move(left_out_)};
}

using File = std::unique_ptr<FILE, int (*)(FILE*)>;

File open_report(const std::string& path, size_t* size) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) throw Error(kExitBadReport, path + ": " + std::strerror(errno));
  struct stat status;
  if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(fd);
    throw Error(kExitBadReport, path + ": expected a regular file");
  }
  *size = static_cast<size_t>(status.st_size);
  return {fdopen(fd, "r"), std::fclose};
}

void check_beginning_of(const std::string& path, FILE* file) {
  std::array<char, 4096> beginning;
  const size_t length = std::fread(beginning.data(), 1, beginning.size(), file);
  if (std::ferror(file) != 0) throw Error(kExitBadReport, path + ": " + std::strerror(errno));
  check_beginning(path, {beginning.data(), length});
  std::rewind(file);
}

}  // namespace

PartOfReport read_largest(const std::string& path, size_t most_stacks) {
  size_t size = 0;
  const File file = open_report(path, &size);
  check_beginning_of(path, file.get());
  Reader reader(path, most_stacks);
  const bool is_json = Json::sax_parse(file.get(), &reader);
  if (std::ferror(file.get()) != 0) throw Error(kExitBadReport, path + ": cannot be read to its end");
  if (!is_json) refuse_text(path, reader.error_byte(), size);
  PartOfReport part = reader.finish();
  check_shape(path, part.report);
  return part;
}

}  // namespace weir::cli
