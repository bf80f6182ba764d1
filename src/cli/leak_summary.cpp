#include "cli/leak_summary.h"

#include <algorithm>
#include <map>

namespace weir::cli {
namespace {

using Sites = std::vector<const Site*>;

struct Sum {
  uint64_t bytes = 0, count = 0;
};

Sum sum_of(const Sites& sites) {
  Sum sum;
  for (const Site* site : sites) {
    sum.bytes += site->bytes;
    sum.count += site->count;
  }
  return sum;
}

std::string text_of(const Sum& sum) { return human_bytes(sum.bytes) + " in " + plural(sum.count, "block"); }

class LeakWriter {
 public:
  LeakWriter(SummaryPage& page, const Digest& digest) : page_(page), digest_(digest) {
    for (const Site& site : digest.leaks().sites())
      (site.runtime.empty() ? sites_[site.kind] : runtime_).push_back(&site);
    for (auto& [kind, sites] : sites_) {
      std::stable_sort(sites.begin(), sites.end(), [](const Site* a, const Site* b) { return a->bytes > b->bytes; });
    }
  }

  void write() {
    write_lost();
    write_kind("possible", "Possibly lost", "no pointer to their start is left");
    write_kind("reachable", "Still reachable at exit", "");
    write_kind("live", "Still allocated at exit", "");
    write_runtime_allocations();
  }

 private:
  // Whether any report tells lost blocks from others.
  bool has_classes() const { return sites_.count("live") == 0; }
  const char* about() const { return digest_.sampling().mean_bytes > 0 ? "about " : ""; }

  // What only lost blocks lead to is told with them.
  void write_lost() {
    const Sum hanging = sum_of(sites_["indirect"]);
    if (sites_["definite"].empty() && hanging.count == 0) {
      if (has_classes()) page_.heading(page_.style().green("No leaks."));
      return;
    }
    page_.heading("Lost: " + page_.style().red(text_of(sum_of(sites_["definite"]))) + " from " +
                  plural(sites_["definite"].size(), "place") +
                  (hanging.count == 0 ? "" : ", and " + text_of(hanging) + " that only they lead to"));
    write_sites(sites_["definite"]);
  }

  void write_kind(const char* kind, const std::string& heading, const std::string& why) {
    const Sites& sites = sites_[kind];
    if (sites.empty()) return;
    page_.heading(heading + ": " + about() + text_of(sum_of(sites)) + " from " + plural(sites.size(), "place") +
                  (why.empty() ? "" : page_.style().dim(" (" + why + ")")));
    write_sites(sites);
  }

  void write_sites(const Sites& sites) {
    page_.sites(sites, digest_.reports().size() > 1, [this](const Site& site) {
      const Sum hanging{site.indirect_bytes, site.indirect_count};
      return (site.memory == "host" ? about() : "") + human_bytes(site.bytes) + " in " + plural(site.count, "block") +
             taking_text(site.bytes, site.taken_bytes) + (hanging.count == 0 ? "" : ", leading to " + text_of(hanging));
    });
  }

  void write_runtime_allocations() {
    if (runtime_.empty()) return;
    std::map<std::string, uint64_t> bytes_by_name;
    for (const Site* site : runtime_) bytes_by_name[site->runtime] += site->bytes;
    std::string names;
    for (const auto& [name, its_bytes] : bytes_by_name)
      names += (names.empty() ? "" : ", ") + name + " " + human_bytes(its_bytes);
    page_.line(page_.style().dim("  Runtime allocations, kept until exit by design: " + text_of(sum_of(runtime_)) +
                                 " (" + names + ")"));
  }

  SummaryPage& page_;
  const Digest& digest_;
  std::map<std::string, Sites> sites_;  // by kind, most bytes first
  Sites runtime_;
};

}  // namespace

void write_leaks(SummaryPage& page, const Digest& digest) { LeakWriter(page, digest).write(); }

}  // namespace weir::cli
