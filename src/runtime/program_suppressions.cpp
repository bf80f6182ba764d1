#include "runtime/program_suppressions.h"

#include <cstring>

#include "core/arena.h"
#include "core/print.h"
#include "options/options.h"
#include "runtime/host_symbols.h"
#include "runtime/process.h"
#include "runtime/symbol_look_up.h"

namespace weir::runtime {
namespace {

constexpr size_t kMostFiles = 16;
constexpr char kSeparators[] = " ,:\n\t\r";

const char* files[kMostFiles + 1];
size_t file_count;
const char* default_text;
bool is_turned_off;

using TextFunction = const char* (*)();
using NumberFunction = int (*)();

// Of the program itself, or of a library that it started with.
template <class Function>
Function program_function(const char* name) {
  void* found = find_symbol_before_weir(name);
  return reinterpret_cast<Function>(found != nullptr ? found : definition_of_start(name));
}

const char* text_of(const char* function_name) {
  const auto function = program_function<TextFunction>(function_name);
  return function == nullptr ? nullptr : function();
}

// The program may change its text, or unload it.
const char* copy_of(const char* text, size_t length) {
  auto* copy = core::arena_array<char>(length + 1);
  if (copy != nullptr) memcpy(copy, text, length);
  return copy;
}

// The process's folder may be another one at its end.
void add_file(const char* path, size_t length) {
  if (length == 0 || file_count == kMostFiles) return;
  char storage[kMaxPathBytes];
  core::TextBuffer absolute(storage);
  if (path[0] != '/') absolute.text(facts().start_folder).character('/');
  absolute.text(path, length);
  const char* kept = absolute.truncated() ? nullptr : copy_of(storage, absolute.length());
  if (kept != nullptr) files[file_count++] = kept;
}

void add_list(const char* list) {
  while (*list != '\0') {
    const size_t length = strcspn(list, ",");
    add_file(list, length);
    list += length + (list[length] == ',' ? 1 : 0);
  }
}

bool is_named(const LsanOption& option, const char* name) {
  return option.name_length == strlen(name) && memcmp(option.name, name, option.name_length) == 0;
}

bool is_no(const LsanOption& option) {
  const auto equals = [&option](const char* word) {
    return option.value_length == strlen(word) && memcmp(option.value, word, option.value_length) == 0;
  };
  return equals("0") || equals("no") || equals("false");
}

// Later ones hold where both speak: the user's come last.
void take_lsan_options(const char* text) {
  LsanOption option{};
  while (text != nullptr && next_lsan_option(&text, &option)) {
    if (is_named(option, "suppressions")) add_file(option.value, option.value_length);
    if (is_named(option, "detect_leaks")) is_turned_off = is_no(option);
  }
}

void take_default_suppressions(const char* text) {
  if (text == nullptr || text[0] == '\0') return;
  default_text = copy_of(text, strnlen(text, kMostSuppressionBytes));
}

}  // namespace

bool next_lsan_option(const char** cursor, LsanOption* option) {
  const char* at = *cursor + strspn(*cursor, kSeparators);
  if (*at == '\0') return false;
  option->name = at;
  option->name_length = strcspn(at, "= ,:\n\t\r");
  at += option->name_length;
  if (*at == '=') ++at;
  const char quote = *at;
  const bool is_quoted = quote == '\'' || quote == '"';
  const char quotes[] = {quote, '\0'};
  option->value = is_quoted ? at + 1 : at;
  option->value_length = strcspn(option->value, is_quoted ? quotes : kSeparators);
  at = option->value + option->value_length;
  *cursor = is_quoted && *at == quote ? at + 1 : at;
  return true;
}

void read_program_suppressions() {
  add_list(options::current().suppressions);
  take_lsan_options(text_of("__lsan_default_options"));
  take_lsan_options(options::lsan_options());  // guard: suppressions-of-lsan-options
  take_default_suppressions(text_of("__lsan_default_suppressions"));
  const auto asks = program_function<NumberFunction>("__lsan_is_turned_off");
  if (asks != nullptr && asks() != 0) is_turned_off = true;
}

const char* default_suppressions() { return default_text; }
const char* const* suppression_files() { return files; }
bool leak_checks_turned_off() { return is_turned_off; }

}  // namespace weir::runtime
