// A report's file, read from front to back through one buffer, however large it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/report_file.h"

namespace weir::cli {

// Throws Error(kExitBadReport) whose one line names the file and says what is wrong with it.
[[noreturn]] void refuse_report(const std::string& path, const std::string& what);

// A report's file, held open: read twice it is the same, whatever has got its name by then.
class OpenReport {
 public:
  // Throws where it is no regular file.
  explicit OpenReport(const std::string& path);
  ~OpenReport();
  OpenReport(const OpenReport&) = delete;
  OpenReport& operator=(const OpenReport&) = delete;

  const std::string& path() const { return path_; }
  int fd() const { return fd_; }
  uint64_t bytes() const;

 private:
  const std::string path_;
  const int fd_;
};

// One reading of it. Not for use by two threads at a time.
class ReportInput {
 public:
  // The file must outlive it. Throws where the text does not begin with '{', behind blanks. On a terminal stderr says how far a large file
  // has been read.
  explicit ReportInput(const OpenReport& file);
  ~ReportInput();
  ReportInput(const ReportInput&) = delete;
  ReportInput& operator=(const ReportInput&) = delete;

  // The text's characters, once: what nlohmann's parser takes.
  class Iterator {
   public:
    // NOLINTBEGIN(readability-identifier-naming): the standard library's names
    using iterator_category = std::input_iterator_tag;
    using value_type = char;
    using difference_type = std::ptrdiff_t;
    using pointer = const char*;
    using reference = char;
    // NOLINTEND(readability-identifier-naming)

    explicit Iterator(ReportInput* input = nullptr) : input_(input) {}
    char operator*() const { return *input_->at_; }
    Iterator& operator++() {
      ++input_->at_;
      return *this;
    }
    void operator++(int) { ++input_->at_; }
    // Of the end alone; it reads on where the buffer is used up.
    bool operator==(const Iterator& other) const { return is_at_end() == other.is_at_end(); }
    bool operator!=(const Iterator& other) const { return !(*this == other); }

   private:
    bool is_at_end() const { return input_ == nullptr || (input_->at_ == input_->limit_ && !input_->fill()); }
    ReportInput* input_;
  };
  Iterator begin() { return Iterator(this); }
  Iterator end() { return Iterator(); }

  // So many of its characters have been taken.
  uint64_t parsed_bytes() const { return read_bytes_ - skipped_bytes_ - static_cast<uint64_t>(limit_ - at_); }

  // What the parser could not read, as a line: where the file ends too early, or at which byte it is no JSON.
  [[noreturn]] void refuse(const nlohmann::detail::exception& error, uint64_t parsed_bytes) const;

 private:
  bool fill();  // false: the file has ended
  void skip_blanks();
  void show_progress();

  const std::string& path_;
  const int fd_;
  const uint64_t file_bytes_;
  uint64_t read_bytes_ = 0, skipped_bytes_ = 0;
  int shown_percent_ = -1;
  std::vector<char> buffer_;
  const char* at_ = nullptr;
  const char* limit_ = nullptr;
};

}  // namespace weir::cli
