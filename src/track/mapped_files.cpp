#include "track/mapped_files.h"

#include <cstring>

#include "core/arena.h"
#include "core/large_table.h"

namespace weir::track {
namespace {

constexpr size_t kBuckets = 1024;
constexpr size_t kMaxFiles = 65536;  // bounds the metadata of a program that maps ever new temporary files
constexpr const char kOtherFiles[] = "(other files)";

struct FileNode {
  MappedFile file;  // first: readers' pointers to it lead back here
  FileNode* next_in_bucket;
  FileNode* next;
  size_t path_length;
};

WEIR_LARGE_TABLE FileNode* buckets[kBuckets];
FileNode* first;
FileNode* last;
size_t file_count;

// FNV-1a.
size_t bucket_of(const char* path, size_t length) {
  uint64_t hash = 0xcbf29ce484222325U;
  for (size_t i = 0; i < length; ++i) hash = (hash ^ static_cast<uint8_t>(path[i])) * 0x100000001b3U;
  return static_cast<size_t>((hash ^ (hash >> 32)) % kBuckets);
}

FileNode* find_file(size_t bucket, const char* path, size_t length) {
  for (FileNode* node = buckets[bucket]; node != nullptr; node = node->next_in_bucket) {
    if (node->path_length == length && memcmp(node->file.path, path, length) == 0) return node;
  }
  return nullptr;
}

FileNode* add_file(size_t bucket, const char* path, size_t length) {
  auto* node = static_cast<FileNode*>(core::arena_allocate(sizeof(FileNode) + length + 1));
  if (node == nullptr) return nullptr;
  char* copy = reinterpret_cast<char*>(node + 1);
  memcpy(copy, path, length);
  node->file.path = copy;
  node->path_length = length;
  node->next_in_bucket = buckets[bucket];
  buckets[bucket] = node;
  (last != nullptr ? last->next : first) = node;
  last = node;
  ++file_count;
  return node;
}

}  // namespace

MappedFile* intern_file(const char* path, size_t length) {
  size_t bucket = bucket_of(path, length);
  FileNode* node = find_file(bucket, path, length);
  if (node == nullptr && file_count >= kMaxFiles) {
    path = kOtherFiles;
    length = sizeof kOtherFiles - 1;
    bucket = bucket_of(path, length);
    node = find_file(bucket, path, length);
  }
  if (node == nullptr) node = add_file(bucket, path, length);
  return node == nullptr ? nullptr : &node->file;
}

MappedFile* first_file() { return first == nullptr ? nullptr : &first->file; }

MappedFile* file_after(const MappedFile* file) {
  FileNode* next = reinterpret_cast<const FileNode*>(file)->next;
  return next == nullptr ? nullptr : &next->file;
}

void clear_file_counts() {
  for (FileNode* node = first; node != nullptr; node = node->next) {
    node->file.map_count = node->file.mapped_bytes = node->file.mapped_peak_bytes = node->file.resident_bytes = 0;
  }
}

}  // namespace weir::track
