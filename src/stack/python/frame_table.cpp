#include "stack/python/frame_table.h"

#include <cstring>

#include "core/arena.h"
#include "core/large_table.h"
#include "core/spin_lock.h"
#include "stack/chunked_array.h"
#include "stack/python_frames.h"

namespace weir::stack::python {
namespace {

// A text in the arena, found by its content.
struct Name {
  uint64_t hash;
  const char* text;
  uint32_t bytes;
};

// Both tables find an entry's number by its hash, at most half of the slots in use; 0: none. Slots and their count in one word, which a
// forked child has both of.
class Slots {
 public:
  // The number for which matches(number) holds among those of that hash; 0 where there is none.
  template <class Matches>
  uint32_t find(uint64_t hash, const Matches& matches) const {
    if (packed_ == 0) return 0;
    for (uint32_t at = first_of(hash);; at = (at + 1) & mask()) {
      const uint32_t number = slots()[at];
      if (number == 0 || matches(number)) return number;
    }
  }

  // Room for one more of `count`, which hash_of(number) tells the hashes of. False where there is no memory.
  template <class HashOf>
  bool make_room(uint32_t count, const HashOf& hash_of) {
    if (packed_ != 0 && count < (1U << log()) / 2) return true;
    const uint32_t log_of_grown = packed_ == 0 ? kFirstLog : log() + 1;
    auto* first = core::arena_array<uint32_t>(size_t{1} << log_of_grown);
    if (first == nullptr) return false;
    const Slots outgrown = *this;
    Slots grown;
    grown.packed_ = reinterpret_cast<uintptr_t>(first) | uint64_t{log_of_grown} << kLogShift;
    for (uint32_t number = 1; number <= count; ++number) grown.put(hash_of(number), number);
    *this = grown;
    if (outgrown.packed_ != 0) core::arena_release(outgrown.slots(), sizeof(uint32_t) << outgrown.log());
    return true;
  }

  void put(uint64_t hash, uint32_t number) {
    uint32_t at = first_of(hash);
    while (slots()[at] != 0) at = (at + 1) & mask();
    slots()[at] = number;
  }

 private:
  static constexpr uint32_t kFirstLog = 8;
  static constexpr int kLogShift = 56;
  uint32_t* slots() const { return reinterpret_cast<uint32_t*>(packed_ & ((uint64_t{1} << kLogShift) - 1)); }
  uint32_t log() const { return static_cast<uint32_t>(packed_ >> kLogShift); }
  uint32_t mask() const { return (1U << log()) - 1; }
  uint32_t first_of(uint64_t hash) const { return static_cast<uint32_t>(hash >> (64 - log())); }

  uint64_t packed_ = 0;
};

struct Entry {
  uint32_t function, file;  // numbers of names
  uint32_t line;
};

constexpr uint64_t kMultiplier = 0x9e3779b97f4a7c15;

core::SpinLock lock;
WEIR_LARGE_TABLE ChunkedArray<Name, 128> names;     // from 1 on
WEIR_LARGE_TABLE ChunkedArray<Entry, 256> entries;  // from 1 on
Slots slots_of_names, slots_of_entries;
uint32_t name_count;
std::atomic<uint32_t> entry_count;

uint64_t hash_of(std::string_view text) {
  uint64_t hash = text.size();
  while (text.size() >= sizeof hash) {
    uint64_t word = 0;
    memcpy(&word, text.data(), sizeof word);
    hash = (hash ^ word) * kMultiplier;
    hash ^= hash >> 29;
    text.remove_prefix(sizeof word);
  }
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * kMultiplier;
  return hash ^ hash >> 31;
}

uint64_t hash_of(const Entry& entry) {
  const uint64_t names_hash = (uint64_t{entry.function} << 32 | entry.file) * kMultiplier;
  return ((names_hash ^ names_hash >> 32) + entry.line) * kMultiplier;
}

uint32_t number_of_name(std::string_view text) {
  const uint64_t hash = hash_of(text) * kMultiplier;
  const uint32_t known = slots_of_names.find(hash, [&](uint32_t number) {
    const Name& name = names[number];
    return name.hash == hash && std::string_view(name.text, name.bytes) == text;
  });
  if (known != 0) return known;
  const uint32_t number = name_count + 1;
  auto* kept = core::arena_array<char>(text.size() + 1);
  if (kept == nullptr || !names.reserve(number) ||
      !slots_of_names.make_room(name_count, [](uint32_t of) { return names[of].hash; })) {
    return 0;
  }
  memcpy(kept, text.data(), text.size());
  names[number] = {hash, kept, static_cast<uint32_t>(text.size())};
  name_count = number;
  slots_of_names.put(hash, number);
  return number;
}

uint32_t number_of_entry(const Entry& entry) {
  const uint64_t hash = hash_of(entry);
  const uint32_t known = slots_of_entries.find(hash, [&](uint32_t number) {
    const Entry& present = entries[number];
    return present.function == entry.function && present.file == entry.file && present.line == entry.line;
  });
  if (known != 0) return known;
  const uint32_t count = entry_count.load(std::memory_order_relaxed);
  if (!entries.reserve(count + 1) ||
      !slots_of_entries.make_room(count, [](uint32_t of) { return hash_of(entries[of]); })) {
    return 0;
  }
  entries[count + 1] = entry;
  entry_count.store(count + 1, std::memory_order_release);
  slots_of_entries.put(hash, count + 1);
  return count + 1;
}

}  // namespace

FrameKey key_of_frame(std::string_view function, std::string_view file, uint32_t line) {
  const core::LockScope scope(lock);
  const Entry entry{number_of_name(function), number_of_name(file), line};
  if (entry.function == 0 || entry.file == 0) return FrameKey{};
  const uint32_t number = number_of_entry(entry);
  return number == 0 ? FrameKey{} : frame_key(number, kPythonModule);
}

// A thread that the child does not have may have been at work: what it put counts or does not, but a name may be there twice.
void frame_table_reset_after_fork() { lock.reset_after_fork(); }

}  // namespace weir::stack::python

namespace weir::stack {

bool python_frame(const StackFrame& frame, PythonFrame* result) {
  if (!is_python(frame) || frame.ip == 0 || frame.ip > python::entry_count.load(std::memory_order_acquire))
    return false;
  const python::Entry& entry = python::entries[static_cast<uint32_t>(frame.ip)];
  *result = {python::names[entry.function].text, python::names[entry.file].text, entry.line};
  return true;
}

}  // namespace weir::stack
