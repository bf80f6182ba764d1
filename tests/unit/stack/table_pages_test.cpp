#include "stack/table_pages.h"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "stack/unwind_rule.h"

namespace weir::stack {
namespace {

LoadedModule module_at(const void* code) {
  LoadedModule module;
  EXPECT_TRUE(find_loaded_module(reinterpret_cast<uintptr_t>(code), &module));
  return module;
}

LoadedModule the_libc() { return module_at(dlsym(RTLD_DEFAULT, "qsort")); }

// The kernel's word for how much of the mapping that begins at or around `address` is resident.
long resident_kib(uintptr_t address) {
  std::ifstream maps("/proc/self/smaps");
  bool inside = false;
  for (std::string line; std::getline(maps, line);) {
    unsigned long start, end;
    if (sscanf(line.c_str(), "%lx-%lx ", &start, &end) == 2) inside = address >= start && address < end;
    if (inside && line.rfind("Rss:", 0) == 0) return atol(line.c_str() + 4);
  }
  return -1;
}

void read_all(const TablePages& pages) {
  volatile char sink = 0;
  for (uintptr_t at = pages.start; at < pages.end; at += 4096) sink = *reinterpret_cast<const char*>(at);
  (void)sink;
}

TEST(TablePages, OfALibraryAreBehindItsHeaderToItsSegmentsEnd) {
  const LoadedModule libc = the_libc();
  const TablePages pages = table_pages_of(libc);
  ASSERT_FALSE(pages.empty());
  EXPECT_GE(pages.start, libc.unwind_header);
  EXPECT_LT(pages.start - libc.unwind_header, 4096u);
  EXPECT_LE(pages.segment_start, libc.unwind_header);
  EXPECT_EQ(pages.end % 4096, 0u);
}

TEST(TablePages, ComeBackFromTheFileAsTheyWere) {
  const TablePages pages = table_pages_of(the_libc());
  read_all(pages);
  const size_t bytes = pages.end - pages.start;
  std::vector<char> before(bytes);
  memcpy(before.data(), reinterpret_cast<const void*>(pages.start), bytes);
  const long resident_before = resident_kib(pages.start);
  ASSERT_TRUE(give_back(pages));
  EXPECT_LT(resident_kib(pages.start), resident_before);
  EXPECT_EQ(memcmp(before.data(), reinterpret_cast<const void*>(pages.start), bytes), 0);
}

TEST(TablePages, OfMemoryWithoutAFileStay) {
  const size_t bytes = 16 * 4096;
  void* memory = mmap(nullptr, bytes + 2 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const auto start = reinterpret_cast<uintptr_t>(memory) + 4096;  // between guards: no neighbour joins it
  ASSERT_EQ(mprotect(reinterpret_cast<void*>(start), bytes, PROT_READ | PROT_WRITE), 0);
  memset(reinterpret_cast<void*>(start), 7, bytes);
  EXPECT_FALSE(give_back({start + 4096, start + bytes, start}));
  EXPECT_EQ(*reinterpret_cast<char*>(start + 4096), 7);
  munmap(memory, bytes + 2 * 4096);
}

TEST(TablePages, OfAWritableOrRelocatedSegmentStay) {
  LoadedModule libc = the_libc();
  std::vector<Elf64_Phdr> headers(libc.headers.first, libc.headers.first + libc.headers.count);
  libc.headers.first = headers.data();
  ASSERT_FALSE(table_pages_of(libc).empty());
  for (Elf64_Phdr& header : headers) {
    if (header.p_type == PT_LOAD) header.p_flags |= PF_W;
  }
  EXPECT_TRUE(table_pages_of(libc).empty());

  for (const bool relocated : {false, true}) {
    void* library =
        dlopen(relocated ? WEIR_TEST_MODULES "/text_relocations.so" : WEIR_TEST_MODULES "/text_alone.so", RTLD_NOW);
    EXPECT_EQ(table_pages_of(module_at(dlsym(library, "call"))).empty(), relocated);
  }
}

TEST(TablePages, AreGivenBackAfterAFewRules) {
  const LoadedModule libc = the_libc();
  const TablePages pages = table_pages_of(libc);
  read_all(pages);
  const long before = resident_kib(pages.start);
  for (uint64_t built = 1; built <= 200; ++built) note_tables_read(libc, built);
  EXPECT_LT(resident_kib(pages.start), before);
  EXPECT_EQ(build_rule(reinterpret_cast<uintptr_t>(dlsym(RTLD_DEFAULT, "qsort")) + 1, true, libc).kind,
            RuleKind::from_rsp);
}

}  // namespace
}  // namespace weir::stack
