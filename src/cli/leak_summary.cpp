#include "cli/leak_summary.h"

#include <algorithm>
#include <map>

#include "cli/capped_sum.h"

namespace weir::cli {
namespace {

using Sites = std::vector<uint32_t>;  // by their numbers

struct Sum {
  uint64_t bytes = 0, count = 0;
};

std::string text_of(const Sum& sum) { return human_bytes(sum.bytes) + " in " + plural(sum.count, "block"); }

class LeakWriter {
 public:
  LeakWriter(SummaryPage& page, const Digest& digest) : page_(page), digest_(digest), leaks_(digest.leaks()) {
    for (uint32_t site = 0; site < leaks_.size(); ++site) list_of(leaks_.head(site)).push_back(site);
    for (auto& [kind, sites] : sites_) leaks_.sort_by_bytes(sites);
  }

  void write() {
    write_lost();
    write_kind("possible", "Possibly lost", "no pointer to their start is left");
    const std::string moment = moment_text(digest_.moment());
    write_kind("reachable", "Still reachable " + moment, "");
    write_kind("live", "Still allocated " + moment, "");
    write_by_name("Suppressed", suppressed_, &Site::suppressed);
    write_by_name("Runtime allocations, kept until exit by design", runtime_, &Site::runtime);
    write_by_name("Framework cache, in use or idle", cached_, &Site::framework_cache);
  }

 private:
  Sum sum_of(const Sites& sites) const {
    Sum sum;
    for (const uint32_t site : sites) {
      sum.bytes = capped_sum(sum.bytes, leaks_.bytes(site));
      sum.count = capped_sum(sum.count, leaks_.count(site));
    }
    return sum;
  }

  Sites& list_of(const Site& site) {
    if (!site.runtime.empty()) return runtime_;
    if (!site.framework_cache.empty()) return cached_;
    return site.suppressed.empty() ? sites_[site.kind] : suppressed_;
  }

  // Whether any report tells lost blocks from others.
  bool has_classes() const { return sites_.count("live") == 0; }
  const char* about() const { return digest_.sampling().mean_bytes > 0 ? "about " : ""; }

  // What only lost blocks lead to is told with them.
  void write_lost() {
    const Sum hanging = without_excused(sum_of(sites_["indirect"]));
    if (sites_["definite"].empty() && hanging.count == 0) {
      if (has_classes()) page_.heading(page_.style().green("No leaks."));
      return;
    }
    page_.heading("Lost: " + page_.style().red(text_of(sum_of(sites_["definite"]))) + " from " +
                  plural(sites_["definite"].size(), "place") +
                  (hanging.count == 0 ? "" : ", and " + text_of(hanging) + " that only they lead to"));
    write_sites(sites_["definite"]);
  }

  // What hangs from excused blocks, and is not excused by itself, is excused with them.
  Sum without_excused(Sum hanging) const {
    Sum excused, excused_itself;
    for (const Sites* sites : {&suppressed_, &runtime_, &cached_}) {
      for (const uint32_t site : *sites) {
        excused.bytes = capped_sum(excused.bytes, leaks_.indirect_bytes(site));
        excused.count = capped_sum(excused.count, leaks_.indirect_count(site));
        if (leaks_.head(site).kind != "indirect") continue;
        excused_itself.bytes = capped_sum(excused_itself.bytes, leaks_.bytes(site));
        excused_itself.count = capped_sum(excused_itself.count, leaks_.count(site));
      }
    }
    hanging.bytes -= std::min(hanging.bytes, excused.bytes - std::min(excused.bytes, excused_itself.bytes));
    hanging.count -= std::min(hanging.count, excused.count - std::min(excused.count, excused_itself.count));
    return hanging;
  }

  void write_kind(const char* kind, const std::string& heading, const std::string& why) {
    const Sites& sites = sites_[kind];
    if (sites.empty()) return;
    page_.heading(heading + ": " + about() + text_of(sum_of(sites)) + " from " + plural(sites.size(), "place") +
                  (why.empty() ? "" : page_.style().dim(" (" + why + ")")));
    write_sites(sites);
  }

  void write_sites(const Sites& sites) {
    page_.sites(leaks_, sites, digest_.reports().size() > 1, [this](const Site& site) {
      const Sum hanging{site.indirect_bytes, site.indirect_count};
      return (site.memory == "host" ? about() : "") + human_bytes(site.bytes) + " in " + plural(site.count, "block") +
             taking_text(site.bytes, site.taken_bytes) + (hanging.count == 0 ? "" : ", leading to " + text_of(hanging));
    });
  }

  // One line for what is not listed, by what names it.
  void write_by_name(const std::string& what, const Sites& sites, std::string Site::*name_of) {
    if (sites.empty()) return;
    std::map<std::string, uint64_t> bytes_by_name;
    for (const uint32_t site : sites) {
      uint64_t& bytes = bytes_by_name[leaks_.head(site).*name_of];
      bytes = capped_sum(bytes, leaks_.bytes(site));
    }
    std::string names;
    for (const auto& [name, its_bytes] : bytes_by_name)
      names += (names.empty() ? "" : ", ") + name + " " + human_bytes(its_bytes);
    page_.line(page_.style().dim("  " + what + ": " + text_of(sum_of(sites)) + " (" + names + ")"));
  }

  SummaryPage& page_;
  const Digest& digest_;
  const SiteTable& leaks_;
  std::map<std::string, Sites> sites_;  // by kind, most bytes first
  Sites suppressed_, runtime_, cached_;
};

}  // namespace

void write_leaks(SummaryPage& page, const Digest& digest) { LeakWriter(page, digest).write(); }

}  // namespace weir::cli
