// The stacks of a running program that hold most, and how they grow: from quick snapshots, for which nothing is stopped.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "cli/watched_process.h"
#include "symbolize/report.h"

namespace weir::cli {

class TopStacks {
 public:
  // What is told in the same words, whatever stacks it has.
  struct Row {
    std::string memory, path;  // the innermost functions, "allocate (/src/a.c:7) < fill < main"
    uint64_t bytes = 0, count = 0;
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
  std::map<std::string, uint64_t> first_bytes_;  // by memory and path
  std::vector<Row> rows_;
  std::chrono::steady_clock::time_point when_;
  std::chrono::steady_clock::duration cost_{};
  std::string why_none_;
};

}  // namespace weir::cli
