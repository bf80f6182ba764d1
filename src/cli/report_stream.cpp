#include "cli/report_stream.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "cli/json_access.h"
#include "cli/report_input.h"
#include "cli/report_shape.h"

namespace weir::cli {
namespace {

constexpr size_t kDeepest = 256;  // a report has less than 10

constexpr size_t kValueDepth = 2;    // the report, a key's value
constexpr size_t kElementDepth = 3;  // and an element of that
constexpr size_t kUsualMembers = 14;

// The parser's events, put together to the values that are wanted.
class Events {
 public:
  Events(const std::string& path, const ReportInput& input, const ChooseParts& choose)
      : path_(path), input_(input), choose_(choose) {}

  bool null() { return scalar(nullptr); }
  bool boolean(bool value) { return scalar(value); }
  bool number_integer(Json::number_integer_t value) { return scalar(value); }
  bool number_unsigned(Json::number_unsigned_t value) { return scalar(value); }
  bool number_float(Json::number_float_t value, const std::string&) { return scalar(value); }
  bool string(std::string& value) { return scalar(std::move(value)); }
  bool binary(Json::binary_t&) { return false; }
  bool start_object(size_t) { return open(Json::value_t::object); }
  bool start_array(size_t) { return open(Json::value_t::array); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  bool key(std::string& name) {
    if (is_skipping()) return true;
    if (depth_ == 1) {
      begin_part(name);
      return true;
    }
    key_.swap(name);
    skips_next_ = depth_ == (part_.by_element ? kElementDepth : kValueDepth) && part_.take &&
                  std::find(part_.without.begin(), part_.without.end(), key_) != part_.without.end();
    return true;
  }
  bool parse_error(size_t byte, const std::string&, const nlohmann::detail::exception& error) {
    input_.refuse(error, byte);
  }

  void check_complete() const {
    if (!has_schema_) check_schema(path_, nullptr);
  }

 private:
  void begin_part(const std::string& name) {
    const bool is_new = keys_.insert(name).second;
    if (!is_new)
      refuse_report(path_, "expected each key once, found \"" + printable(name) + "\" twice");  // guard: key-once
    part_key_ = name;
    if (name == "schema") {
      part_ = {false, [this](const Json& schema) {
                 check_schema(path_, &schema);
                 has_schema_ = true;
               }};
    } else {
      part_ = choose_(name);
    }
  }

  template <class Value>
  bool scalar(Value&& value) {
    if (depth_ == 1) require_array(false);
    if (!part_.take || is_skipping() || std::exchange(skips_next_, false)) return true;
    if (!open_.empty()) {
      attach(std::forward<Value>(value));
      return true;
    }
    value_ = std::forward<Value>(value);
    part_.take(value_);
    return true;
  }

  bool open(Json::value_t type) {
    if (depth_ == kDeepest) refuse_report(path_, "expected a Weir report, found values nested too deep");
    ++depth_;
    if (is_skipping()) return true;
    if (std::exchange(skips_next_, false)) {
      skipped_depth_ = depth_;
      return true;
    }
    if (depth_ == 2) require_array(type == Json::value_t::array);
    if (depth_ == 1 || !part_.take || (depth_ == 2 && part_.by_element)) return true;
    if (open_.empty()) {
      value_ = Json(type);
      open_.push_back(&value_);
    } else {
      open_.push_back(attach(type));
    }
    return true;
  }

  bool close() {
    const bool ends_skipped = depth_ == skipped_depth_, was_skipped = is_skipping();
    if (ends_skipped) skipped_depth_ = 0;
    --depth_;
    if (was_skipped || open_.empty()) return true;
    open_.pop_back();
    if (open_.empty()) part_.take(value_);
    return true;
  }

  // What is open stays in its place: nothing is added to what it lies in before it is closed.
  template <class Value>
  Json* attach(Value&& value) {
    Json& parent = *open_.back();
    if (parent.is_array()) {
      parent.get_ref<Json::array_t&>().emplace_back(std::forward<Value>(value));
      return &parent.back();
    }
    auto& members = parent.get_ref<Json::object_t&>();  // at the end, unseen: look-ups find the first of two equal keys
    if (members.empty()) members.reserve(kUsualMembers);  // growing copies whole values
    members.emplace_back(key_, std::forward<Value>(value));
    return &members.back().second;
  }

  bool is_skipping() const { return skipped_depth_ > 0; }

  void require_array(bool is_array) const {
    if (part_.by_element && !is_array) refuse_report(path_, "expected \"" + part_key_ + "\" to hold an array");
  }

  const std::string& path_;
  const ReportInput& input_;
  const ChooseParts& choose_;
  size_t depth_ = 0;
  bool has_schema_ = false;
  std::set<std::string> keys_;
  std::string part_key_;
  ReportPart part_;
  std::string key_;
  bool skips_next_ = false;   // the value of key_ is not wanted
  size_t skipped_depth_ = 0;  // of a value that is passed over; 0: none
  Json value_;
  std::vector<Json*> open_;
};

}  // namespace

void stream_report(const std::string& path, const ChooseParts& choose) { stream_report(OpenReport(path), choose); }

void stream_report(const OpenReport& file, const ChooseParts& choose) {
  ReportInput input(file);
  Events events(file.path(), input, choose);
  try {
    Json::sax_parse(input.begin(), input.end(), &events);
  } catch (const StopReading&) {
    return;
  }
  events.check_complete();
}

}  // namespace weir::cli
