// What the programs' kernels do, for the simulated device (tests/simcuda/driver/kernels.h).
namespace {
template <class Value>
Value argument(void** arguments, int index) {
  return *static_cast<Value*>(arguments[index]);
}
}  // namespace

extern "C" {
extern const unsigned simcuda_arguments_scale = 3;
void simcuda_kernel_scale(void** arguments, const unsigned*, const unsigned*) {
  auto* const values = argument<float*>(arguments, 0);
  const auto factor = argument<float>(arguments, 1);
  for (int i = 0; i < argument<int>(arguments, 2); ++i) values[i] *= factor;
}

extern const unsigned simcuda_arguments_multiply = 4;
void simcuda_kernel_multiply(void** arguments, const unsigned*, const unsigned*) {
  const auto* const left = argument<const float*>(arguments, 0);
  const auto* const right = argument<const float*>(arguments, 1);
  auto* const product = argument<float*>(arguments, 2);
  const int side = argument<int>(arguments, 3);
  for (int row = 0; row < side; ++row) {
    for (int column = 0; column < side; ++column) {
      float sum = 0;
      for (int k = 0; k < side; ++k) sum += left[row * side + k] * right[k * side + column];
      product[row * side + column] = sum;
    }
  }
}
}
