#include "cli/row_table.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "cli/capped_sum.h"
#include "cli/json_access.h"
#include "cli/report_shape.h"

namespace weir::cli {
namespace {

void add_seldom(std::vector<uint64_t>& sums, const std::vector<uint64_t>& more) {
  sums.resize(more.size());
  for (size_t i = 0; i < more.size(); ++i) sums[i] = capped_sum(sums[i], more[i]);
}

std::vector<uint64_t> figures_of(const RowForm& form, const Json& row) {
  std::vector<uint64_t> figures;
  for (const std::string& name : form.sums) figures.push_back(figure(row, name.c_str()));
  for (const std::string& name : {form.least, form.most}) {
    if (!name.empty()) figures.push_back(figure(row, name.c_str()));
  }
  return figures;
}

std::string label_of(const RowForm& form, const Json& row) {
  Json label = Json::object();
  for (const std::string& name : form.labels) {
    if (row.contains(name)) label[name] = row[name];
  }
  return compact_text(label);
}

}  // namespace

void RawRows::add(const std::string& path, const char* key, const Json& row) {
  ShapeCheck(path, 0, 0, UINT32_MAX).check_entry(key, row);
  heads_.push_back({row["stack"].get<uint32_t>(), labels_.id_of(label_of(form_, row))});
  for (const uint64_t value : figures_of(form_, row)) figures_.push_back(value);
  std::vector<uint64_t> seldom;
  for (const std::string& name : form_.seldom) seldom.push_back(figure(row, name.c_str()));
  const bool has_any = std::any_of(seldom.begin(), seldom.end(), [](uint64_t value) { return value != 0; });
  if (has_any) seldom_[heads_.size() - 1] = std::move(seldom);
}

void RawRows::find_stacks(const CompactReport& report, const char* key) {
  const ShapeCheck shape(report.path(), 0, 0, report.stack_count());
  for (RowHead& head : heads_) {
    shape.require(key, head.stack < report.stack_count(), "entries with an index into stacks");
    head.stack = report.node_of(head.stack);
  }
}

Json RawRows::label(size_t row) const { return Json::parse(labels_.name(heads_[row].label)); }

Json RawRows::json_of(size_t row) const {
  Json entry = label(row);
  for (size_t i = 0; i < form_.sums.size(); ++i) entry[form_.sums[i]] = figures_[row * form_.figure_count() + i];
  entry["stack"] = heads_[row].stack;
  return entry;
}

void RawRows::set_labels(size_t row, const Json& entry) { heads_[row].label = labels_.id_of(label_of(form_, entry)); }

Json RawRows::sums_by_label(const std::vector<std::string>& figures) const {
  std::map<uint32_t, Json> sums;
  for (size_t row = 0; row < heads_.size(); ++row) {
    const auto [sum, is_new] = sums.try_emplace(heads_[row].label);
    if (is_new) sum->second = Json::parse(labels_.name(heads_[row].label));
    for (const std::string& name : figures)
      sum->second[name] = capped_sum(figure(sum->second, name.c_str()), value_of(row, name));
  }
  Json entries = Json::array();
  for (auto& [label, sum] : sums) entries.push_back(std::move(sum));
  return entries;
}

uint64_t RawRows::value_of(size_t row, const std::string& name) const {
  const auto sum = std::find(form_.sums.begin(), form_.sums.end(), name);
  if (sum != form_.sums.end())
    return figures_[row * form_.figure_count() + static_cast<size_t>(sum - form_.sums.begin())];
  const auto seldom = seldom_.find(row);
  const auto place = std::find(form_.seldom.begin(), form_.seldom.end(), name);
  if (seldom == seldom_.end() || place == form_.seldom.end()) return 0;
  return seldom->second[static_cast<size_t>(place - form_.seldom.begin())];
}

void RawRows::take(
    const std::function<void(RowHead, const std::vector<uint64_t>&, const std::vector<uint64_t>&)>& use) {
  const std::vector<uint64_t> none;
  std::vector<uint64_t> figures(form_.figure_count());
  for (size_t row = 0; !heads_.empty(); ++row) {
    for (uint64_t& value : figures) {
      value = figures_.front();
      figures_.pop_front();
    }
    const auto seldom = seldom_.find(row);
    use(heads_.front(), figures, seldom == seldom_.end() ? none : seldom->second);
    heads_.pop_front();
  }
  seldom_.clear();
}

size_t RowTable::slot_of(const RowHead& head) const {
  const size_t mask = slots_.size() - 1;
  uint64_t hash = (uint64_t{head.stack} << 20 ^ head.label) * 0x9e3779b97f4a7c15U;
  size_t slot = (hash ^ hash >> 32) & mask;
  for (; slots_[slot] != kNone; slot = (slot + 1) & mask) {
    const RowHead& known = rows_[slots_[slot]].head;
    if (known.stack == head.stack && known.label == head.label) break;
  }
  return slot;
}

void RowTable::grow() {
  const size_t count = slots_.size() * 2;
  std::vector<uint32_t>().swap(slots_);
  slots_.assign(count, kNone);
  for (size_t row = 0; row < rows_.size(); ++row) slots_[slot_of(rows_[row].head)] = static_cast<uint32_t>(row);
}

uint32_t RowTable::add(RowHead head, const std::vector<uint64_t>& figures, const std::vector<uint64_t>& seldom,
                       uint32_t process, uint32_t process_count) {
  if (rows_.size() * 4 >= slots_.size() * 3) grow();
  uint32_t& number = slots_[slot_of(head)];
  const bool is_new = number == kNone;
  if (is_new) {
    number = static_cast<uint32_t>(rows_.size());
    rows_.push_back({head, 0, process, process, 0});
    figures_.insert(figures_.end(), figures.begin(), figures.end());
  } else {
    add_figures(number, figures);
  }
  if (!seldom.empty()) add_seldom(seldom_[number], seldom);
  Row& row = rows_[number];
  if (row.process_count == 0 || row.last_process != process)
    row.process_count += std::min(process_count, UINT32_MAX - row.process_count);
  row.last_process = process;
  if (figures[0] <= row.most_figure) return number;
  row.most_figure = figures[0];
  row.most_process = process;
  return number;
}

uint64_t RowTable::seldom_of(uint32_t row, size_t sum) const {
  const auto seldom = seldom_.find(row);
  return seldom == seldom_.end() ? 0 : seldom->second[sum];
}

void RowTable::add_figures(uint32_t row, const std::vector<uint64_t>& figures) {
  const size_t first = row * form_.figure_count(), sums = form_.sums.size();
  for (size_t i = 0; i < sums; ++i) figures_[first + i] = capped_sum(figures_[first + i], figures[i]);
  size_t at = sums;
  if (!form_.least.empty()) figures_[first + at] = std::min(figures_[first + at], figures[at]);
  if (!form_.least.empty()) ++at;
  if (!form_.most.empty()) figures_[first + at] = std::max(figures_[first + at], figures[at]);
}

std::vector<uint32_t> RowTable::sorted() const {
  std::vector<uint32_t> order(rows_.size());
  for (uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(),
            [this](uint32_t a, uint32_t b) { return std::tuple(first_figure(b), a) < std::tuple(first_figure(a), b); });
  return order;
}

std::string RowTable::text_of(uint32_t number, uint32_t stack) const {
  const Row& row = rows_[number];
  std::string text = labels_.name(row.head.label);
  text.pop_back();
  const auto add = [&text](const std::string& name, uint64_t value) {
    text += (text.size() > 1 ? ",\"" : "\"") + name + "\":" + std::to_string(value);
  };
  size_t at = number * form_.figure_count();
  for (const std::string& name : form_.sums) add(name, figures_[at++]);
  for (const std::string& name : {form_.least, form_.most}) {
    if (!name.empty()) add(name, figures_[at++]);
  }
  if (const auto seldom = seldom_.find(number); seldom != seldom_.end()) {
    for (size_t i = 0; i < form_.seldom.size(); ++i) {
      if (seldom->second[i] != 0) add(form_.seldom[i], seldom->second[i]);
    }
  }
  if (form_.by_process) {
    add("process_count", row.process_count);
    add("most_process", row.most_process);
    add("most_" + form_.sums[0], row.most_figure);
  }
  if (!form_.same_in_all.empty()) text += "," + form_.same_in_all;
  add("stack", stack);
  return text + "}";
}

}  // namespace weir::cli
