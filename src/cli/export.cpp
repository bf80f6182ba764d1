#include "cli/export.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cli/error.h"
#include "cli/export_formats.h"
#include "cli/export_report.h"
#include "cli/format.h"
#include "cli/message.h"
#include "cli/number_option.h"
#include "cli/output.h"
#include "cli/output_place.h"
#include "cli/prometheus.h"

namespace weir::cli {
namespace {

namespace fs = std::filesystem;

struct ExportArguments {
  std::string report, format, output, value;
  WatchArguments watch;
};

constexpr char kPrometheus[] = "prometheus";
constexpr char kCollapsed[] = "collapsed", kDefaultValue[] = "live_bytes";

Value value_named(const std::string& name) {
  const auto found =
      std::find_if(kValueNames.begin(), kValueNames.end(), [&](const ValueName& value) { return name == value.name; });
  return found->value;  // the command line has checked the name
}

struct Format {
  const char* name;
  const char* ending;  // not ".json": a folder's *.json are its reports
  std::function<void(const ExportReport&, const ExportArguments&, Output&)> write;
};

template <void (*write)(const ExportReport&, Output&)>
void write_all(const ExportReport& report, const ExportArguments&, Output& output) {
  write(report, output);
}

void write_value(const ExportReport& report, const ExportArguments& arguments, Output& output) {
  write_collapsed(report, value_named(arguments.value.empty() ? kDefaultValue : arguments.value), output);
}

const std::vector<Format>& formats() {
  static const std::vector<Format> kFormats = {{"pprof", ".pb.gz", write_all<write_pprof>},
                                               {kCollapsed, ".collapsed", write_value},
                                               {"speedscope", ".speedscope", write_all<write_speedscope>},
                                               {"massif", ".massif.out", write_all<write_massif>},
                                               {"heaptrack", ".heaptrack", write_all<write_heaptrack>},
                                               {"perfetto", ".trace", write_all<write_trace>},
                                               {"ndjson", ".ndjson", write_all<write_ndjson>}};
  return kFormats;
}

// Beside the report: weir.ls.17.json -> weir.ls.17.pb.gz.
std::string default_output(const std::string& report, const Format& format) {
  return fs::path(report).replace_extension(format.ending).string();
}

void check_arguments(const ExportArguments& arguments) {
  refuse_to_replace_input({arguments.report}, arguments.output, "-o");
  if (!arguments.value.empty() && arguments.format != kCollapsed)
    throw Error(kExitUsage, "--value: expected with --format collapsed, found with --format " + arguments.format);
}

void warn_of_modules(const std::vector<std::string>& warnings) {
  if (warnings.empty()) return;
  const std::string more =
      warnings.size() > 1 ? " (and so for " + plural(warnings.size() - 1, "more module") + ")" : "";
  say(warnings.front() + more);
}

// A running process has no report: it is asked.
void watch_process(const ExportArguments& arguments) {
  for (const auto& [given, what] : {std::pair{&arguments.report, "report"}, {&arguments.value, "--value"}}) {
    if (!given->empty()) throw Error(kExitUsage, std::string("--watch: expected no ") + what + " beside it");
  }
  if (!arguments.format.empty() && arguments.format != kPrometheus)
    throw Error(kExitUsage, "--watch: expected --format prometheus, found " + arguments.format);
  WatchArguments watched = arguments.watch;
  if (!arguments.output.empty()) watched.output = arguments.output;
  watch(watched);
}

void export_report(ExportArguments arguments) {
  if (arguments.watch.pid != 0) return watch_process(arguments);
  if (arguments.format == kPrometheus)
    throw Error(kExitUsage, "--format prometheus: expected --watch PID, as it is of a running program");
  for (const auto& [given, what] : {std::pair{&arguments.report, "a report"}, {&arguments.format, "--format"}}) {
    if (given->empty()) throw Error(kExitUsage, std::string("export: expected ") + what + ", or --watch PID");
  }
  const auto format = std::find_if(formats().begin(), formats().end(),
                                   [&](const Format& known) { return arguments.format == known.name; });
  if (arguments.output.empty()) arguments.output = default_output(arguments.report, *format);
  check_arguments(arguments);
  const ExportReport report = read_for_export(arguments.report);
  Output output(arguments.output);
  format->write(report, arguments, output);
  output.finish();
  warn_of_modules(report.unread_modules);
  say("export: " + arguments.output + " (" + human_bytes(output.written_bytes()) + ")");
}

}  // namespace

void add_export(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("export", "Write a report in the format of another tool: pprof, speedscope, massif, ...");
  command->footer(
      "Example: weir export --format pprof weir.myprogram.4711.json, then go tool pprof weir.myprogram.4711.pb.gz");
  auto arguments = std::make_shared<ExportArguments>();
  command->add_option("report", arguments->report, "A report");
  std::vector<std::string> names, values;
  for (const Format& format : formats()) names.emplace_back(format.name);
  names.emplace_back(kPrometheus);
  for (const ValueName& value : kValueNames) values.emplace_back(value.name);
  command->add_option("--format", arguments->format, "The format (docs/exports.md says what reads it)")
      ->check(CLI::IsMember(names));
  command->add_option("-o,--output", arguments->output, "The file; - for the standard output. Else beside the report");
  command->add_option("--value", arguments->value, "Of collapsed stacks: which figure")->check(CLI::IsMember(values));
  constexpr double kLeastSeconds = 0.1, kMostSeconds = 86400;
  command
      ->add_option("--watch", arguments->watch.pid,
                   "Write a running program's figures as Prometheus's text, again and again")
      ->check(process_id())
      ->group("A running program");
  command->add_option("--interval", arguments->watch.interval_seconds, "Seconds from one time to the next")
      ->capture_default_str()
      ->check(seconds_from(kLeastSeconds, kMostSeconds))
      ->group("A running program");
  command->add_option("--count", arguments->watch.count, "So many times; 0: until it ends")
      ->capture_default_str()
      ->check(whole_number(0))
      ->group("A running program");
  command->callback([arguments] { export_report(*arguments); });
}

}  // namespace weir::cli
