#include "report/host_section.h"

#include <algorithm>
#include <new>

#include "core/arena.h"
#include "core/scratch.h"
#include "options/options.h"
#include "report/python_version.h"
#include "stack/capture.h"
#include "stack/python_frames.h"
#include "stack/stack_table.h"
#include "track/heap_errors.h"

namespace weir::report {
namespace {

constexpr size_t kMaxFiles = 1000;

// A ratio of nothing is 0.
double ratio_of(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

// Counts of threads that still run may not agree to the last one.
uint64_t difference(uint64_t larger, uint64_t smaller) { return larger > smaller ? larger - smaller : 0; }

uint64_t live_bytes_of(const track::Figures& figures) { return difference(figures.alloc_bytes, figures.free_bytes); }

void write_figures(JsonStream& json, const track::Figures& figures) {
  json.key("alloc_count").number(figures.alloc_count);
  json.key("alloc_bytes").number(figures.alloc_bytes);
  json.key("free_count").number(figures.free_count);
  json.key("free_bytes").number(figures.free_bytes);
  json.key("live_count").number(difference(figures.alloc_count, figures.free_count));
  json.key("live_bytes").number(live_bytes_of(figures));
  json.key("peak_bytes").number(figures.peak_bytes);
}

void write_totals(JsonStream& json, const track::HostTotals& totals, const Snapshot& snapshot,
                  const EventClock& clock) {
  json.begin_object();
  json.key("allocated_bytes").number(live_bytes_of(totals.all));
  write_figures(json, totals.all);
  json.key("peak_ns").number(clock.ns_of(totals.peak_tick));
  json.key("temporary_count").number(totals.temporary_count);
  json.key("realloc_count").number(totals.realloc_count);
  json.key("realloc_in_place_count").number(totals.realloc_in_place_count);
  json.key("large_count").number(totals.large_count);
  json.key("failed_count").number(totals.failed_count);
  json.key("foreign_free_count").number(totals.foreign_free_count);
  json.key("double_free_count").number(totals.double_free_count);
  json.key("interior_free_count").number(totals.interior_free_count);
  json.key("untracked_count").number(totals.untracked_count);
  json.key("nested_count").number(totals.nested_count);
  json.key("thread_count").number(totals.thread_count);
  json.key("inherited_count").number(snapshot.inherited_count());
  json.key("inherited_bytes").number(snapshot.inherited_bytes());
  json.end_object();
}

void write_numa_nodes(JsonStream& json, const pool::PoolStatistics& pool) {
  json.begin_array();
  for (size_t node = 0; node < pool.numa_node_count && node < pool::kMaxNumaNodes; ++node) {
    json.begin_object().key("node").number(node).key("bytes").number(pool.numa_bytes[node]).end_object();
  }
  json.end_array();
}

void write_pool(JsonStream& json, const pool::PoolStatistics& pool, const track::HostTotals& totals) {
  const uint64_t live_bytes = options::tracks_host() ? live_bytes_of(totals.all) : pool.allocated_bytes;
  const double in_use = ratio_of(live_bytes, pool.active_bytes);
  json.begin_object();
  json.key("enabled").boolean(pool.enabled);
  json.key("allocated_bytes").number(pool.allocated_bytes);
  json.key("reserved_bytes").number(pool.reserved_bytes);
  json.key("reserved_peak_bytes").number(pool.reserved_peak_bytes);
  json.key("active_bytes").number(pool.active_bytes);
  json.key("inactive_bytes").number(pool.inactive_bytes);
  json.key("cached_bytes").number(pool.cached_bytes);
  json.key("capacity_bytes").number(pool.capacity_bytes);
  json.key("peak_bytes").number(totals.all.peak_bytes);
  json.key("fragmentation_ratio").ratio(pool.active_bytes == 0 ? 0 : 1 - in_use);
  json.key("utilization_ratio").ratio(ratio_of(pool.allocated_bytes, pool.reserved_bytes));
  json.key("hit_rate_ratio").ratio(totals.hit_ratio());
  json.key("mmap_count").number(pool.mmap_count);
  json.key("munmap_count").number(pool.munmap_count);
  json.key("purge_count").number(pool.purge_count);
  json.key("fallback_count").number(pool.fallback_count);
  json.key("prewarm_count").number(pool.prewarm_count);
  json.key("initial_bytes").number(pool.initial_bytes);
  json.key("numa_nodes");
  write_numa_nodes(json, pool);
  json.end_object();
}

void write_size_classes(JsonStream& json, const track::HostTotals& totals) {
  json.begin_array();
  for (const track::SizeClassFigures& size_class : totals.size_classes) {
    if (size_class.figures.alloc_count == 0) continue;
    json.begin_object().key("block_bytes").number(size_class.block_bytes);
    write_figures(json, size_class.figures);
    json.key("hit_count").number(size_class.figures.hit_count).end_object();
  }
  json.end_array();
}

void write_powers_of_two(JsonStream& json, const track::HostTotals& totals) {
  json.begin_array();
  for (size_t power = 0; power < track::kPowersOfTwo; ++power) {
    const track::Figures& figures = totals.powers_of_two[power];
    if (figures.alloc_count == 0) continue;
    json.begin_object();
    json.key("from_bytes").number(power == track::kSmallestPower ? 0 : (uint64_t{1} << (power - 1)) + 1);
    json.key("to_bytes").number(uint64_t{1} << power);
    write_figures(json, figures);
    json.end_object();
  }
  json.end_array();
}

void write_mapping_figures(JsonStream& json, const track::MappingFigures& figures, bool residency_known) {
  json.key("map_count").number(figures.map_count);
  json.key("mapped_bytes").number(figures.mapped_bytes);
  json.key("unmapped_bytes").number(figures.unmapped_bytes);
  json.key("live_count").number(figures.live_count);
  json.key("live_bytes").number(figures.live_bytes());
  json.key("peak_bytes").number(figures.peak_bytes);
  json.key("reserved_bytes").number(figures.reserved_bytes);
  json.key("committed_bytes").number(figures.committed_bytes());
  if (residency_known) json.key("resident_bytes").number(figures.resident_bytes);
}

void write_mapping_totals(JsonStream& json, const track::MappingTotals& totals, const EventClock& clock) {
  json.begin_object();
  write_mapping_figures(json, totals.all, totals.residency_known);
  json.key("peak_ns").number(clock.ns_of(totals.peak_tick));
  json.key("failed_count").number(totals.failed_count);
  json.key("untracked_count").number(totals.untracked_count);
  json.key("nested_count").number(totals.nested_count);
  json.end_object();
}

void write_mapping_kinds(JsonStream& json, const track::MappingTotals& totals) {
  json.begin_array();
  for (size_t kind = 0; kind < track::kMappingKinds; ++kind) {
    if (totals.kinds[kind].map_count == 0 && totals.kinds[kind].mapped_bytes == 0) continue;
    json.begin_object().key("kind").text(track::kMappingKindNames[kind]);
    write_mapping_figures(json, totals.kinds[kind], totals.residency_known);
    json.end_object();
  }
  json.end_array();
}

// The files with the highest peaks; one more than are listed is never kept.
struct TopFiles {
  core::ScratchArray<track::MappedFile> files;
  uint64_t left_out_count = 0;

  static bool is_before(const track::MappedFile& a, const track::MappedFile& b) {
    return a.mapped_peak_bytes > b.mapped_peak_bytes;
  }
  void offer(const track::MappedFile& file) {
    if (files.size() < kMaxFiles) {
      if (!files.push(file)) return void(++left_out_count);
    } else {
      ++left_out_count;
      if (!is_before(file, files[0])) return;
      std::pop_heap(files.begin(), files.end(), is_before);
      files[kMaxFiles - 1] = file;
    }
    std::push_heap(files.begin(), files.end(), is_before);
  }
};

void write_mapped_files(JsonStream& json, bool residency_known) {
  TopFiles top;
  track::for_each_mapped_file(
      [](void* context, const track::MappedFile& file) {
        if (file.map_count > 0) static_cast<TopFiles*>(context)->offer(file);
      },
      &top);
  std::sort(top.files.begin(), top.files.end(), TopFiles::is_before);
  json.key("files").begin_array();
  for (const track::MappedFile& file : top.files) {
    json.begin_object().key("path").text(file.path);
    json.key("map_count").number(file.map_count);
    json.key("mapped_bytes").number(file.mapped_bytes);
    json.key("mapped_peak_bytes").number(file.mapped_peak_bytes);
    if (residency_known) json.key("resident_bytes").number(file.resident_bytes);
    json.end_object();
  }
  json.end_array();
  json.key("file_left_out_count").number(top.left_out_count);
}

void write_mmap(JsonStream& json, const track::MappingTotals& totals, const EventClock& clock) {
  json.key("mmap").begin_object().key("totals");
  write_mapping_totals(json, totals, clock);
  json.key("kinds");
  write_mapping_kinds(json, totals);
  write_mapped_files(json, totals.residency_known);
  json.end_object();
}

void write_process_memory(JsonStream& json, const ProcessMemory& memory) {
  if (!memory.known) return;
  json.key("process_memory").begin_object();
  json.key("rss_bytes").number(memory.rss_bytes);
  json.key("peak_rss_bytes").number(memory.peak_rss_bytes);
  json.end_object();
}

// Where Python frames are wanted and the process has a CPython.
void write_python(JsonStream& json, const stack::CaptureCounters& counters) {
  const stack::PythonFacts facts = stack::python_facts();
  if (!facts.wanted || facts.version == 0) return;
  char storage[32];
  core::TextBuffer version(storage);
  json.key("python").begin_object();
  append_python_version(version, facts.version);
  json.key("version").text(version.c_str());
  json.key("frames_read").boolean(facts.problem == nullptr);
  json.key("captures").number(counters.python);
  json.key("repeated").number(counters.python_repeated);
  json.key("unmatched").number(counters.python_unmatched);
  json.end_object();
}

void write_capture(JsonStream& json, const stack::CaptureCounters& counters) {
  json.begin_object();
  json.key("captures").number(counters.captures);
  json.key("same").number(counters.same);
  json.key("spliced").number(counters.spliced);
  json.key("recalled").number(counters.recalled);
  json.key("walked").number(counters.walked);
  json.key("plain").number(counters.plain);
  json.key("full_unwinds").number(counters.full_unwinds);
  json.key("truncated").number(counters.truncated);
  json.key("rules_built").number(counters.rules_built);
  json.key("compared").number(counters.compared);
  json.key("compared_spliced").number(counters.compared_spliced);
  json.key("compared_recalled").number(counters.compared_recalled);
  json.key("compared_plain").number(counters.compared_plain);
  json.key("mismatches").number(counters.mismatches);
  write_python(json, counters);
  json.end_object();
}

}  // namespace

void read_host_figures(HostFigures& figures) {
  figures.process = read_process_memory();
  if (options::tracks_mmap()) track::measure_residency();
  new (&figures.totals) track::HostTotals(track::read_totals());  // in place: 7 kB are much for a small thread's stack
  figures.pool = pool::read_pool_statistics();
  figures.mappings = track::read_mapping_totals();
}

void write_host(JsonStream& json, const HostFigures& figures, const Snapshot& snapshot, const EventClock& clock) {
  json.begin_object().key("tracked").boolean(options::tracks_host());
  json.key("totals");
  write_totals(json, figures.totals, snapshot, clock);
  json.key("pool");
  write_pool(json, figures.pool, figures.totals);
  json.key("size_classes");
  write_size_classes(json, figures.totals);
  json.key("powers_of_two");
  write_powers_of_two(json, figures.totals);
  if (options::tracks_mmap()) write_mmap(json, figures.mappings, clock);
  write_process_memory(json, figures.process);
  json.key("metadata_bytes").number(core::arena_mapped_bytes());
  json.key("capture");
  write_capture(json, stack::capture_counters());
  const stack::StackTableFigures stacks = stack::stack_table_figures();
  json.key("stack_table").begin_object().key("stack_count").number(stacks.stack_count);
  json.key("node_count").number(stacks.node_count);
  json.key("tree_bytes").number(stacks.tree_bytes).end_object();
  json.key("errors_left_out_count").number(track::heap_errors_left_out_count());
  json.key("large_left_out_count").number(snapshot.large_left_out_count());
  const PeakRest& rest = snapshot.peak_rest();
  json.key("peak_left_out").begin_object().key("stack_count").number(rest.stack_count);
  json.key("bytes").number(rest.bytes).key("count").number(rest.count).end_object();
  json.end_object();
}

}  // namespace weir::report
