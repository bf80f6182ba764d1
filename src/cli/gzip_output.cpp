#include "cli/gzip_output.h"

#include <array>

#include "cli/error.h"

namespace weir::cli {

GzipOutput::GzipOutput(Output& output) : output_(output) {
  constexpr int kGzip = 16, kWindowBits = 15, kMemoryLevel = 8;  // zlib.h, deflateInit2
  if (deflateInit2(&stream_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kWindowBits + kGzip, kMemoryLevel,
                   Z_DEFAULT_STRATEGY) != Z_OK)
    throw Error(kExitOwnFailure, "export: there is no memory to compress with");
}

void GzipOutput::compress(std::string_view text, int flush) {
  std::array<unsigned char, 16384> compressed;
  stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream_.avail_in = static_cast<uInt>(text.size());
  do {
    stream_.next_out = compressed.data();
    stream_.avail_out = static_cast<uInt>(compressed.size());
    deflate(&stream_, flush);  // fails for wrong arguments alone
    output_.write({reinterpret_cast<char*>(compressed.data()), compressed.size() - stream_.avail_out});
  } while (stream_.avail_out == 0);
}

}  // namespace weir::cli
