// Where the reports of one `weir run` go, and which they are once it is over.
#pragma once

#include <set>
#include <string>
#include <vector>

namespace weir::cli {

class ReportPlace {
 public:
  // `pattern`: what the user asked for (a path pattern or "off"); empty: a fresh folder ./weir.PROGRAM.PID, or below
  // $TMPDIR where the current folder cannot be written. Throws Error(kExitOwnFailure) where neither can be made.
  ReportPlace(const std::string& pattern, const std::string& program);

  bool off() const { return pattern_ == "off"; }
  // The value of WEIR_REPORT for the program.
  const std::string& pattern() const { return pattern_; }

  // Once the program has ended: its reports, in a lasting place. Of the fresh folder a single report is moved beside it, to
  // weir.PROGRAM.PID.json, and the folder removed; several stay in it, and one that has snapshots does. Without these: they are no
  // processes of their own.
  std::vector<std::string> collect();
  // The fresh folder where it remained; else empty.
  const std::string& folder() const { return folder_; }

 private:
  void make_folder(const std::string& program);
  void move_single(std::string& report);

  std::string pattern_;
  std::string folder_;           // empty where the user gave the pattern
  std::set<std::string> older_;  // what matched the user's pattern before: name, inode and time of change
};

}  // namespace weir::cli
