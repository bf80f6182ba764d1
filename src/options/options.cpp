#include "options/options.h"

#include <signal.h>

#include <cstring>

#include "core/arena.h"
#include "core/print.h"
#include "core/system_call.h"
#include "options/edit_distance.h"
#include "options/parse.h"

namespace weir::options {
namespace {

using parse::Piece;

enum class Kind { on_or_off, size, quota, budget, count, status, ratio, share, amount, duration, text, choice };
// By the table's words for them.
constexpr Kind kSwitch = Kind::on_or_off, kSize = Kind::size, kQuota = Kind::quota, kBudget = Kind::budget,
               kCount = Kind::count, kStatus = Kind::status, kRatio = Kind::ratio, kShare = Kind::share,
               kAmount = Kind::amount, kDuration = Kind::duration, kText = Kind::text, kChoice = Kind::choice;

enum class Field : size_t {
#define WEIR_OPTION(kind, field, variable, default_text, accepted, description) field,
#include "options/options.def"
#undef WEIR_OPTION
  count
};
constexpr size_t kFieldCount = static_cast<size_t>(Field::count);

struct Definition {
  Kind kind;
  const char* kind_text;
  const char* variable;
  const char* default_text;
  const char* accepted;
  const char* description;
};

constexpr Definition kDefinitions[] = {
#define WEIR_OPTION(kind, field, variable, default_text, accepted, description) \
  {k##kind, #kind, variable, default_text, accepted, description},
#include "options/options.def"
#undef WEIR_OPTION
};

constexpr const Definition& definition_of(Field field) { return kDefinitions[static_cast<size_t>(field)]; }

// The text of one option, parsed; which member holds is the kind's matter.
struct Value {
  bool on = false;
  uint64_t number = 0;
  double ratio = 0;
  const char* text = "";
  unsigned choice = 0;
};

template <Kind kind>
constexpr auto value_of_kind(const Value& value) {
  if constexpr (kind == Kind::on_or_off) return value.on;
  if constexpr (kind == Kind::size || kind == Kind::quota || kind == Kind::count) return value.number;
  if constexpr (kind == Kind::duration || kind == Kind::status || kind == Kind::budget) return value.number;
  if constexpr (kind == Kind::ratio || kind == Kind::share) return value.ratio;
  if constexpr (kind == Kind::amount) return Amount{value.number, value.ratio};
  if constexpr (kind == Kind::text) return value.text;
  if constexpr (kind == Kind::choice) return value.choice;
}

constexpr bool parse_value(const Definition& definition, const char* text, Value* value) {
  const Piece piece = parse::whole(text);
  value->text = text;
  switch (definition.kind) {
    case Kind::on_or_off:
      return parse::on_or_off(piece, &value->on);
    case Kind::size:
      return parse::size(piece, &value->number);
    case Kind::quota:
      return parse::quota(piece, &value->number);
    case Kind::budget:
      return parse::budget(piece, &value->number);
    case Kind::count:
      return parse::count(piece, &value->number);
    case Kind::status:
      return parse::status(piece, &value->number);
    case Kind::ratio:
      return parse::ratio(piece, &value->ratio);
    case Kind::share:
      return parse::share_or_off(piece, &value->ratio);
    case Kind::amount:
      return parse::amount(piece, &value->number, &value->ratio);
    case Kind::duration:
      return parse::duration(piece, &value->number);
    case Kind::text:
      return true;
    case Kind::choice:
      return parse::choice(piece, definition.accepted, &value->choice);
  }
  return false;
}

// ---- Lists and limits of single options ----

struct TrackedKinds {
  bool host, mmap, device, pinned;
};

constexpr bool* tracked_kind(TrackedKinds& kinds, Piece name) {
  if (name.equals_ignoring_case("host")) return &kinds.host;
  if (name.equals_ignoring_case("mmap")) return &kinds.mmap;
  if (name.equals_ignoring_case("device")) return &kinds.device;
  return name.equals_ignoring_case("pinned") ? &kinds.pinned : nullptr;
}

constexpr bool parse_tracked_kinds(const char* text, TrackedKinds* kinds) {
  Piece piece{};
  *kinds = {};
  while (parse::next_piece(&text, ',', &piece)) {
    bool* kind = tracked_kind(*kinds, piece);
    if (kind == nullptr) return false;
    *kind = true;
  }
  return true;
}

struct SignalName {
  const char* name;
  const char* full_name;
  int number;
};
constexpr SignalName kSignals[] = {{"TERM", "SIGTERM", SIGTERM}, {"INT", "SIGINT", SIGINT},
                                   {"HUP", "SIGHUP", SIGHUP},    {"USR1", "SIGUSR1", SIGUSR1},
                                   {"USR2", "SIGUSR2", SIGUSR2}, {"QUIT", "SIGQUIT", SIGQUIT}};

constexpr bool parse_signals(const char* text, uint64_t* signals) {
  Piece piece{};
  *signals = 0;
  while (parse::next_piece(&text, ',', &piece)) {
    const uint64_t before = *signals;
    bool known = false;
    for (const SignalName& signal : kSignals) {
      if (!piece.equals_ignoring_case(signal.name) && !piece.equals_ignoring_case(signal.full_name)) continue;
      *signals = before | (uint64_t{1} << (signal.number - 1));
      known = true;
    }
    if (!known) return false;
  }
  return true;
}

constexpr bool parse_prewarm_item(Piece item, uint64_t* bytes, uint64_t* count) {
  const char* star = item.begin;
  while (star < item.end && *star != '*') ++star;
  *count = 1;
  if (star < item.end && !parse::count(parse::trimmed({star + 1, item.end}), count)) return false;
  uint64_t total = 0;
  return parse::size(parse::trimmed({item.begin, star}), bytes) && *bytes > 0 && *count > 0 &&
         !__builtin_mul_overflow(*bytes, *count, &total);
}

constexpr bool is_prewarm_list(const char* text) {
  Piece item{};
  uint64_t bytes = 0, count = 0;
  while (parse::next_piece(&text, ',', &item)) {
    if (!parse_prewarm_item(item, &bytes, &count)) return false;
  }
  return true;
}

// Behind the first colon of a list such as "80%:1KiB,4KiB"; its begin where there is none.
constexpr const char* behind_share(const char* text) {
  const char* colon = text;
  while (*colon != '\0' && *colon != ':') ++colon;
  return *colon == ':' ? colon + 1 : text;
}

// Items of a share have no counts of their own: every size gets an equal part.
constexpr bool is_cuda_prewarm_list(const char* text) {
  const char* items = behind_share(text);
  const bool of_share = items != text;
  double part = 0;
  if (of_share && !(parse::share(parse::trimmed({text, items - 1}), &part) && *items != '\0')) return false;
  for (const char* c = items; of_share && *c != '\0'; ++c) {
    if (*c == '*') return false;
  }
  Piece item{};
  size_t item_count = 0;
  for (const char* cursor = items; parse::next_piece(&cursor, ',', &item);) ++item_count;
  return item_count <= kMostCudaPrewarmItems && is_prewarm_list(items);
}

constexpr bool within_limits(Field field, const Value& value) {
  constexpr uint64_t kSmallestAlign = 16, kLargestAlign = 4096, kDeepest = 65535;
  constexpr uint64_t kLargestSample = uint64_t{1} << 40;
  constexpr double kLargestGrowth = 8;
  switch (field) {
    case Field::stack_depth:
      return value.number >= 1 && value.number <= kDeepest;
    case Field::sample:
      return value.number <= kLargestSample;
    case Field::host_min_align:
      return value.number >= kSmallestAlign && value.number <= kLargestAlign &&
             (value.number & (value.number - 1)) == 0;
    case Field::host_pool_growth:
      return !(value.ratio > 0) || (value.ratio >= 1 && value.ratio <= kLargestGrowth);
    case Field::host_pool_prewarm:
      return is_prewarm_list(value.text);
    case Field::cuda_pool_prewarm:
      return is_cuda_prewarm_list(value.text);
    case Field::track: {
      TrackedKinds kinds{};
      return parse_tracked_kinds(value.text, &kinds);
    }
    case Field::on_signal: {
      uint64_t signals = 0;
      return parse_signals(value.text, &signals);
    }
    case Field::snapshot_signal: {
      uint64_t signals = 0;
      return parse_signals(value.text, &signals) && (signals & (signals - 1)) == 0;
    }
    default:
      return true;
  }
}

constexpr bool parse_option(Field field, const char* text, Value* value) {
  return parse_value(definition_of(field), text, value) && within_limits(field, *value);
}

// ---- The options in effect ----

constexpr void assign(Options& options, Field field, const Value& value) {
  switch (field) {
#define WEIR_OPTION(kind, field, variable, default_text, accepted, description) \
  case Field::field:                                                            \
    options.field = value_of_kind<k##kind>(value);                              \
    break;
#include "options/options.def"
#undef WEIR_OPTION
    case Field::count:
      break;
  }
}

struct State {
  Options options{};
  const char* value_texts[kFieldCount]{};
  TrackedKinds tracked{};
  uint64_t signals = 0;
  uint64_t snapshot_signals = 0;
  const char* lsan_options = "";
};

constexpr void derive_lists(State& state) {
  parse_tracked_kinds(state.options.track, &state.tracked);
  parse_signals(state.options.on_signal, &state.signals);
  parse_signals(state.options.snapshot_signal, &state.snapshot_signals);
}

// Not a constant expression: a default that its own option refuses does not compile.
void default_is_not_accepted() {}

consteval State defaults() {
  State state;
  for (size_t i = 0; i < kFieldCount; ++i) {
    Value value;
    const auto field = static_cast<Field>(i);
    if (!parse_option(field, kDefinitions[i].default_text, &value)) default_is_not_accepted();
    assign(state.options, field, value);
    state.value_texts[i] = kDefinitions[i].default_text;
  }
  derive_lists(state);
  return state;
}

constinit State state = defaults();

// ---- Reading the environment ----

constexpr const char* kOffSwitch = "WEIR";
constexpr const char* kPrefix = "WEIR_";
constexpr const char* kOwnPrefix = "WEIR__";
constexpr const char* kCommandsVariable = "WEIR_LIBRARY";  // names this library to the `weir` command

bool begins_with(const char* text, const char* prefix) { return strncmp(text, prefix, strlen(prefix)) == 0; }

bool is_ours(const char* entry) {
  const bool named =
      begins_with(entry, kPrefix) || (begins_with(entry, kOffSwitch) && entry[strlen(kOffSwitch)] == '=');
  return named && !begins_with(entry, kOwnPrefix);
}

// The value of a variable, as getenv would give it; nullptr where unset or empty.
const char* value_in(const char* const* environment, const char* variable) {
  const size_t length = strlen(variable);
  for (; *environment != nullptr; ++environment) {
    if (**environment != *variable) continue;  // most, at the cost of no call
    if (strncmp(*environment, variable, length) != 0 || (*environment)[length] != '=') continue;
    const char* value = *environment + length + 1;
    return *value == '\0' ? nullptr : value;
  }
  return nullptr;
}

const char* switch_text(bool on) { return on ? "on" : "off"; }

// A copy that the program's setenv cannot change. nullptr where memory is out.
const char* keep(const char* text) {
  const size_t bytes = strlen(text) + 1;
  auto* copy = core::arena_array<char>(bytes);
  if (copy != nullptr) memcpy(copy, text, bytes);
  return copy;
}

// False for a value that is not accepted; the default then stays.
bool take(Field field, const char* text) {
  Value value;
  if (!parse_option(field, text, &value)) return false;
  const char*& value_text = state.value_texts[static_cast<size_t>(field)];
  if (definition_of(field).kind == Kind::on_or_off) {
    value_text = switch_text(value.on);
  } else {
    const char* copy = keep(text);
    if (copy == nullptr) return true;
    value.text = value_text = copy;
  }
  assign(state.options, field, value);
  return true;
}

// Foreign text within one line: control characters replaced, cut where it is long.
void append_safely(core::TextBuffer& line, const char* text, size_t length) {
  constexpr size_t kLongest = 200;
  for (size_t i = 0; i < length && i < kLongest; ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    line.character(c < ' ' || c == 0x7f ? '?' : text[i]);
  }
  if (length > kLongest) line.text("...");
}

void complain_about_value(const Definition& definition, const char* text) {
  char storage[1000];
  core::TextBuffer line(storage);
  line.text(definition.variable).text("=");
  append_safely(line, text, strlen(text));
  line.text(" is not understood: expected ").text(definition.accepted).text("; using ");
  line.text(definition.default_text[0] == '\0' ? "none" : definition.default_text);
  core::print_line(line.c_str());
}

const char* nearest_variable(Piece name) {
  const char* nearest = kDefinitions[0].variable;
  size_t shortest = SIZE_MAX;
  for (const Definition& definition : kDefinitions) {
    const size_t distance = edit_distance(name, definition.variable);
    if (distance >= shortest) continue;
    shortest = distance;
    nearest = definition.variable;
  }
  return nearest;
}

bool equals(Piece name, const char* variable) {
  return name.length() == strlen(variable) && memcmp(name.begin, variable, name.length()) == 0;
}

bool is_known(Piece name) {
  if (equals(name, kCommandsVariable)) return true;
  for (const Definition& definition : kDefinitions) {
    if (equals(name, definition.variable)) return true;
  }
  return false;
}

void complain_about_name(Piece name) {
  char storage[1000];
  core::TextBuffer line(storage);
  append_safely(line, name.begin, name.length());
  line.text(" is not an option of Weir; the nearest is ").text(nearest_variable(name));
  core::print_line(line.c_str());
}

void name_unknown_variables(const char* const* environment) {
  for (; *environment != nullptr; ++environment) {
    if (!is_ours(*environment)) continue;
    const char* end = strchr(*environment, '=');
    if (end == nullptr) continue;
    const Piece name{*environment, end};
    if (!is_known(name)) complain_about_name(name);
  }
}

void take_field(Field field, const char* const* environment) {
  const Definition& definition = definition_of(field);
  const char* text = value_in(environment, definition.variable);
  if (text != nullptr && !take(field, text)) complain_about_value(definition, text);
}

void take_lsan_options(const char* const* environment) {
  const char* text = value_in(environment, "LSAN_OPTIONS");
  const char* copy = text == nullptr ? nullptr : keep(text);
  if (copy != nullptr) state.lsan_options = copy;
}

// What says whether anything may be printed comes first.
void take_silencers(const char* const* environment) {
  constexpr Field kSilencers[] = {Field::quiet, Field::enabled};
  for (const Field field : kSilencers) {
    const char* text = value_in(environment, definition_of(field).variable);
    if (text != nullptr) take(field, text);
  }
  core::set_quiet(state.options.quiet || !state.options.enabled);
}

void print_help() {
  if (state.options.quiet) return;
  for (size_t i = 0; i < kFieldCount; ++i) {
    const Row option = row(i);
    char storage[2048];
    core::TextBuffer text(storage);
    text.text(option.variable).text("=").text(option.value_text).text(option.is_default ? "\n" : "   (default: ");
    if (!option.is_default) text.text(option.default_text).text(")\n");
    text.text("    ").text(option.description).text("\n    Accepted: ").text(option.accepted).text("\n");
    core::write_file(2, text.c_str(), text.length());
  }
}

}  // namespace

const Options& current() { return state.options; }

const char* lsan_options() { return state.lsan_options; }

void load(const char* const* environment) {
  state = defaults();
  core::set_quiet(false);
  if (environment == nullptr) return;
  take_silencers(environment);
  for (size_t i = 0; i < kFieldCount; ++i) take_field(static_cast<Field>(i), environment);
  derive_lists(state);
  take_lsan_options(environment);
  name_unknown_variables(environment);
  if (state.options.help) print_help();
}

bool tracks_host() { return state.tracked.host; }
bool tracks_mmap() { return state.tracked.mmap; }
bool tracks_device() { return state.tracked.device; }
bool tracks_pinned() { return state.tracked.pinned; }
uint64_t report_signals() { return state.signals; }
int snapshot_signal() { return state.snapshot_signals == 0 ? 0 : 1 + __builtin_ctzll(state.snapshot_signals); }

bool next_prewarm_item(const char** cursor, uint64_t* bytes, uint64_t* count) {
  const char* next = *cursor;
  Piece item{};
  if (!parse::next_piece(&next, ',', &item) || !parse_prewarm_item(item, bytes, count)) return false;
  *cursor = next;
  return true;
}

double take_prewarm_share(const char** cursor) {
  const char* items = behind_share(*cursor);
  double part = 0;
  if (items == *cursor || !parse::share(parse::trimmed({*cursor, items - 1}), &part)) return 0;
  *cursor = items;
  return part;
}

size_t row_count() { return kFieldCount; }

Row row(size_t index) {
  const Definition& definition = kDefinitions[index];
  const char* value = state.value_texts[index];
  return {definition.variable,
          definition.kind_text,
          definition.accepted,
          definition.description,
          definition.default_text,
          value,
          strcmp(value, definition.default_text) == 0};
}

bool parse_choice(const char* variable, const char* text, unsigned* index) {
  for (const Definition& definition : kDefinitions) {
    if (definition.kind != Kind::choice || strcmp(definition.variable, variable) != 0) continue;
    return parse::choice(parse::whole(text), definition.accepted, index);
  }
  return false;
}

bool parse_size(const char* text, uint64_t* bytes) { return parse::size(parse::whole(text), bytes); }

}  // namespace weir::options
