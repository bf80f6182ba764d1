// The report's file: written under a temporary name beside its place and renamed when whole, so that a killed program
// leaves a whole report or none, and never over anything that is there. Raw system calls only.
#pragma once

#include <cstddef>
#include <cstdint>

#include "report/report_path.h"

namespace weir::report {

struct FileRequest {
  const char* pattern;  // WEIR_REPORT
  PathFacts facts;
  const char* replaced_path = nullptr;  // the place, of an earlier report of this process; nullptr: by the pattern
  bool overwrite;                       // replace what has the name, a symbolic link itself rather than its target
};

// One report's file, from open() to commit(). Holds a descriptor of 3 or more, close-on-exec: one of 0 to 2, free
// because the program closed it, would receive what the program prints. Large: keep it off the program's stack.
class ReportFile {
 public:
  // Creates missing folders (0777 less umask) and the temporary file (0600). 0, or a positive errno; path() then names
  // what could not be made.
  int open(const FileRequest& request);

  // Gives the file its name, the first that is free; path() is then that name. 0, or a positive errno and the temporary
  // file is gone.
  int commit(const FileRequest& request);

  // Removes the temporary file.
  void discard();

  int fd() const { return fd_; }
  const char* path() const { return path_; }

  // The largest size that writing may reach without the kernel's SIGXFSZ, which would kill the program; bytes.
  static uint64_t size_limit();

 private:
  int expand(const FileRequest& request, uint64_t counter);
  int create_folders();
  int create_temporary();
  int place_without_overwriting();

  int fd_ = -1;
  char path_[kMaxPath];
  char temporary_[kMaxPath];
};

}  // namespace weir::report
