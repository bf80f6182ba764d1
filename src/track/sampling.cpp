#include "track/sampling.h"

#include <cstring>

namespace weir::track {

uint64_t sampling_mean;

namespace {

constexpr uint64_t kMultiplier = 0x9e3779b97f4a7c15;
constexpr double kLog2 = 0.69314718055994530942;
constexpr int kDoubleBits = 53;

uint64_t mix(uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

// From 0 (included) to 1 (excluded).
double fraction_of(uint64_t random) {
  return static_cast<double>(random >> (64 - kDoubleBits)) / static_cast<double>(uint64_t{1} << kDoubleBits);
}

// xorshift64*
uint64_t next_random(uint64_t& state) {
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return state * 0x2545f4914f6cdd1d;
}

// The natural logarithm of a normal positive number: its exponent, and the series of artanh for the rest. The library may need
// no symbol of libm.
double logarithm(double value) {
  uint64_t bits = 0;
  memcpy(&bits, &value, sizeof bits);
  constexpr int kMantissaBits = 52, kBias = 1023, kTerms = 25;
  const auto exponent = static_cast<int>(bits >> kMantissaBits) - kBias;
  bits = (bits & ((uint64_t{1} << kMantissaBits) - 1)) | uint64_t{kBias} << kMantissaBits;
  double mantissa = 0;  // from 1 to 2
  memcpy(&mantissa, &bits, sizeof mantissa);
  const double ratio = (mantissa - 1) / (mantissa + 1);
  double power = ratio, sum = 0;
  for (int i = 1; i <= kTerms; i += 2, power *= ratio * ratio) sum += power / i;
  return exponent * kLog2 + 2 * sum;
}

// exp(x) - 1 for x from 0 to 64: the series for a small part of x, doubled back.
double exponential_less_one(double x) {
  int doublings = 0;
  for (; x > 1.0 / 16; x /= 2) ++doublings;
  double term = x, sum = 0;
  for (int i = 2; i <= 10; term *= x / i, ++i) sum += term;
  for (; doublings > 0; --doublings) sum *= sum + 2;
  return sum;
}

// 1 / (1 - exp(-x)): the inverse of a block's chance to be drawn.
double weight_factor(double x) {
  constexpr double kSurelyDrawn = 50;
  return x >= kSurelyDrawn ? 1 : 1 + 1 / exponential_less_one(x);
}

}  // namespace

uint64_t random_seed(const void* process_random, core::ThreadId thread) {
  uint64_t words[2] = {0, 0};
  if (process_random != nullptr) memcpy(words, process_random, sizeof words);
  const uint64_t seed = mix(words[0] ^ mix(words[1] + core::index_of(thread) * kMultiplier));
  return seed == 0 ? kMultiplier : seed;
}

int64_t draw_distance(uint64_t& random_state, uint64_t mean) {
  if (mean == kNeverDrawn) return INT64_MAX;
  const double above_zero = 1 - fraction_of(next_random(random_state));
  return static_cast<int64_t>(-logarithm(above_zero) * static_cast<double>(mean));
}

// The count is whole: its fraction is decided by what the block's record holds as long as it lives.
Weight weigh(uintptr_t address, size_t bytes, uint64_t tick, uint64_t mean) {
  const double factor = weight_factor(static_cast<double>(drawn_bytes(bytes)) / static_cast<double>(mean));
  const auto whole = static_cast<uint64_t>(factor);
  const bool one_more = fraction_of(mix(address * kMultiplier ^ tick)) < factor - static_cast<double>(whole);
  return {whole + one_more, static_cast<uint64_t>(static_cast<double>(bytes) * factor + 0.5)};
}

}  // namespace weir::track
