#include "cli/summary_page.h"

#include <algorithm>

namespace weir::cli {

void SummaryPage::row(const std::string& label, const std::string& text) {
  std::string padded = label;
  padded.resize(std::max<size_t>(padded.size(), 12), ' ');
  line("  " + style_.dim(padded) + text);
}

void SummaryPage::sites(const SiteTable& table, const std::vector<uint32_t>& sites, bool of_several_reports,
                        const std::function<std::string(const Site&)>& figures) {
  for (size_t i = 0; i < sites.size() && i < options_.top; ++i) {
    const Site site = table.site(sites[i]);
    line("  " + style_.cyan(figures(site)) +
         (site.memory == "host" ? "" : "  (" + memory_text(site.memory, site.device, site.call) + ")") +
         (of_several_reports ? style_.dim("  in " + plural(site.report_count, "process")) : ""));
    stack(site.stack);
  }
  rest(sites.size());
}

void SummaryPage::rest(size_t count, size_t shown) {
  if (count > shown) line(style_.dim("  and " + human_count(count - shown) + " more (--top N shows them)"));
}

void SummaryPage::stack(const std::vector<StackLine>& stack, size_t indent) {
  const std::string space(indent, ' ');
  if (stack.empty()) line(space + style_.dim("(the stack is not known)"));
  const size_t shown = options_.depth == 0 ? stack.size() : std::min(stack.size(), options_.depth);
  for (size_t i = 0; i < shown; ++i) stack_line(stack[i], space);
  if (shown < stack.size()) line(space + style_.dim("... " + plural(stack.size() - shown, "more frame")));
}

void SummaryPage::stack_line(const StackLine& frame, const std::string& indent) {
  const std::string function = options_.width == 0 ? frame.function : shorten_function(frame.function, options_.width);
  const std::string mark = frame.inlined ? " (inlined)" : "";
  if (frame.noise) {
    line(indent + style_.dim(function + (function.empty() ? "" : "  ") + frame.place));
  } else if (function.empty()) {
    line(indent + frame.place + style_.dim(mark));
  } else {
    line(indent + style_.bold(function) + style_.dim(mark) + "  " + frame.place);
  }
}

std::string memory_text(const std::string& memory, const std::string& device, const std::string& call) {
  if (memory == "host" || memory == "mmap") return memory;
  return memory + " memory" + (device.empty() ? "" : ", device " + device) + (call.empty() ? "" : ", " + call);
}

std::string taking_text(uint64_t bytes, uint64_t taken_bytes) {
  const std::string taken = human_bytes(taken_bytes);
  return taken_bytes > bytes && taken != human_bytes(bytes) ? ", taking " + taken : "";
}

}  // namespace weir::cli
