// What an export needs of a report, packed: a report of a gigabyte takes a fraction of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace weir::cli {

// Texts by number, each there once.
class PackedTexts {
 public:
  uint32_t number_of(const std::string& text);
  const std::string& operator[](uint32_t number) const { return texts_[number]; }
  size_t size() const { return texts_.size(); }

 private:
  std::deque<std::string> texts_;  // does not move them: the keys below lie in it
  std::unordered_map<std::string_view, uint32_t> numbers_;
};

// Lists of numbers, one after another, a byte for each seven bits: most numbers of frames take two or three.
class PackedLists {
 public:
  void add(const std::vector<uint32_t>& list);
  // Replaces what is in `list`.
  void get(size_t index, std::vector<uint32_t>& list) const;
  size_t size() const { return starts_.size(); }

 private:
  std::deque<uint8_t> bytes_;
  std::deque<uint64_t> starts_;
};

// A function in a file; either may be "".
struct ExportFunction {
  uint32_t name, file;  // texts
};

// What a frame shows: what was inlined there, innermost first, then the function itself.
struct ExportLine {
  uint32_t function;  // of the functions
  uint32_t line;      // 0: not known
};

struct ExportFrame {
  static constexpr uint32_t kNoModule = UINT32_MAX;
  enum class Sort : uint8_t { code, cut, own };  // cut: the stack goes on behind it; own: Weir's, which no export shows

  uint64_t address = 0;  // from the module's load bias; absolute where there is no module
  uint32_t module = kNoModule;
  uint32_t first_line = 0;
  uint32_t line_count = 0;  // 0: no function is known
  Sort sort = Sort::code;
  bool used = false;   // a row's stack has it; what is not is empty
  bool exact = false;  // the address is an instruction's own, not the one after a call
};

struct ExportModule {
  std::string path, build_id;
  uint64_t base = 0;
};

class ExportFrames {
 public:
  uint32_t function_of(const std::string& name, const std::string& file);
  // Adds a line to the frame, whose lines come one after another before any other frame's.
  void add_line(ExportFrame& frame, uint32_t function, uint32_t line);

  std::deque<ExportFrame> frames;
  std::deque<ExportLine> lines;
  std::deque<ExportFunction> functions;
  std::vector<ExportModule> modules;
  PackedTexts texts;

 private:
  std::unordered_map<uint64_t, uint32_t> numbers_;  // of functions, by name and file
};

}  // namespace weir::cli
