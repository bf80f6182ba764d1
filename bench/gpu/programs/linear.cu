// Vectors, a matrix product, rows with a pitch, arrays: what is kept at the end is device and array memory.
#include <vector>

#include "kernels.h"
#include "ledger.h"

extern "C" __global__ void multiply(const float* left, const float* right, float* product, int side) {
  const int row = static_cast<int>(blockIdx.y * blockDim.y + threadIdx.y);
  const int column = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (row >= side || column >= side) return;
  float sum = 0;
  for (int k = 0; k < side; ++k) sum += left[row * side + k] * right[k * side + column];
  product[row * side + column] = sum;
}

namespace {

constexpr size_t kMiB = size_t{1} << 20;
Ledger ledger;

void* take(size_t bytes) {
  void* memory = nullptr;
  CHECK(cudaMalloc(&memory, bytes));
  ledger.took("device", bytes);
  return memory;
}

void give(void* memory, size_t bytes) {
  CHECK(cudaFree(memory));
  ledger.gave("device", bytes);
}

void scale_a_vector() {
  std::vector<float> values(100000);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 1000);
  const size_t bytes = values.size() * sizeof(float);
  auto* const on_device = static_cast<float*>(take(bytes));
  CHECK(cudaMemcpy(on_device, values.data(), bytes, cudaMemcpyHostToDevice));
  const int count = static_cast<int>(values.size());
  scale<<<blocks_for(count), kBlock>>>(on_device, 3, count);
  CHECK(cudaMemcpy(values.data(), on_device, bytes, cudaMemcpyDeviceToHost));
  give(on_device, bytes);
  double sum = 0;
  for (const float value : values) sum += value;
  printf("scaled vector: sum %.0f\n", sum);
  expect(sum == 3.0 * 999 * 1000 / 2 * 100, "the sum of the scaled vector");
}

void multiply_matrices() {
  constexpr int kSide = 128;
  const size_t bytes = sizeof(float) * kSide * kSide;
  std::vector<float> left(kSide * kSide), right(kSide * kSide), product(kSide * kSide);
  for (int i = 0; i < kSide * kSide; ++i) {
    left[i] = static_cast<float>(i % 7);
    right[i] = static_cast<float>(i % 5);
  }
  auto *const a = static_cast<float*>(take(bytes)), *const b = static_cast<float*>(take(bytes)),
              *const c = static_cast<float*>(take(bytes));
  CHECK(cudaMemcpy(a, left.data(), bytes, cudaMemcpyHostToDevice));
  CHECK(cudaMemcpy(b, right.data(), bytes, cudaMemcpyHostToDevice));
  multiply<<<dim3(kSide / 16, kSide / 16), dim3(16, 16)>>>(a, b, c, kSide);
  CHECK(cudaMemcpy(product.data(), c, bytes, cudaMemcpyDeviceToHost));
  for (void* const memory : {a, b, c}) give(memory, bytes);
  double sum = 0, wanted = 0;
  for (const float value : product) sum += value;
  for (int k = 0; k < kSide; ++k) {
    double column = 0, row = 0;
    for (int i = 0; i < kSide; ++i) {
      column += left[i * kSide + k];
      row += right[k * kSide + i];
    }
    wanted += column * row;
  }
  printf("matrix product: sum %.0f, middle %.0f\n", sum, product[kSide * kSide / 2]);
  expect(sum == wanted, "the sum of the product");
}

void churn() {
  std::vector<std::pair<void*, size_t>> held;
  for (size_t i = 0; i < 400; ++i) {
    const size_t bytes = (i * 7919) % (3 * kMiB) + 1;
    held.emplace_back(take(bytes), bytes);
    if (held.size() < 16) continue;
    const size_t at = (i * 31) % held.size();
    give(held[at].first, held[at].second);
    held.erase(held.begin() + static_cast<std::ptrdiff_t>(at));
  }
  for (const auto& [memory, bytes] : held) give(memory, bytes);
}

// Rows as long as the pitch: then no rounding stands between what was asked and what was given.
void use_rows_with_a_pitch() {
  constexpr size_t kRow = 1024, kRows = 50;
  std::vector<unsigned char> from(kRow * kRows), to(from.size());
  for (size_t i = 0; i < from.size(); ++i) from[i] = static_cast<unsigned char>(i * 13);
  void* rows = nullptr;
  size_t pitch = 0;
  CHECK(cudaMallocPitch(&rows, &pitch, kRow, kRows));
  expect(pitch == kRow, "the pitch");
  ledger.took("device", pitch * kRows);
  CHECK(cudaMemcpy2D(rows, pitch, from.data(), kRow, kRow, kRows, cudaMemcpyHostToDevice));
  CHECK(cudaMemcpy2D(to.data(), kRow, rows, pitch, kRow, kRows, cudaMemcpyDeviceToHost));
  give(rows, pitch * kRows);
  printf("rows with a pitch: %s\n", from == to ? "the same back" : "changed");
  expect(from == to, "rows with a pitch");
}

void use_arrays() {
  const cudaChannelFormatDesc channels = cudaCreateChannelDesc<float>();
  for (int i = 0; i < 3; ++i) {
    cudaArray_t array = nullptr;
    CHECK(cudaMallocArray(&array, &channels, 1024, 1024));
    ledger.took("array", 1024 * 1024 * sizeof(float));
    if (i == 0) continue;  // kept
    CHECK(cudaFreeArray(array));
    ledger.gave("array", 1024 * 1024 * sizeof(float));
  }
}

}  // namespace

int main() {
  scale_a_vector();
  multiply_matrices();
  ledger.all_set_up();
  churn();
  use_rows_with_a_pitch();
  use_arrays();
  for (const size_t bytes : {2 * kMiB, 6 * kMiB, 64 * kMiB, size_t{1000}}) CHECK(cudaMemset(take(bytes), 1, bytes));
  CHECK(cudaDeviceSynchronize());
  ledger.print();
  return 0;
}
