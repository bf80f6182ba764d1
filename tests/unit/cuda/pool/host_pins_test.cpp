#include "cuda/pool/host_pins.h"

#include <gtest/gtest.h>

#include "cuda/handlers_copy.h"
#include "cuda/pool/memory_limit.h"

namespace weir::cuda {
namespace {

TEST(HostPinReleases, AreComparedByTheirNumbers) {
  EXPECT_TRUE(pool::is_release_from("5.12.0-1-amd64", 5, 12));
  EXPECT_TRUE(pool::is_release_from("5.13", 5, 12));
  EXPECT_TRUE(pool::is_release_from("6.1.0-9-amd64", 5, 12));
  EXPECT_TRUE(pool::is_release_from("10.0", 5, 12));
  EXPECT_FALSE(pool::is_release_from("5.9.0", 5, 12));
  EXPECT_FALSE(pool::is_release_from("5.11.22", 5, 12));
  EXPECT_FALSE(pool::is_release_from("4.18.0-553.el8_10.x86_64", 5, 12));
  EXPECT_FALSE(pool::is_release_from("", 5, 12));
}

TEST(HostPinMemory, IsKnown) {
  const pool::HostMemory memory = pool::host_memory();
  EXPECT_GT(memory.available_bytes, 0u);
  EXPECT_GE(memory.most_bytes, memory.available_bytes);
}

TEST(HostPinShapes, ARangeIsFromTheFirstByteToTheLast) {
  Memcpy3D shape{};
  shape.src_type = kMemoryHost;
  shape.src_host = reinterpret_cast<const void*>(0x1000);
  shape.src_pitch = 100;
  shape.src_height = 50;
  shape.src_x = 3, shape.src_y = 2, shape.src_z = 1;
  shape.dst_type = kMemoryDevice;
  shape.dst_device = 0x2000;
  shape.width_bytes = 10, shape.height = 4, shape.depth = 2;
  const pool::HostEnds ends = host_ends_of_shape(shape);
  EXPECT_EQ(ends.ranges[0].address, 0x1000u + 5000 + 200 + 3);
  EXPECT_EQ(ends.ranges[0].bytes, 5000u + 300 + 10);
  EXPECT_EQ(ends.ranges[1].bytes, 0u);
  EXPECT_FALSE(ends.may_register);
}

TEST(HostPinShapes, WithoutAPitchRowsHaveNoGaps) {
  Memcpy2D shape{};
  shape.src_type = kMemoryDevice;
  shape.dst_type = kMemoryUnified;
  shape.dst_device = 0x5000;
  shape.width_bytes = 64, shape.height = 8;
  EXPECT_EQ(host_ends_of_shape(shape).ranges[1].address, 0x5000u);
  EXPECT_EQ(host_ends_of_shape(shape).ranges[1].bytes, 512u);
  shape.height = 0;
  EXPECT_EQ(host_ends_of_shape(shape).ranges[1].bytes, 0u);
}

}  // namespace
}  // namespace weir::cuda
