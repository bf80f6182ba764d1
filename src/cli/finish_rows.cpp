#include "cli/finish_rows.h"

#include <algorithm>
#include <utility>

#include "cli/confidential.h"
#include "cli/cuda_calls.h"
#include "cli/json_access.h"

namespace weir::cli {
namespace {

constexpr size_t kRowsAtOnce = 8192;  // whose stacks, as JSON, are some megabytes

// Calls of CUDA's runtime, by which the program made them.
void name_short_lists(CompactReport& report, Json& large) {
  Json& parts = report.parts();
  Json excerpt = report.excerpt({{"errors", array_of(parts, "errors")},
                                 {"out_of_memory", array_of(parts, "out_of_memory")},
                                 {"transfers", array_of(child(parts, "cuda"), "transfers")},
                                 {"large", large}});
  excerpt["cuda"]["transfers"] = excerpt["transfers"];
  name_cuda_calls(excerpt);
  if (parts.contains("errors")) take_names(parts["errors"], excerpt["errors"]);
  if (parts.contains("out_of_memory")) take_names(parts["out_of_memory"], excerpt["out_of_memory"]);
  if (child(parts, "cuda").contains("transfers")) take_names(parts["cuda"]["transfers"], excerpt["cuda"]["transfers"]);
  take_names(large, excerpt["large"]);
}

}  // namespace

void take_names(Json& rows, const Json& named) {
  for (size_t i = 0; i < std::min(rows.size(), named.size()); ++i) {
    for (const char* key : {"call", "alloc_call", "family"}) {
      if (rows[i].contains(key)) rows[i][key] = named[i][key];
    }
  }
}

void finish_rows(CompactReport& report, RawRows& leaks, Json& large) {
  const bool is_private = is_confidential(report.parts());
  name_leaks(report, leaks, [is_private](Json& excerpt) {
    name_what_is_known(excerpt);
    if (is_private) hide_private(excerpt);
  });
  name_short_lists(report, large);
  if (is_private) hide_private(report.parts());
}

void name_leaks(CompactReport& report, RawRows& leaks, const std::function<void(Json& excerpt)>& name) {
  Json& parts = report.parts();
  size_t begin = 0;
  do {  // once where there are no leaks: suppressions are looked at all the same
    const size_t end = std::min(begin + kRowsAtOnce, leaks.size());
    Json rows = Json::array();
    for (size_t i = begin; i < end; ++i) rows.push_back(leaks.json_of(i));
    Json excerpt = report.excerpt({{"leaks", std::move(rows)}});
    name(excerpt);
    for (size_t i = begin; i < end; ++i) leaks.set_labels(i, excerpt["leaks"][i - begin]);
    if (excerpt.contains("leak_check")) parts["leak_check"] = excerpt["leak_check"];  // the next ones are added to it
    if (begin == 0)
      parts["warnings"].insert(parts["warnings"].end(), excerpt["warnings"].begin(), excerpt["warnings"].end());
    begin = end;
  } while (begin < leaks.size());
}

}  // namespace weir::cli
