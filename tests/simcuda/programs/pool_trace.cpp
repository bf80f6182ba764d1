// A random trace of allocations of all sizes, held below a share of the device's memory: is there always room?
//
//   cuda_pool_trace OPERATIONS SEED PERCENT
//
// Sizes are from 1 byte to 4 GiB, each power of two as often as any other; of ten operations seven allocate. What is live, in the driver's
// own granules, stays below PERCENT of the device, so that the driver alone is never out of memory. Nothing is written to. ns_per_operation is
// how long one allocation or free took, in nanoseconds, as the mean of all.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <random>
#include <vector>

#include "must.h"

namespace {

constexpr double kLargest = 32;  // as a power of two
constexpr unsigned kAllocationPercent = 73;

struct Block {
  CUdeviceptr address;
  size_t taken;
};

// What the driver takes for a request.
size_t taken_for(size_t bytes) {
  const size_t granule = bytes > kMiB ? 2 * kMiB : 512;
  return (bytes + granule - 1) / granule * granule;
}

class Trace {
 public:
  Trace(uint64_t seed, size_t most) : random_(seed), most_(most) {}

  void run(uint64_t operations) {
    const auto begin = std::chrono::steady_clock::now();
    while (done_ < operations) {
      if (blocks_.empty() || random_() % 100 < kAllocationPercent) {
        allocate(static_cast<size_t>(std::exp2(std::uniform_real_distribution<>(0, kLargest)(random_))));
      } else {
        free_one();
      }
    }
    taken_ = std::chrono::steady_clock::now() - begin;
  }

  void print() const {
    std::printf("{\"operations\":%lu,\"allocations\":%lu,\"out_of_memory\":%lu,\"peak_live_bytes\":%zu,", done_,
                allocations_, out_of_memory_, peak_);
    std::printf("\"ns_per_operation\":%.0f}\n", taken_.count() / static_cast<double>(done_));
  }

 private:
  void allocate(size_t bytes) {
    const size_t taken = taken_for(bytes);
    while (live_ + taken > most_) free_one();
    Block block{0, taken};
    ++done_;
    ++allocations_;
    const CUresult result = cuMemAlloc_v2(&block.address, bytes);
    if (result == CUDA_ERROR_OUT_OF_MEMORY) {
      ++out_of_memory_;
      return;
    }
    MUST(result);
    blocks_.push_back(block);
    live_ += taken;
    peak_ = std::max(peak_, live_);
  }

  void free_one() {
    const size_t index = random_() % blocks_.size();
    MUST(cuMemFree_v2(blocks_[index].address));
    ++done_;
    live_ -= blocks_[index].taken;
    blocks_[index] = blocks_.back();
    blocks_.pop_back();
  }

  std::mt19937_64 random_;
  const size_t most_;
  std::vector<Block> blocks_;
  size_t live_ = 0, peak_ = 0;
  std::chrono::duration<double, std::nano> taken_{};
  uint64_t done_ = 0, allocations_ = 0, out_of_memory_ = 0;
};

}  // namespace

int main(int count, char** arguments) {
  if (count != 4) return 2;
  MUST(cuInit(0));
  enter(0);
  size_t total_bytes = 0;
  MUST(cuMemGetInfo_v2(nullptr, &total_bytes));
  Trace trace(strtoull(arguments[2], nullptr, 0), total_bytes / 100 * strtoull(arguments[3], nullptr, 0));
  trace.run(strtoull(arguments[1], nullptr, 0));
  trace.print();
  return 0;
}
