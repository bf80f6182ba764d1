#include "leak/interior_pointer.h"

#include <cstring>

namespace weir::leak {
namespace {

uintptr_t word_at(uintptr_t address) {
  uintptr_t word;
  memcpy(&word, reinterpret_cast<const void*>(address), sizeof word);
  return word;
}

// new T[n] of a T with a destructor: n stands right before the first element (Itanium C++ ABI, 2.7), which an alignment above 8 moves further
// up; of no elements the pointer is the block's end.
bool is_behind_array_cookie(uintptr_t offset, const HeapBlock& block) {
  constexpr uintptr_t kMostAlignment = 4096;
  if (block.family != track::Family::array_new || offset < sizeof(size_t) || offset > kMostAlignment) return false;
  if ((offset & (offset - 1)) != 0) return false;
  const size_t count = word_at(block.address + offset - sizeof(size_t));
  const size_t rest = block.bytes - offset;
  return count == 0 ? rest == 0 : rest >= count && rest % count == 0;
}

// A library that keeps a block's size before it and hands out what follows, as SQLite does where it cannot ask the allocator.
bool is_behind_own_size(uintptr_t offset, const HeapBlock& block) {
  return offset == sizeof(uint64_t) && block.bytes > offset && word_at(block.address) == block.bytes - offset;
}

// The text of a reference-counted std::string (libstdc++'s before C++11): length, capacity and count stand before it.
bool is_text_of_old_string(uintptr_t offset, const HeapBlock& block) {
  constexpr uintptr_t kHeaderBytes = 24;
  if (offset != kHeaderBytes || block.family != track::Family::scalar_new || block.bytes <= kHeaderBytes) return false;
  const size_t length = word_at(block.address), capacity = word_at(block.address + sizeof(size_t));
  return length <= capacity && capacity == block.bytes - kHeaderBytes - 1;
}

bool is_in_read_only_data(uintptr_t address, const MemoryMap& map) {
  const Area* area = map.find(address);
  return area != nullptr && area->readable && !area->writable && !area->shared && area->kind == AreaKind::file;
}

// An object by its second base: it begins with a pointer to a table of functions, and so does the base.
bool is_second_base(uintptr_t offset, const HeapBlock& block, const MemoryMap& map) {
  if (offset % sizeof(uintptr_t) != 0 || offset + sizeof(uintptr_t) > block.bytes) return false;
  return is_in_read_only_data(word_at(block.address + offset), map) &&
         is_in_read_only_data(word_at(block.address), map);
}

// A program may have taken the access away from whole pages of a block.
bool is_readable(uintptr_t address, const MemoryMap& map) {
  const Area* area = map.find(address);
  return area != nullptr && area->readable;
}

}  // namespace

bool is_as_good_as_start(uintptr_t word, const HeapBlock& block, const MemoryMap& map, PythonObjects& python) {
  const uintptr_t offset = word - block.address;
  if (offset == 0) return true;
  constexpr size_t kPageBytes = 4096;
  if (block.bytes >= kPageBytes && !(is_readable(block.address, map) && is_readable(word, map)))
    return block.is_of_loader;
  if (is_behind_array_cookie(offset, block)) return true;
  if (offset >= block.bytes) return false;
  return block.is_of_loader || is_behind_own_size(offset, block) || is_text_of_old_string(offset, block) ||
         is_second_base(offset, block, map) || python.is_known_by(offset, block);  // guard: python-object
}

}  // namespace weir::leak
