// What the calls of the differential program share: what there is, and what is printed of a call. See main.cpp.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "../random_calls.h"

namespace differential {

constexpr size_t kThreads = 3;
constexpr int kNone = -1;

enum class Kind : uint8_t { device, pitched, managed, async, pinned, registered, array, mipmapped, physical };
constexpr const char* kKindNames[] = {"device",     "pitched", "managed",   "async",   "pinned",
                                      "registered", "array",   "mipmapped", "physical"};

struct Item {
  Kind kind;
  int number;
  int context;
  uintptr_t address;  // or the handle
  size_t bytes;
  bool has_address() const { return kind < Kind::array; }
};

struct ContextSlot {
  CUcontext handle = nullptr;
  CUstream stream = nullptr;
  bool is_primary = false;
  int device = 0;
};

// ---- What there is ----

extern std::vector<Item> items;
extern std::vector<ContextSlot> contexts;  // two primary ones, and places for three more
extern int current[kThreads];              // the place of each thread's context
extern size_t thread_of_call;
extern bool is_in_segments;

int slot_of(CUcontext handle);
CUstream stream_of_thread();
void add_stream(ContextSlot& slot);

// A call of this thread's gave it.
void add(Kind kind, uintptr_t address, size_t bytes);

// By when each was first seen.
size_t number_of_buffer(unsigned long long id);
size_t number_of_handle(const std::string& handle);  // for other processes

// ---- What is printed ----

// Of an address that a call gave: where it lies in the item that it is asked of, or in any.
std::string place_of(uintptr_t address);

// ---- Calls ----

void ask_all(uintptr_t address);
void ask_sharing(uintptr_t address);
void ask_memory();
void ask_current();

void allocate_device();
void allocate_pitched();
void allocate_managed();
void allocate_async();
void allocate_pinned();
void register_own();
void create_array();
void create_mipmapped();
void create_physical();

void free_some();
void free_wrongly();

void query_some();
void write_and_read();
void queue_only();
void set_sync_memops();
void break_context();

void make_primary(int device);
void create_context();
void end_some_context();
void switch_context();
void enable_peer();

}  // namespace differential
