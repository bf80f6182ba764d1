// Figures of many processes in one.
#pragma once

#include "cli/report_file.h"

namespace weir::cli {

// Adds another process's `host` (or a part of it): counts and bytes are summed up, so that a peak is at most what was live at once; of times the
// largest stays, and what is one thing in both (a size class, a kind of mapping, a file) is one entry. Ratios are not touched.
void add_figures(Json& sum, const Json& other);

// Adds a list's entries to those of another by what names them, as `kind`, `path` or `pattern`; others are added as they are, once.
void add_entries(Json& sum, const Json& other);

// The ratios of a `host` from its sums (docs/report.md, host); and its lists of files no longer than a report's.
void settle_host(Json& host);

// Adds another report's `cuda` without its lists by stacks, its `leak_check`, its `sampling`.
void add_cuda(Json& sum, const Json& other);
void add_leak_check(Json& sum, const Json& other);
void add_sampling(Json& sum, const Json& other);

}  // namespace weir::cli
