#include "track/timeline.h"

namespace weir::track {

constinit Timeline timeline;
std::atomic<uint64_t> next_point_tick{kNoTick};

}  // namespace weir::track
