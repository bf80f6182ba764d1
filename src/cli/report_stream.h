// A report read value by value, so that one of any length costs the memory of what is kept of it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/report_file.h"
#include "cli/report_input.h"

namespace weir::cli {

// What is to become of the value of a top-level key. Without `take` it is passed over.
struct ReportPart {
  bool by_element = false;                // of an array: hand over its elements, one after another
  std::function<void(Json&)> take;        // the value, which is the taker's
  std::vector<std::string> without = {};  // members of what is taken, value or element, that nobody needs
};

// Asked for each top-level key in the order of the file.
using ChooseParts = std::function<ReportPart(const std::string& key)>;

// Thrown by a taker that needs nothing more of the file.
struct StopReading {};

// Reads the file once, from front to back. Throws Error(kExitBadReport), whose one line names the file and the byte, for what is no JSON and for a file
// that ends too early, for another schema or none, and where `by_element` meets no array.
void stream_report(const std::string& path, const ChooseParts& choose);
void stream_report(const OpenReport& file, const ChooseParts& choose);

}  // namespace weir::cli
