#include "runtime/device_pool_settings.h"

#include "options/options.h"

namespace weir::runtime {
namespace {

using cuda::pool::Amount;
using cuda::pool::Mode;
using cuda::pool::Settings;

static_assert(options::kMostCudaPrewarmItems == cuda::pool::kMostPrewarmItems);

Amount amount_of(const options::Amount& amount) { return {amount.bytes, amount.share}; }

// WEIR_CUDA_POOL_MAX and WEIR_CUDA_POOL_FRACTION together.
Amount limit_of(const options::Options& options) {
  Amount limit = amount_of(options.cuda_pool_max);
  const double fraction = options.cuda_pool_fraction;
  if (fraction > 0 && !(limit.share > 0 && limit.share < fraction)) limit.share = fraction;
  return limit;
}

void take_prewarm_list(const char* list, Settings* settings) {
  settings->prewarm_share = options::take_prewarm_share(&list);
  for (size_t& count = settings->prewarm_count; count < cuda::pool::kMostPrewarmItems; ++count) {
    cuda::pool::PrewarmItem& item = settings->prewarm[count];
    if (!options::next_prewarm_item(&list, &item.bytes, &item.count)) return;
    if (settings->prewarm_share > 0) item.count = 0;
  }
}

}  // namespace

Mode pool_mode_of(unsigned choice) {
  switch (choice) {
    case options::kCudaPoolOn:
      return Mode::deferred;
    case options::kCudaPoolOff:
      return Mode::off;
    case options::kCudaPoolVmm:
      return Mode::vmm;
    default:
      return Mode::strict;
  }
}

unsigned pool_choice_of(Mode mode) {
  switch (mode) {
    case Mode::strict:
      break;
    case Mode::deferred:
      return options::kCudaPoolOn;
    case Mode::off:
      return options::kCudaPoolOff;
    case Mode::vmm:
      return options::kCudaPoolVmm;
  }
  return options::kCudaPoolStrict;
}

Settings pool_settings_from_options() {
  const options::Options& options = options::current();
  Settings settings{};
  settings.device_mode = pool_mode_of(options.cuda_pool);
  settings.pinned = options.pinned_pool;
  settings.initial_bytes = options.cuda_pool_initial;
  settings.most = limit_of(options);
  settings.most_idle = amount_of(options.cuda_pool_cache);
  settings.idle_ns = options.cuda_pool_idle;
  settings.trim_above = options.trim_on_pressure;
  settings.compact_above = options.compact_above;
  settings.warn_utilization = options.warn_utilization;
  settings.warn_fragmentation = options.warn_fragmentation;
  settings.most_pinned_bytes = options.pinned_pool_max;
  take_prewarm_list(options.cuda_pool_prewarm, &settings);
  return settings;
}

}  // namespace weir::runtime
