#include "leak/task_status.h"

#include <cstring>

#include "core/file_text.h"
#include "core/print.h"
#include "core/system_call.h"

namespace weir::leak {
namespace {

size_t read_of_task(int task, const char* file, char* text, size_t capacity) {
  char path[64];
  core::TextBuffer(path).text("/proc/self/task/").decimal(static_cast<uint64_t>(task)).character('/').text(file);
  return core::read_whole(path, text, capacity);
}

// What follows "NAME:" in the line that begins so, or nullptr. The text may hold a thread's name: only line starts count.
const char* value_of(const char* text, const char* name) {
  const size_t length = strlen(name);
  for (const char* line = text; line != nullptr; line = strchr(line, '\n')) {
    if (*line == '\n') ++line;
    if (strncmp(line, name, length) == 0 && line[length] == ':') return line + length + 1;
  }
  return nullptr;
}

const char* skip_blanks(const char* text) {
  while (*text == ' ' || *text == '\t') ++text;
  return text;
}

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

// Reads digits and leaves `at` behind them. False where there are none.
bool read_number(const char** at, unsigned base, uint64_t* value) {
  const char* digits = skip_blanks(*at);
  const char* start = digits;
  *value = 0;
  for (int digit = digit_of(*digits); digit >= 0 && static_cast<unsigned>(digit) < base; digit = digit_of(*++digits)) {
    *value = *value * base + static_cast<unsigned>(digit);
  }
  *at = digits;
  return digits != start;
}

// The last of the numbers that the namespaces, from /proc's inward, have for the thread.
int innermost_number(const char* numbers, int otherwise) {
  uint64_t number = static_cast<uint64_t>(otherwise);
  uint64_t next = 0;
  while (read_number(&numbers, 10, &next)) number = next;
  return static_cast<int>(number);
}

// "0x7ffd..." or "-1"; false at the end of the text.
bool read_word(const char** at, uint64_t* value) {
  const char* text = skip_blanks(*at);
  if (strncmp(text, "0x", 2) == 0) {
    *at = text + 2;
    return read_number(at, 16, value);
  }
  *at = *text == '-' ? text + 1 : text;
  return read_number(at, 10, value);
}

// Of the calling thread, whose control block is known: where in it the head of the list lies.
uintptr_t robust_list_of(int tid) {
  uintptr_t head = 0;
  size_t bytes = 0;
  const long result = core::system_call(SYS_get_robust_list, tid, core::as_argument(&head), core::as_argument(&bytes));
  return core::failed(result) ? 0 : head;
}

// The memory may go at any moment: read by the kernel, which then answers with an error.
bool read_own_memory(uintptr_t address, void* buffer, size_t bytes) {
  const int fd = core::open_file("/proc/thread-self/mem", O_RDONLY);
  if (fd < 0) return false;
  const long got = core::system_call(SYS_pread64, fd, core::as_argument(buffer), static_cast<long>(bytes),
                                     static_cast<long>(address));
  core::close_file(fd);
  return got == static_cast<long>(bytes);
}

}  // namespace

void parse_task_status(const char* text, int task, TaskStatus* status) {
  const char* state = value_of(text, "State");
  const char* numbers = value_of(text, "NSpid");
  const char* blocked = value_of(text, "SigBlk");
  const char* filter = value_of(text, "Seccomp");
  uint64_t mode = 0;
  if (state != nullptr) status->state = *skip_blanks(state);
  status->tid = numbers == nullptr ? task : innermost_number(numbers, task);
  if (blocked != nullptr) read_number(&blocked, 16, &status->blocked);
  status->has_filter = filter != nullptr && read_number(&filter, 10, &mode) && mode != 0;
}

bool read_task_status(int task, TaskStatus* status) {
  char text[4096];
  if (read_of_task(task, "status", text, sizeof text) == 0) return false;
  parse_task_status(text, task, status);
  return true;
}

// "running", or "NUMBER A B C D E F STACK-POINTER CODE", or "-1 STACK-POINTER CODE" outside of calls.
bool parse_blocked_call(const char* text, BlockedCall* call) {
  constexpr size_t kMostWords = kCallArguments + 2;
  uint64_t number = 0;
  uint64_t words[kMostWords] = {};
  size_t count = 0;
  *call = {};
  if (!read_word(&text, &number)) return false;
  while (count < kMostWords && read_word(&text, &words[count])) ++count;
  if (count < 2) return false;
  call->stack_pointer = words[count - 2];
  if (count == kMostWords) memcpy(call->arguments, words, sizeof call->arguments);
  return true;
}

bool read_blocked_call(int task, BlockedCall* call) {
  char text[512];
  return read_of_task(task, "syscall", text, sizeof text) != 0 && parse_blocked_call(text, call);
}

uintptr_t thread_pointer_of(int tid) {
  const uintptr_t own_list = robust_list_of(0);
  const uintptr_t list = robust_list_of(tid);
  if (own_list == 0 || list == 0) return 0;
  const uintptr_t pointer = list - (own_list - own_thread_pointer());
  uintptr_t words[3] = {};
  return read_own_memory(pointer, words, sizeof words) && is_control_block(words, pointer) ? pointer : 0;
}

}  // namespace weir::leak
