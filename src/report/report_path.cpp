#include "report/report_path.h"

#include <cstring>

#include "report/utc_time.h"

namespace weir::report {
namespace {

constexpr char kDefaultName[] = "weir.%e.%p.json";
constexpr char kSuffix[] = ".json";
constexpr size_t kSuffixLength = sizeof kSuffix - 1;

bool has_directive(const char* pattern, char wanted) {
  for (; *pattern != '\0'; ++pattern) {
    if (pattern[0] != '%' || pattern[1] == '\0') continue;
    if (*++pattern == wanted) return true;
  }
  return false;
}

const char* last_part(const char* path) {
  const char* slash = strrchr(path, '/');
  return slash == nullptr ? path : slash + 1;
}

bool is_control(char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; }

// A name within one folder: neither it nor what the environment says of host and rank may lead elsewhere, end a line or reach a terminal as a
// command.
void append_name(core::TextBuffer& path, const char* name, const char* if_empty) {
  if (name == nullptr || *name == '\0') name = if_empty;
  for (; *name != '\0'; ++name) path.character(*name == '/' || is_control(*name) ? '_' : *name);
}

void append_directive(core::TextBuffer& path, char directive, const PathFacts& facts, uint64_t counter) {
  switch (directive) {
    case 'p':
      path.decimal(static_cast<uint64_t>(facts.pid));
      break;
    case 'h':
      append_name(path, facts.host, "unknown");
      break;
    case 't':
      append_compact_time(path, utc_time(facts.realtime_ns));
      break;
    case 'e':
      append_name(path, facts.exe == nullptr ? nullptr : last_part(facts.exe), "unknown");
      break;
    case 'n':
      path.decimal(counter);
      break;
    case 'r':
      append_name(path, facts.rank, "none");
      break;
    case '%':
      path.character('%');
      break;
    default:
      path.character('%').character(directive);
  }
}

void append_expanded(core::TextBuffer& path, const char* begin, const char* end, const PathFacts& facts,
                     uint64_t counter) {
  for (; begin < end; ++begin) {
    if (*begin == '%' && begin + 1 < end) {
      append_directive(path, *++begin, facts, counter);
    } else {
      path.character(*begin);
    }
  }
}

// Snapshots of one process are told apart by their number, those of several by the pid.
void append_snapshot(core::TextBuffer& path, const char* pattern, const PathFacts& facts, uint64_t counter) {
  const bool may_be_shared = !facts.is_first_process || has_counter(pattern);
  if (may_be_shared && !has_directive(pattern, 'p')) path.character('.').decimal(static_cast<uint64_t>(facts.pid));
  path.text(".snapshot-").decimal(counter + 1);
}

// What keeps the reports of several processes and of several runs apart where the pattern does not.
void append_distinction(core::TextBuffer& path, const char* pattern, const PathFacts& facts, uint64_t counter) {
  if (facts.is_snapshot) return append_snapshot(path, pattern, facts, counter);
  if (has_counter(pattern)) return;
  if (!facts.is_first_process && !has_directive(pattern, 'p')) {
    path.character('.').decimal(static_cast<uint64_t>(facts.pid));
  }
  if (counter > 0) path.character('.').decimal(counter);
}

void append_pattern(core::TextBuffer& path, const char* pattern, const PathFacts& facts, uint64_t counter) {
  const size_t length = strlen(pattern);
  const bool suffixed = length >= kSuffixLength && strcmp(pattern + length - kSuffixLength, kSuffix) == 0;
  const char* stem_end = pattern + length - (suffixed ? kSuffixLength : 0);
  append_expanded(path, pattern, stem_end, facts, facts.is_snapshot ? 0 : counter);
  append_distinction(path, pattern, facts, counter);
  if (suffixed) path.text(kSuffix);
}

}  // namespace

const char* rank_in(const char* const* environment) {
  constexpr const char* kVariables[] = {"RANK=", "OMPI_COMM_WORLD_RANK=", "PMIX_RANK=", "PMI_RANK=", "SLURM_PROCID="};
  if (environment == nullptr) return nullptr;
  for (const char* variable : kVariables) {
    const size_t length = strlen(variable);
    for (const char* const* entry = environment; *entry != nullptr; ++entry) {
      if (strncmp(*entry, variable, length) == 0 && (*entry)[length] != '\0') return *entry + length;
    }
  }
  return nullptr;
}

bool has_counter(const char* pattern) { return has_directive(pattern, 'n'); }

bool expand_pattern(const char* pattern, const PathFacts& facts, uint64_t counter, core::TextBuffer& path) {
  const bool resolves = facts.starting_folder != nullptr && facts.starting_folder[0] != '\0';
  if (pattern[0] != '/' && resolves) path.text(facts.starting_folder).character('/');
  const char* name = last_part(pattern);
  if (*name == '\0') {
    append_expanded(path, pattern, name, facts, counter);
    append_pattern(path, kDefaultName, facts, counter);
  } else {
    append_pattern(path, pattern, facts, counter);
  }
  return !path.truncated();
}

}  // namespace weir::report
