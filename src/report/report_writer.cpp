#include "report/report_writer.h"

#include <errno.h>

#include <cstring>

#include "core/print.h"
#include "core/scratch.h"
#include "core/system_call.h"
#include "leak/classify.h"
#include "options/options.h"
#include "report/block_section.h"
#include "report/device_leaks.h"
#include "report/device_section.h"
#include "report/error_text.h"
#include "report/heap_error_section.h"
#include "report/host_section.h"
#include "report/leak_check_section.h"
#include "report/leak_rows.h"
#include "report/report_file.h"
#include "report/timeline_section.h"
#include "report/utc_time.h"
#include "track/heap_errors.h"
#include "track/sampling.h"

namespace weir::report {
namespace {

constexpr size_t kStreamBytes = size_t{32} << 10;

// Everything large that one report needs: the program's stack may be a small one.
struct Workspace {
  ReportFile file;
  HostFigures figures;
  char stream[kStreamBytes];
};

// What all parts of one report share.
struct Report {
  const ReportInput& input;
  const HostFigures& figures;
  Snapshot& snapshot;
  DeviceLeaks& device_leaks;
  const leak::Classification& classes;
  StackIndex& stacks;
  EventClock clock;
};

void write_text_list(JsonStream& json, const char* const* texts, size_t count) {
  json.begin_array();
  for (size_t i = 0; i < count; ++i) json.text(texts[i]);
  json.end_array();
}

void write_process(JsonStream& json, const Report& report) {
  const ReportInput& input = report.input;
  char start[40];
  core::TextBuffer start_text(start);
  append_iso_time(start_text, utc_time(input.start_realtime_ns));
  json.begin_object().key("exe").text(input.exe).key("argv");
  write_text_list(json, input.argv, input.argc);
  json.key("pid").signed_number(input.pid);
  json.key("ppid").signed_number(input.ppid);
  json.key("rank").text(input.rank);
  json.key("host").text(input.host);
  json.key("start").text(start);
  json.key("start_ns").number(input.start_realtime_ns);
  json.key("duration_ns").number(report.clock.duration_ns());
  json.key("end").text(input.end_text);
  if (input.has_exit_status) json.key("exit_status").signed_number(input.exit_status);
  json.end_object();
}

void write_options(JsonStream& json) {
  json.begin_object();
  for (size_t i = 0; i < options::row_count(); ++i) {
    const options::Row row = options::row(i);
    json.text_key(row.variable).begin_object();
    json.key("value").text(row.value_text).key("default").boolean(row.is_default).end_object();
  }
  json.end_object();
}

// What tells that the figures of the host's blocks are estimates, or null where they are exact.
void write_sampling(JsonStream& json, const Report& report) {
  if (!track::sampling() || !track::draws()) return void(json.text(nullptr));
  json.begin_object().key("estimated").boolean(true);
  json.key("mean_bytes").number(track::sampling_mean);
  json.key("sample_count").number(report.figures.totals.sample_count);
  json.end_object();
}

void write_untracked_warning(JsonStream& json, uint64_t count, const char* what) {
  if (count == 0) return;
  char storage[160];
  core::TextBuffer text(storage);
  text.text("memory for Weir's records ran out: ").decimal(count).text(" ").text(what).text(" were not tracked");
  json.begin_object().key("text").text(text.c_str()).end_object();
}

void write_warnings(JsonStream& json, const Report& report) {
  json.begin_array();
  for (size_t i = 0; i < report.input.warning_count; ++i) {
    json.begin_object().key("text").text(report.input.warnings[i]).end_object();
  }
  write_untracked_warning(json, report.figures.totals.untracked_count, "blocks");
  write_untracked_warning(json, report.figures.mappings.untracked_count, "mappings");
  write_device_warnings(json, report.clock);
  json.end_array();
}

// The keys stand in the order that docs/report.md gives. Stacks come behind all that refers to them.
void write_sections(JsonStream& json, Report& report) {
  json.begin_object().key("schema").text("weir-report/1").key("process");
  write_process(json, report);
  json.key("options");
  write_options(json);
  json.key("sampling");
  write_sampling(json, report);
  json.key("host");
  write_host(json, report.figures, report.snapshot, report.clock);
  json.key("devices");
  write_devices(json, report.clock);
  json.key("cuda");
  write_cuda(json, report.stacks, report.clock);
  json.key("leak_check");
  write_leak_check(json, report.input, report.classes, report.snapshot, report.device_leaks);
  json.key("leaks");
  write_leaks(json, report.snapshot, report.device_leaks, report.stacks, report.clock);
  json.key("errors").begin_array();
  write_host_errors(json, report.stacks, report.clock);
  write_device_errors(json, report.stacks, report.clock);
  json.end_array().key("out_of_memory").begin_array();
  write_host_out_of_memory(json, report.stacks, report.clock);
  write_device_out_of_memory(json, report.stacks, report.clock);
  json.end_array();
  json.key("peak");
  write_peak(json, report.snapshot, report.stacks);
  json.key("hot_sites");
  write_hot_sites(json, report.snapshot, report.stacks);
  json.key("large");
  write_large(json, report.snapshot, report.device_leaks, report.stacks, report.clock);
  json.key("timeline");
  write_timeline(json, report.figures, report.clock, report.input.end);
  json.key("stacks");
  report.stacks.write_stacks(json);
  json.key("frames");
  report.stacks.write_frames(json);
  json.key("modules");
  report.stacks.write_modules(json);
  json.key("warnings");
  write_warnings(json, report);
  json.end_object();
}

// 0 or a positive errno.
int write_content(const core::Inside& inside, const ReportInput& input, Workspace& workspace, uint64_t* lost_blocks) {
  Snapshot snapshot;
  DeviceLeaks device_leaks;
  StackIndex stacks;
  leak::Classification classes;
  read_host_figures(workspace.figures);
  if (input.classifies) classes.take(inside, input.is_last);
  const bool is_read = snapshot.take(input.ignore_before_tick, options::current().large, &classes) &&
                       device_leaks.take(options::current().large, &classes);
  classes.let_go();
  if (!is_read) return ENOMEM;
  Report report{input, workspace.figures, snapshot, device_leaks, classes, stacks, EventClock(input.start, input.end)};
  JsonStream json(workspace.file.fd(), workspace.stream, sizeof workspace.stream, ReportFile::size_limit());
  write_sections(json, report);
  *lost_blocks = lost_count(snapshot, device_leaks);
  const int error = json.finish();
  return error == 0 && stacks.out_of_memory() ? ENOMEM : error;
}

FileRequest request_of(const ReportInput& input) {
  FileRequest request{};
  request.pattern = input.pattern != nullptr ? input.pattern : options::current().report;
  request.overwrite = options::current().overwrite && input.may_overwrite;
  request.replaced_path = input.replaced_path;
  request.facts.pid = input.pid;
  request.facts.host = input.host;
  request.facts.exe = input.exe;
  request.facts.rank = input.rank;
  request.facts.realtime_ns = input.start_realtime_ns;
  request.facts.starting_folder = input.starting_folder;
  request.facts.is_first_process = input.is_first_process;
  request.facts.is_snapshot = input.is_named_snapshot;
  return request;
}

// 0 or a positive errno; nothing is left of a report that failed.
int write_file(const core::Inside& inside, const ReportInput& input, Workspace& workspace, uint64_t* lost_blocks) {
  const FileRequest request = request_of(input);
  int error = workspace.file.open(request);
  if (error != 0) return error;
  error = write_content(inside, input, workspace, lost_blocks);
  if (error == 0) return workspace.file.commit(request);
  workspace.file.discard();
  return error;
}

constexpr size_t kLineBytes = 1000;

void append_path(core::TextBuffer& line, const char* path) {
  constexpr size_t kLongestPath = 800;
  const size_t length = strlen(path);
  line.text(path, length < kLongestPath ? length : kLongestPath);
  if (length > kLongestPath) line.text("...");
}

// WEIR_VERBOSE's line.
void say_where(const char* path, const track::Figures& figures) {
  char storage[kLineBytes];
  core::TextBuffer line(storage);
  line.text("report in ");
  append_path(line, path);
  line.text(": ");
  const uint64_t errors = track::all_heap_errors_count();
  if (errors > 0) line.decimal(errors).text(errors == 1 ? " heap error; " : " heap errors; ");
  line.decimal(figures.live_count()).text(" blocks with ").decimal(figures.live_bytes());
  line.text(" bytes still allocated of ").decimal(figures.alloc_count).text(" blocks, peak ");
  line.decimal(figures.peak_bytes).text(" bytes");
  core::print_line(line.c_str());
}

void say_why_not(const char* path, int error) {
  char storage[kLineBytes];
  core::TextBuffer line(storage);
  line.text("no report: cannot write ");
  append_path(line, path);
  line.text(": ").text(error_text(error)).text(" (errno ").decimal(static_cast<uint64_t>(error)).text(")");
  core::print_line(line.c_str());
}

}  // namespace

namespace {

int write_in(const core::Inside& inside, const ReportInput& input, Workspace& workspace, WrittenReport* written) {
  const int error = write_file(inside, input, workspace, &written->lost_count);
  memcpy(written->path, workspace.file.path(), kMaxPath);
  return error;
}

void clear(WrittenReport* written) {
  written->path[0] = '\0';
  written->lost_count = 0;
}

}  // namespace

int try_report(const core::Inside& inside, const ReportInput& input, WrittenReport* written) {
  clear(written);
  core::ScratchArray<Workspace> storage;
  return storage.resize(1) ? write_in(inside, input, storage[0], written) : ENOMEM;
}

bool write_report(const core::Inside& inside, const ReportInput& input, WrittenReport* written) {
  clear(written);
  core::ScratchArray<Workspace> storage;
  if (!storage.resize(1)) {
    core::print_line("no report: no memory to write it");
    return false;
  }
  const int error = write_in(inside, input, storage[0], written);
  if (error != 0) {
    say_why_not(written->path, error);
    clear(written);
    return false;
  }
  if (options::current().verbose && input.pattern == nullptr) say_where(written->path, storage[0].figures.totals.all);
  return true;
}

}  // namespace weir::report
