// Host functions for the kernels of tests and examples: see ../driver/kernels.h.
extern "C" {

// scale(float* values, float factor, int count)
extern const unsigned simcuda_arguments_scale = 3;
void simcuda_kernel_scale(void** arguments, const unsigned*, const unsigned*) {
  auto* const values = *static_cast<float**>(arguments[0]);
  const float factor = *static_cast<float*>(arguments[1]);
  const int count = *static_cast<int*>(arguments[2]);
  for (int i = 0; i < count; ++i) values[i] *= factor;
}
}
