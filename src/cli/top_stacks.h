// The stacks of a running program that hold most, and how they grow: from quick snapshots, for which nothing is stopped.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "cli/site.h"
#include "cli/watched_process.h"
#include "symbolize/report.h"

namespace weir::cli {

class TopStacks {
 public:
  struct Row {
    Site site;
    int64_t grown_bytes = 0;  // since it was first seen
  };

  explicit TopStacks(WatchedProcess& process);
  ~TopStacks();
  TopStacks(const TopStacks&) = delete;
  TopStacks& operator=(const TopStacks&) = delete;

  // Takes a snapshot and keeps the `count` places that hold most, the most first.
  void refresh(size_t count);
  const std::vector<Row>& rows() const { return rows_; }
  std::chrono::steady_clock::time_point when() const { return when_; }
  std::chrono::steady_clock::duration cost() const { return cost_; }  // of the last one
  const std::string& why_none() const { return why_none_; }           // where the last one could not be had

 private:
  void read(const std::string& path, size_t count);

  WatchedProcess& process_;
  std::string folder_;  // the user's own, and gone with this
  symbolize::Symbolizer symbolizer_;
  std::map<std::string, uint64_t> first_bytes_;  // by the place's text
  std::vector<Row> rows_;
  std::chrono::steady_clock::time_point when_;
  std::chrono::steady_clock::duration cost_{};
  std::string why_none_;
};

}  // namespace weir::cli
