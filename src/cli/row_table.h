// Lists of rows by stack, as leaks[] or peak[]: kept in few bytes, and those of many reports added up.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "cli/compact_report.h"
#include "cli/name_table.h"

namespace weir::cli {

// How the rows of a list are read and added up.
struct RowForm {
  std::vector<std::string> labels;  // members that tell rows of one stack apart; kept as they are
  std::vector<std::string> sums;    // figures that are added up, the first of them what matters most
  std::string least, most;          // figures of which the smallest and the largest stays; or empty
  std::vector<std::string> seldom;  // sums that most rows have not; written where they are not 0
  bool by_process = false;          // says how many processes have the row, and which has most
  std::string same_in_all;          // members of every merged row, as JSON; or empty

  size_t figure_count() const { return sums.size() + (least.empty() ? 0 : 1) + (most.empty() ? 0 : 1); }
};

// Labels of rows as JSON, by number. Shared by all tables of a form.
using Labels = NameTable;

struct RowHead {
  uint32_t stack = 0;  // its number in the file; of a merged table its node
  uint32_t label = 0;
};

// The rows of one report, until its stacks are known.
class RawRows {
 public:
  RawRows(const RowForm& form, Labels& labels) : form_(form), labels_(labels) {}

  void add(const std::string& path, const char* key, const Json& row);
  size_t size() const { return heads_.size(); }
  // Stacks by their nodes. Throws as ShapeCheck does.
  void find_stacks(const CompactReport& report, const char* key);

  Json json_of(size_t row) const;
  Json label(size_t row) const;
  uint32_t label_number(size_t row) const { return heads_[row].label; }
  void set_labels(size_t row, const Json& entry);
  // One entry for each label, with the sums of `figures` over its rows.
  Json sums_by_label(const std::vector<std::string>& figures) const;

  // Hands over all rows, one after another, and forgets them.
  void take(const std::function<void(RowHead head, const std::vector<uint64_t>& figures,
                                     const std::vector<uint64_t>& seldom)>& use);

 private:
  uint64_t value_of(size_t row, const std::string& name) const;

  const RowForm& form_;
  Labels& labels_;
  std::deque<RowHead> heads_;
  std::deque<uint64_t> figures_;  // form_.figure_count() of each row
  std::unordered_map<size_t, std::vector<uint64_t>> seldom_;
};

class RowTable {
 public:
  RowTable(const RowForm& form, Labels& labels) : form_(form), labels_(labels), slots_(1024, kNone) {}

  // A row of that process, a number from 0 on; the rows of one process come together. It stands for so many processes. Its number here.
  uint32_t add(RowHead head, const std::vector<uint64_t>& figures, const std::vector<uint64_t>& seldom,
               uint32_t process, uint32_t process_count = 1);

  // Gives up what add() needs, for good.
  void seal() { std::vector<uint32_t>().swap(slots_); }

  // Largest first figure first.
  std::vector<uint32_t> sorted() const;
  // As text, its stack by that number.
  std::string text_of(uint32_t row, uint32_t stack) const;
  uint32_t node_of(uint32_t row) const { return rows_[row].head.stack; }
  uint32_t label_of(uint32_t row) const { return rows_[row].head.label; }
  uint32_t process_count(uint32_t row) const { return rows_[row].process_count; }
  // The form's sums by their places in it; of those that are seldom 0 where the row has none.
  uint64_t sum_of(uint32_t row, size_t sum) const { return figures_[row * form_.figure_count() + sum]; }
  uint64_t seldom_of(uint32_t row, size_t sum) const;
  size_t size() const { return rows_.size(); }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  struct Row {
    RowHead head;
    uint32_t process_count = 0, last_process = 0, most_process = 0;
    uint64_t most_figure = 0;
  };
  size_t slot_of(const RowHead& head) const;
  void grow();
  void add_figures(uint32_t row, const std::vector<uint64_t>& figures);
  uint64_t first_figure(uint32_t row) const { return figures_[row * form_.figure_count()]; }

  const RowForm& form_;
  Labels& labels_;
  std::deque<Row> rows_;
  std::deque<uint64_t> figures_;
  std::unordered_map<uint32_t, std::vector<uint64_t>> seldom_;
  std::vector<uint32_t> slots_;  // rows by stack and label
};

}  // namespace weir::cli
