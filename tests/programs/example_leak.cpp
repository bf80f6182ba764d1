// The leaking example of scripts/demo: a mill that forgets its flour, 250 buckets of 1 KiB, and one ledger of 64 KiB.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

constexpr int kBuckets = 250;
constexpr size_t kBucketBytes = 1024, kLedgerBytes = 65536;

class Mill {
 public:
  // Each bucket is filled and, but for the last, forgotten.
  void grind(int buckets) {
    for (int i = 0; i < buckets; ++i) {
      last_ = fill_bucket();
      log_.push_back("bucket " + std::to_string(i));
    }
  }
  size_t logged() const { return log_.size(); }

 private:
  static char* fill_bucket() {
    char* bucket = new char[kBucketBytes];
    bucket[0] = 'f';
    return bucket;
  }

  char* last_ = nullptr;
  std::vector<std::string> log_;  // freed with the mill: no leak
};

void open_ledger() {
  void* ledger = std::malloc(kLedgerBytes);
  asm volatile("" : : "r"(ledger) : "memory");  // the compiler must not drop the call
}

}  // namespace

int main() {
  Mill mill;
  open_ledger();
  mill.grind(kBuckets);
  std::printf("ground %zu buckets\n", mill.logged());
}
