#include "stack/python/thread_walks.h"

#include <bit>
#include <cstring>
#include <new>

#include "core/arena.h"
#include "stack/python/code_place.h"

namespace weir::stack::python {
namespace {

template <class T>
void release_array(T* array, size_t count) {
  if (array != nullptr) core::arena_release(array, count * sizeof(T));
}

}  // namespace

bool RecentWalks::resize(uint32_t log) {
  auto* walks = core::arena_array<Walk>(size_t{1} << log);
  if (walks == nullptr) return false;
  release();
  walks_ = walks;
  log_ = log;
  return true;
}

void RecentWalks::release() {
  if (walks_ == nullptr) return;
  for (size_t i = 0; i < size_t{1} << log_; ++i) release_array(walks_[i].words, walks_[i].capacity);
  release_array(walks_, size_t{1} << log_);
  walks_ = nullptr;
  word_count_ = 0;
}

bool RecentWalks::widen(Walk* walk, uint32_t capacity) {
  auto* wider = core::arena_array<uint64_t>(capacity);
  if (wider == nullptr) return false;
  word_count_ += capacity - walk->capacity;
  release_array(walk->words, walk->capacity);
  *walk = {};
  walk->words = wider;
  walk->capacity = capacity;
  return true;
}

core::StackId RecentWalks::find(core::StackId native, uint32_t generation, uint64_t hash, const uint64_t* words,
                                uint32_t count) const {
  const Walk& walk = walk_of(native, hash);
  const bool may_be =
      walk.hash == hash && walk.native == native && walk.generation == generation && walk.count == count;
  if (!may_be || memcmp(walk.words, words, count * sizeof *words) != 0) return core::StackId::unknown;
  return walk.combined;
}

void RecentWalks::keep(core::StackId native, uint32_t generation, uint64_t hash, const uint64_t* words, uint32_t count,
                       core::StackId combined, uint64_t clock) {
  const bool is_new = combined > highest_;  // which would be in no cache, whatever its size
  if (is_new) highest_ = combined;
  const bool evicts = walk_of(native, hash).combined != core::StackId::unknown;
  if (evicts && !is_new && log_ < kLargestLog && growth_.evicted(uint64_t{1} << log_, clock)) resize(log_ + 1);
  const uint32_t capacity = std::bit_ceil(count);
  const bool is_full = walk_of(native, hash).capacity < count && word_count_ + capacity > kMostWords;
  if (is_full && !resize(log_)) return;  // all of them go: most are of other stacks than the latest
  Walk& walk = walk_of(native, hash);
  if (walk.capacity < count && !widen(&walk, capacity)) return;
  memcpy(walk.words, words, count * sizeof *words);
  walk = {hash, walk.words, native, combined, generation, count, walk.capacity};
}

bool KnownPlaces::create() {
  entries_ = core::arena_array<Entry>(size_t{1} << kLog);
  return entries_ != nullptr;
}

void KnownPlaces::release() { release_array(entries_, size_t{1} << kLog); }

ThreadWalks* create_walks(uint32_t capacity) {
  auto* walks = core::arena_array<ThreadWalks>(1);
  if (walks == nullptr) return nullptr;
  new (walks) ThreadWalks{};
  walks->capacity = capacity;
  walks->words = core::arena_array<uint64_t>(capacity);
  walks->places = core::arena_array<FrameKey>(capacity);
  walks->runs = core::arena_array<Run>(capacity);
  walks->native = core::arena_array<FrameKey>(capacity);
  walks->run_of = core::arena_array<uint32_t>(capacity);
  walks->combined = core::arena_array<CombinedFrame>(size_t{capacity} * 2);
  walks->text = core::arena_array<char>(kTextBytes);
  const bool has_arrays = walks->words != nullptr && walks->places != nullptr && walks->runs != nullptr &&
                          walks->native != nullptr && walks->run_of != nullptr && walks->combined != nullptr &&
                          walks->text != nullptr;
  if (has_arrays && walks->recent.create() && walks->known.create()) return walks;
  release_walks(walks);
  return nullptr;
}

void release_walks(ThreadWalks* walks) {
  if (walks == nullptr) return;
  release_array(walks->words, walks->capacity);
  release_array(walks->places, walks->capacity);
  release_array(walks->runs, walks->capacity);
  release_array(walks->native, walks->capacity);
  release_array(walks->run_of, walks->capacity);
  release_array(walks->combined, size_t{walks->capacity} * 2);
  release_array(walks->text, kTextBytes);
  walks->recent.release();
  walks->known.release();
  release_array(walks, 1);
}

}  // namespace weir::stack::python
