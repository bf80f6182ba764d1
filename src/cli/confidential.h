// --confidential: a report that may be given away.
#pragma once

#include "cli/report_file.h"

namespace weir::cli {

// Takes away folders, arguments and host names: of each path its last part is left, of a process's arguments nothing. Functions, lines, build
// ids and figures stay, and so what finishes a report elsewhere. The report then says `confidential`.
void hide_private(Json& report);

// Whether that was done: who finishes it has it done once more.
bool is_confidential(const Json& report);

}  // namespace weir::cli
