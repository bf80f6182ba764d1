// The live set: which blocks are alive, each with its record. Blocks of the host pool have dense records found by page
// geometry; blocks of any other allocator (the program's own malloc with the pool off, glibc's when the pool has no memory)
// have an entry in a sharded table. Readers see both alike.
//
// Threads: a block is inserted by the thread that acquired it, before the program has its address, and removed before it is
// released, by the thread that releases it. No locks for pool blocks. Enumeration is safe at any time; it is exact where no
// other thread allocates meanwhile.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/guard.h"
#include "track/record.h"
#include "track/size_class.h"

namespace weir::track {

// A pool page's geometry: blocks of block_bytes from start. A page of one block larger than 16 MiB spans segments.
struct PageGeometry {
  uintptr_t start;
  size_t bytes;  // of the page's block area
  size_t block_bytes;
};

// What the pool's page is at this moment, cheaply: the same page object with the same block size has the same geometry.
struct PageIdentity {
  const void* page;
  size_t block_bytes;
};

// Asks the pool for the geometry of the page that holds `base`; called on the slow path only, when the page is new.
using GeometryOf = PageGeometry (*)(uintptr_t base);

enum class RemoveResult : uint8_t {
  removed,
  already_freed,  // the record says freed: a double free, as long as the block was not handed out again
  interior,       // inside a live block, not its start
  unknown,        // not a block that Weir tracks
  untracked,  // where the process samples: the start of a block of the pool's that has no record; pool_base is known
};

// Where a block was inserted.
struct InsertedPlace {
  BlockClass block_class;
  bool new_page = false;  // the page was met for the first time since the pool made it
};

// Inserts a pool block whose pool block starts at `base` (base <= block.address; they differ for aligned blocks only).
// False when memory for records ran out: the block lives untracked. Cost where the page is known: five loads that the allocation
// mostly made hot, two stores.
bool insert_pool_block(const core::Inside&, uintptr_t base, const PageIdentity& page, const Block& block,
                       GeometryOf geometry, InsertedPlace* place);

// Inserts a block of another allocator. False when memory ran out.
bool insert_foreign_block(const core::Inside&, const Block& block);

// What is at `address`, without changing it. Any address may be asked, also interior ones; `result.address` is the block's
// start. pool_base, where wanted, receives the pool's own start of the block (0 for a foreign block).
RemoveResult find_block(uintptr_t address, Block* result, uintptr_t* pool_base);

// Takes the block that starts at `address` out. On `removed`, *result is the block and *pool_base the pool's start of it
// (0: the block is another allocator's); the record then tells who freed it. On other results *result describes what was found.
// block_class, where wanted, receives the block's size class.
RemoveResult remove_block(const core::Inside&, uintptr_t address, Block* result, uintptr_t* pool_base,
                          BlockClass* block_class = nullptr, FreedBy by = {});

// Puts back a block that remove_block just gave (a realloc that failed).
void restore_block(const core::Inside&, const Block& block, uintptr_t pool_base);

// Sees to it that the free of the live block that starts at `address` is not the plain path's. False where none starts there.
bool divert_free(const core::Inside&, uintptr_t address);

// Makes the page known that holds the pool block at `base`, without a record of the block. False where memory ran out.
bool know_pool_page(uintptr_t base, const PageIdentity& page, GeometryOf geometry, bool* new_page);

// True for an address inside a pool page that has been seen: such a pointer must never go to another allocator.
bool in_pool_page(uintptr_t address);

// What lies around `address`, which no block starts at: the live or freed block of the pool's whose place holds it. Not where the
// process samples, nor where the records there may be those of a page that the pool has given up.
struct Surroundings {
  bool known;
  Block block;
};
Surroundings find_surroundings(uintptr_t address);

// How far behind the pool's start of a block the program's pointer lies at the least: room in front for what must not be written to
// (WEIR_GUARD). Before the first block; a multiple of 16.
void set_front_bytes(size_t bytes);

// Calls visit(context, block) for each live block but placeholders (sampling.h), in address order within each of the two kinds.
using BlockVisitor = void (*)(void* context, const Block& block);
void for_each_live_block(BlockVisitor visit, void* context);

// Locks that another thread may have held when fork copied this one.
void live_set_reset_after_fork();

}  // namespace weir::track
