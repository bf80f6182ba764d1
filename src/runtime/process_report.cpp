#include "runtime/process_report.h"

#include <string.h>
#include <sys/utsname.h>

#include "core/large_table.h"
#include "core/system_call.h"
#include "options/options.h"
#include "report/python_version.h"
#include "runtime/process.h"
#include "runtime/process_end.h"
#include "runtime/program_allocator.h"
#include "runtime/program_suppressions.h"
#include "runtime/quarantine.h"
#include "track/sampling.h"
#include "track/totals.h"

namespace weir::runtime {
namespace {

WEIR_LARGE_TABLE report::WrittenReport last;     // its path is "" where none was written
WEIR_LARGE_TABLE report::WrittenReport attempt;  // while `last` still names what is to be replaced

constexpr const char kConfined[] =
    "The report was written just before the process installed a seccomp filter; what came later was not seen.";
constexpr const char kOwnAllocator[] = "The program brings a malloc of its own: its heap was not seen.";
constexpr const char kStillRunning[] = "snapshot";  // how it ended
constexpr size_t kMaxWarnings = 3;
const char* warnings[kMaxWarnings];

void add_warnings(const char* how, report::ReportInput* input) {
  size_t count = 0;
  if (strcmp(how, "seccomp") == 0) warnings[count++] = kConfined;
  // One that passes on to the next malloc is seen there.
  if (program_brings_allocator() && track::read_totals().all.alloc_count == 0) warnings[count++] = kOwnAllocator;
  if (const char* about_python = report::python_warning()) warnings[count++] = about_python;
  input->warnings = warnings;
  input->warning_count = count;
}

report::ReportInput input_of(const ProcessFacts& process, const char* how, int status) {
  report::ReportInput input;
  input.exe = process.exe;
  input.argv = process.argv;
  input.argc = process.argc;
  input.pid = process.pid;
  input.ppid = process.ppid;
  input.rank = process.rank;
  input.start_realtime_ns = process.start_realtime_ns;
  input.start = process.start;
  input.end = core::read_clock_pair();
  input.end_text = how;
  input.has_exit_status = status != kNoStatus;
  input.exit_status = status;
  input.ignore_before_tick = process.ignore_before_tick;
  input.is_first_process = process.is_first_process;
  input.starting_folder = process.start_folder;
  input.suppression_files = suppression_files();
  input.program_suppressions = default_suppressions();
  add_warnings(how, &input);
  return input;
}

// What is found out for the report alone. `system` must live as long as the input.
void complete(report::ReportInput* input, utsname* system) {
  if (core::system_call(SYS_uname, core::as_argument(system)) == 0) input->host = system->nodename;
  input->classifies = may_classify();
}

bool write(const core::Inside& inside, report::ReportInput input, report::WrittenReport* written) {
  utsname system{};
  complete(&input, &system);
  return report::write_report(inside, input, written);
}

// Where it cannot be written what was there stays.
void write_in_place(const core::Inside& inside, report::ReportInput input) {
  if (last.path[0] != '\0') input.replaced_path = last.path;  // guard: running-replaces
  if (write(inside, input, &attempt)) last = attempt;
}

bool names_folder(const char* pattern) { return pattern[0] != '\0' && pattern[strlen(pattern) - 1] == '/'; }

constexpr const char kUsualPattern[] = "weir.%e.%p.json";  // where no report is wanted, there is no place for it

void choose_place(const char* pattern, report::ReportInput* input) {
  input->may_overwrite = false;
  input->is_named_snapshot = pattern == nullptr || names_folder(pattern);
  if (pattern != nullptr) {
    input->pattern = pattern;
    input->is_first_process = true;  // it was asked for by this name
    input->starting_folder = nullptr;
  } else if (strcmp(options::current().report, "off") == 0) {
    input->pattern = kUsualPattern;
  }
}

}  // namespace

// Blocks that are not tracked may hold the only pointer to one that is.
bool may_classify() { return options::current().leaks && options::tracks_host() && !track::sampling(); }

uint64_t write_process_report(const core::Inside& inside, const char* how, int status, bool is_last) {
  check_guarded_blocks(inside);
  report::ReportInput input = input_of(facts(), how, status);
  input.is_last = is_last;
  write_in_place(inside, input);
  return attempt.lost_count;
}

void write_running_report_file(const core::Inside& inside) {
  report::ReportInput input = input_of(facts(), kStillRunning, kNoStatus);
  input.pattern = options::current().report;  // named, so that WEIR_VERBOSE tells of the last one alone
  write_in_place(inside, input);
}

int write_snapshot_report(const core::Inside& inside, const char* pattern, bool classifies,
                          report::WrittenReport* written) {
  utsname system{};
  report::ReportInput input = input_of(facts(), kStillRunning, kNoStatus);
  complete(&input, &system);
  input.classifies = input.classifies && classifies;
  choose_place(pattern, &input);
  return report::try_report(inside, input, written);
}

void remove_written_report() {
  if (last.path[0] == '\0') return;
  core::system_call(SYS_unlink, core::as_argument(last.path));
  last.path[0] = '\0';
}

void process_report_reset_after_fork() { last.path[0] = '\0'; }

const char* written_report_path() { return last.path[0] == '\0' ? nullptr : last.path; }

bool TemporaryReport::write(const core::Inside& inside) {
  written_ = static_cast<report::WrittenReport*>(core::map_anonymous(sizeof *written_));
  if (written_ == nullptr) return false;
  report::ReportInput input = input_of(facts(), "leak check", kNoStatus);
  input.pattern = "/tmp/weir-check.%p.json";
  return runtime::write(inside, input, written_);
}

TemporaryReport::~TemporaryReport() {
  if (written_ == nullptr) return;
  if (written_->path[0] != '\0') core::system_call(SYS_unlink, core::as_argument(written_->path));
  core::unmap(written_, sizeof *written_);
}

}  // namespace weir::runtime
