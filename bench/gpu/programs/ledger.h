// What a program's own account says: it writes each allocation and release down here, and scripts/gpu-check holds Weir's report
// against the account. Results go to stdout, which must be the same with and without Weir; the account goes to stderr:
//
//   figure KIND ALLOC_COUNT ALLOC_BYTES FREE_COUNT FREE_BYTES    by the kinds of the report: device, managed, pinned, ...
//   live KIND COUNT BYTES                                        where only what is left is the program's to say
//   used FIRST LAST                                              bytes in use by cuMemGetInfo: all set up, and at the end
#pragma once

#include <cuda_runtime.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>
#include <string>

#define CHECK(call) check_call((call), #call, __LINE__)

inline void check_call(cudaError_t result, const char* call, int line) {
  if (result == cudaSuccess) return;
  fprintf(stderr, "line %d: %s: %s\n", line, call, cudaGetErrorName(result));
  exit(2);
}

// A result that is not what it must be ends the program.
inline void expect(bool holds, const char* what) {
  if (holds) return;
  fprintf(stderr, "wrong: %s\n", what);
  exit(1);
}

class Ledger {
 public:
  void took(const std::string& kind, size_t bytes) {
    Account& account = accounts_[kind];
    ++account.alloc_count;
    account.alloc_bytes += bytes;
  }
  void gave(const std::string& kind, size_t bytes) {
    Account& account = accounts_[kind];
    ++account.free_count;
    account.free_bytes += bytes;
  }

  void leaves_none(const std::string& kind) { left_.insert(kind); }

  // To call once the context is there and every kernel was launched: what is in use from then on is what was asked for.
  void all_set_up() {
    CHECK(cudaDeviceSynchronize());
    first_used_ = used_bytes();
  }

  void print() const {
    for (const auto& [kind, account] : accounts_) {
      fprintf(stderr, "figure %s %zu %zu %zu %zu\n", kind.c_str(), account.alloc_count, account.alloc_bytes,
              account.free_count, account.free_bytes);
    }
    for (const std::string& kind : left_) fprintf(stderr, "live %s 0 0\n", kind.c_str());
    fprintf(stderr, "used %zu %zu\n", first_used_, used_bytes());
  }

 private:
  struct Account {
    size_t alloc_count = 0, alloc_bytes = 0, free_count = 0, free_bytes = 0;
  };

  static size_t used_bytes() {
    size_t free_bytes = 0, total_bytes = 0;
    CHECK(cudaMemGetInfo(&free_bytes, &total_bytes));
    return total_bytes - free_bytes;
  }

  std::map<std::string, Account> accounts_;
  std::set<std::string> left_;
  size_t first_used_ = 0;
};
