// What an errno value means, in words of our own: the libc's strerror translates, and may allocate.
#pragma once

namespace weir::report {

const char* error_text(int error);  // "error" for what has no words here

}  // namespace weir::report
