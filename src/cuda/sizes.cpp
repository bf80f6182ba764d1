#include "cuda/sizes.h"

#include <algorithm>

namespace weir::cuda {
namespace {

constexpr unsigned kBitsPerByte = 8;

// Formats whose bits depend on the number of channels: bits of one channel.
unsigned bits_of_channel(int format) {
  switch (format) {
    case 0x01:  // UNSIGNED_INT8
    case 0x08:  // SIGNED_INT8
      return 8;
    case 0x02:  // UNSIGNED_INT16
    case 0x09:  // SIGNED_INT16
    case 0x10:  // HALF
      return 16;
    case 0x03:  // UNSIGNED_INT32
    case 0x0a:  // SIGNED_INT32
    case 0x20:  // FLOAT
      return 32;
    default:
      return 0;
  }
}

// Formats that are whole elements: normalised integers of 1, 2 and 4 channels, blocks of 4x4 pixels, 10-bit colour.
unsigned bits_of_whole(int format) {
  constexpr int kUnorm8 = 0xc0, kUnorm16 = 0xc3, kSnorm8 = 0xc6, kSnorm16 = 0xc9, kSnormEnd = 0xcc;
  constexpr unsigned kChannels[] = {1, 2, 4};
  if (format >= kUnorm8 && format < kSnormEnd) {
    const int group = (format - kUnorm8) / 3;
    return kChannels[(format - kUnorm8) % 3] * (group == 0 || group == (kSnorm8 - kUnorm8) / 3 ? 8U : 16U);
  }
  static_assert((kUnorm16 - kUnorm8) / 3 == 1 && (kSnorm16 - kUnorm8) / 3 == 3);
  if (format == 0x50) return 32;                                                       // UNORM_INT_101010_2
  if (format == 0x91 || format == 0x92 || format == 0x97 || format == 0x98) return 4;  // BC1, BC4: 8 bytes a block
  if (format >= 0x93 && format <= 0x9e) return 8;                                      // BC2, BC3, BC5 to BC7
  return 0;
}

// Planar and packed video formats by their bits per pixel.
unsigned bits_of_video(int format) {
  switch (format) {
    case 0xb0:  // NV12
      return 12;
    case 0xa2:  // NV16
    case 0xa4:  // YUY2
      return 16;
    case 0x9f:  // P010
    case 0xa1:  // P016
    case 0xb2:  // Y444_PLANAR8
    case 0xb4:  // YUV444_8bit_SemiPlanar
      return 24;
    case 0xa3:  // P210
    case 0xa5:  // Y210
    case 0xa6:  // Y216
    case 0xa7:  // AYUV
    case 0xa8:  // Y410
    case 0xa9:
      return 32;
    case 0xb3:  // Y444_PLANAR10
    case 0xb5:  // YUV444_16bit_SemiPlanar
      return 48;
    case 0xb1:  // Y416
      return 64;
    default:
      return 0;
  }
}

uint64_t extent(uint64_t value) { return value == 0 ? 1 : value; }

}  // namespace

unsigned bits_of_element(int format, unsigned channels) {
  if (const unsigned bits = bits_of_channel(format); bits != 0) return bits * channels;
  const unsigned whole = bits_of_whole(format);
  return whole != 0 ? whole : bits_of_video(format);
}

uint64_t array_bytes(uint64_t width, uint64_t height, uint64_t depth, int format, unsigned channels) {
  uint64_t elements = 0;
  uint64_t bits = 0;
  if (__builtin_mul_overflow(extent(width), extent(height), &elements)) return 0;
  if (__builtin_mul_overflow(elements, extent(depth), &elements)) return 0;
  if (__builtin_mul_overflow(elements, uint64_t{bits_of_element(format, channels)}, &bits)) return 0;
  return bits / kBitsPerByte + (bits % kBitsPerByte != 0);
}

uint64_t mipmapped_bytes(const Array3DShape& shape, unsigned levels) {
  constexpr unsigned kArrayLayered = 1, kArrayCubemap = 4;  // depth then counts layers, which all levels have
  const bool has_layers = (shape.flags & (kArrayLayered | kArrayCubemap)) != 0;
  uint64_t bytes = 0;
  for (unsigned level = 0; level < levels && level < 64; ++level) {
    const auto at_level = [level](uint64_t value) { return value == 0 ? 0 : std::max<uint64_t>(value >> level, 1); };
    const uint64_t depth = has_layers ? shape.depth : at_level(shape.depth);
    bytes += array_bytes(at_level(shape.width), at_level(shape.height), depth, shape.format, shape.channels);
  }
  return bytes;
}

}  // namespace weir::cuda
