// Opens cuBLAS, which brings a CUDA runtime of its own, and prints what it answers.
#include <cublas_v2.h>
#include <stdio.h>

int main(void) {
  cublasHandle_t handle;
  printf("%d\n", (int)cublasCreate(&handle));
  return 3;
}
