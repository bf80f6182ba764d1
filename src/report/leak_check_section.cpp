#include "report/leak_check_section.h"

#include "track/recording.h"

namespace weir::report {
namespace {

struct Sum {
  uint64_t bytes = 0, count = 0;

  void add(uint64_t more_bytes, uint64_t more_count) {
    bytes += more_bytes;
    count += more_count;
  }
};

// What was allocated while recording was off, and is not listed.
void write_unrecorded(JsonStream& json, const Snapshot& snapshot, const DeviceLeaks& of_devices) {
  json.key("recording").boolean(track::is_recording());
  json.key("unrecorded_count").number(snapshot.unrecorded_count() + of_devices.unrecorded_count());
  json.key("unrecorded_bytes").number(snapshot.unrecorded_bytes() + of_devices.unrecorded_bytes());
}

// Applied by who finishes the report: they need symbols.
void write_suppression_sources(JsonStream& json, const ReportInput& input) {
  json.key("suppression_files").begin_array();
  for (const char* const* file = input.suppression_files; file != nullptr && *file != nullptr; ++file) json.text(*file);
  json.end_array().key("program_suppressions").text(input.program_suppressions);
}

}  // namespace

void write_leak_check(JsonStream& json, const ReportInput& input, const leak::Classification& classes,
                      const Snapshot& snapshot, const DeviceLeaks& of_devices) {
  Sum sums[leak::kLeakClasses];
  for (size_t i = 0; i < snapshot.leak_count(); ++i) {
    const Leak& leak = snapshot.leak(i);
    sums[static_cast<size_t>(leak.leak_class)].add(leak.bytes, leak.count);
  }
  for (const DeviceLeak& leak : of_devices.leaks()) {
    sums[static_cast<size_t>(leak.leak_class)].add(leak.bytes, leak.count);
  }
  const leak::CheckFigures& figures = classes.figures();
  json.begin_object().key("done").boolean(classes.done()).key("why_not").text(classes.why_not());
  json.key("in_doubt").text(classes.in_doubt());
  json.key("kinds").begin_object();
  for (const leak::LeakClass leak_class :
       {leak::LeakClass::definite, leak::LeakClass::indirect, leak::LeakClass::possible, leak::LeakClass::reachable,
        leak::LeakClass::live}) {
    const Sum& sum = sums[static_cast<size_t>(leak_class)];
    json.text_key(leak::name_of(leak_class)).begin_object();
    json.key("bytes").number(sum.bytes).key("count").number(sum.count).end_object();
  }
  json.end_object();
  json.key("scanned_bytes").number(figures.scanned_bytes);
  json.key("stopped_ns").number(figures.stopped_ns);
  json.key("thread_count").number(figures.thread_count);
  json.key("unknown_thread_count").number(figures.unknown_thread_count);
  json.key("ignored_count").number(snapshot.ignored_count());
  write_unrecorded(json, snapshot, of_devices);
  write_suppression_sources(json, input);
  json.end_object();
}

}  // namespace weir::report
