// The files that were mapped, by path. Used under the mapping table's lock only.
#pragma once

#include <cstddef>

#include "track/mapping_table.h"

namespace weir::track {

MappedFile* intern_file(const char* path, size_t length);

MappedFile* first_file();
MappedFile* file_after(const MappedFile* file);

// Counts start again at zero; the paths are kept, because live mappings may point to them.
void clear_file_counts();

}  // namespace weir::track
