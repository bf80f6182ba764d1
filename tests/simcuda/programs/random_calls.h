// For programs that make random calls, the same ones for the same seed, and print what each was answered.
#pragma once

#include <cstddef>
#include <iterator>
#include <random>
#include <string>

#include "must.h"

inline std::mt19937 random_source;
inline unsigned below(size_t count) { return static_cast<unsigned>(random_source() % count); }
inline bool one_in(unsigned count) { return below(count) == 0; }

// What is printed of a call.
inline std::string line;
inline void say(const std::string& text) { line += " " + text; }
inline void say(const char* name, CUresult result) { say(std::string(name) + "=" + std::to_string(result)); }
inline std::string text_of(size_t value) { return std::to_string(value); }

struct Operation {
  unsigned weight;
  const char* name;
  void (*run)();
};

// One of the first `count`, as often as its weight says.
inline const Operation& some_operation(const Operation* operations, size_t count) {
  unsigned sum = 0;
  for (size_t i = 0; i < count; ++i) sum += operations[i].weight;
  unsigned at = below(sum);
  for (size_t i = 0; i < count; ++i) {
    if (at < operations[i].weight) return operations[i];
    at -= operations[i].weight;
  }
  return operations[0];
}
