#include "report/error_text.h"

#include <errno.h>

namespace weir::report {

const char* error_text(int error) {
  switch (error) {
    case EACCES:
      return "permission denied";
    case EBADF:
      return "its descriptor was closed";
    case EDQUOT:
      return "the disk quota is used up";
    case EEXIST:
      return "the name is taken";
    case EFBIG:
      return "the file would be too large (ulimit -f)";
    case EINVAL:
      return "not a valid name there";
    case EIO:
      return "input/output error";
    case EISDIR:
      return "it is a folder";
    case ELOOP:
      return "too many symbolic links";
    case EMFILE:
      return "the process has no descriptor left";
    case ENAMETOOLONG:
      return "the name is too long";
    case ENFILE:
      return "the system has no descriptor left";
    case ENOENT:
      return "no such file or folder";
    case ENOMEM:
      return "no memory for it";
    case ENOSPC:
      return "no space left on the device";
    case ENOTDIR:
      return "a part of the path is not a folder";
    case EPERM:
      return "operation not permitted";
    case EROFS:
      return "read-only file system";
    default:
      return "error";
  }
}

}  // namespace weir::report
