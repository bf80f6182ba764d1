// The form that all parts of a summary share: headings, labelled rows, lists of places with their stacks.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "cli/digest.h"
#include "cli/format.h"
#include "cli/summary.h"

namespace weir::cli {

class SummaryPage {
 public:
  explicit SummaryPage(const SummaryOptions& options) : options_(options), style_(options.color) {}

  const SummaryOptions& options() const { return options_; }
  const Style& style() const { return style_; }
  const std::string& text() const { return text_; }

  void line(const std::string& text) { text_ += text + "\n"; }
  void heading(const std::string& text) { line("\n" + style_.bold(text)); }
  // A labelled line of figures.
  void row(const std::string& label, const std::string& text);
  void stack(const std::vector<StackLine>& stack, size_t indent = 6);
  // A list of places, the first ones of it, by their numbers: `figures` says of each what it holds.
  void sites(const SiteTable& table, const std::vector<uint32_t>& sites, bool of_several_reports,
             const std::function<std::string(const Site&)>& figures);
  // What a list of `count` entries leaves out where `shown` are the most.
  void rest(size_t count, size_t shown);
  void rest(size_t count) { rest(count, options_.top); }

 private:
  void stack_line(const StackLine& frame, const std::string& indent);

  const SummaryOptions& options_;
  const Style style_;
  std::string text_;
};

// "device memory, device 0, cudaMalloc"; of memory that is not CUDA's its name alone.
std::string memory_text(const std::string& memory, const std::string& device, const std::string& call);

// ", taking 64.0 KiB" where pitch and rounding make a difference that can be seen.
std::string taking_text(uint64_t bytes, uint64_t taken_bytes);

}  // namespace weir::cli
