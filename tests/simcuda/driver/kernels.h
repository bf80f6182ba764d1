// Kernels do nothing but take their time, unless there is a host function for one: a function
//
//   extern "C" void simcuda_kernel_NAME(void** arguments, const unsigned grid[3], const unsigned block[3])
//   extern "C" const unsigned simcuda_arguments_NAME = how many arguments it has;
//
// in the library that SIMCUDA_KERNELS names, or in the program itself, where NAME is the kernel's own (mangled) name. It runs in the
// kernel's stream, once for the whole launch; arguments[i] is the address of the ith one, good until it returns.
#pragma once

namespace simcuda {
using KernelFunction = void (*)(void** arguments, const unsigned grid[3], const unsigned block[3]);
}  // namespace simcuda
