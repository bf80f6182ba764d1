// The table from Python's instructions to lines: each kind of entry, and tables that no compiler makes.
#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "stack/python/line_table.h"

namespace weir::stack::python {
namespace {

using Table = std::vector<uint8_t>;

uint8_t entry(int kind, int units) { return static_cast<uint8_t>(0x80 | kind << 3 | (units - 1)); }

std::vector<uint32_t> lines_of(const Table& table, int64_t first_line, size_t units) {
  std::vector<uint32_t> lines;
  for (size_t unit = 0; unit < units; ++unit) lines.push_back(line_at(table, first_line, unit));
  return lines;
}

TEST(PythonLines, EachKindOfEntry) {
  const Table table = {
      entry(0, 2),  0x12,                    // short: the same line
      entry(11, 1), 0x01, 0x02,              // one line further, with columns
      entry(12, 1), 0x01, 0x02,              // two lines
      entry(13, 1), 0x03,                    // no columns: signed, here -1
      entry(14, 2), 0x04, 0x00, 0x01, 0x02,  // long: signed, here +2
      entry(15, 1),                          // no location
      entry(9, 1),  0x34,                    // the same line as before that
  };
  EXPECT_EQ(lines_of(table, 10, 10), (std::vector<uint32_t>{10, 10, 11, 13, 12, 14, 14, 0, 14, 0}));
}

TEST(PythonLines, NumbersOfSeveralPieces) {
  // 1,000 further: 2,000 as an unsigned number, in pieces of six bits; then back again.
  const Table table = {entry(13, 1), 0x40 | (2000 & 63), 2000 >> 6, entry(13, 1), 0x40 | (2001 & 63), 2001 >> 6};
  EXPECT_EQ(lines_of(table, 5, 2), (std::vector<uint32_t>{1005, 5}));
}

TEST(PythonLines, WhatIsNoTable) {
  EXPECT_EQ(line_at({}, 1, 0), 0U);
  EXPECT_EQ(line_at(Table{0x01, 0x02}, 1, 0), 0U);          // no entry begins
  EXPECT_EQ(line_at(Table{entry(14, 1)}, 7, 0), 7U);        // ends before its number
  EXPECT_EQ(line_at(Table{entry(13, 1), 0x7f}, 7, 0), 7U);  // ends within it
  EXPECT_EQ(line_at(Table{entry(13, 1), 0x05}, 1, 0), 0U);  // a line before the first
}

TEST(PythonLines, AnyBytes) {
  std::mt19937 random(1);
  for (int round = 0; round < 20000; ++round) {
    Table table(random() % 40);
    for (uint8_t& byte : table) byte = static_cast<uint8_t>(random());
    line_at(table, static_cast<int32_t>(random()),
            random() % 64);  // under a sanitizer, or at a page's end, it would show
  }
}

}  // namespace
}  // namespace weir::stack::python
