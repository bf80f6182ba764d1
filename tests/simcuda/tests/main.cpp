#include <gtest/gtest.h>

#include <cstdlib>

#include "other_process.h"

int main(int count, char** arguments) {
  if (const int status = count > 1 ? simcuda::play_role(arguments[1]) : -1; status >= 0) return status;
  setenv("SIMCUDA_DEVICES", "2", 0);
  testing::InitGoogleTest(&count, arguments);
  return RUN_ALL_TESTS();
}
