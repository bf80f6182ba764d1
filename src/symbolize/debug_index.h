// A module's DWARF by address: functions, inlined calls and lines.
#pragma once

#include <elfutils/libdw.h>

#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "symbolize/location.h"

namespace weir::symbolize {

class DebugIndex {
 public:
  DebugIndex() = default;
  // `dwarf` must outlive the index. Reads each unit's address ranges, not its contents.
  explicit DebugIndex(Dwarf* dwarf);

  // Nothing where no unit covers the address. The function may be empty (assembly), and so may the line.
  std::optional<Location> find(Dwarf_Addr address);

 private:
  template <class Value>
  struct Range {
    Dwarf_Addr start, end;
    Value value;
  };
  // Ranges by start; `reach` is the highest end up to and including each, so that overlaps are found by walking back.
  template <class Value>
  class RangeMap {
   public:
    void add(Dwarf_Addr start, Dwarf_Addr end, const Value& value) { ranges_.push_back({start, end, value}); }
    void add_ranges_of(Dwarf_Die* die, const Value& value);
    void sort();
    const Value* find(Dwarf_Addr address) const;

   private:
    std::vector<Range<Value>> ranges_;
    std::vector<Dwarf_Addr> reach_;
  };

  struct Unit {
    Dwarf_Die line_die;  // has the line table: the skeleton of a split unit
    Dwarf_Die die;       // has the functions
    RangeMap<Dwarf_Die> functions;
    enum { unread, outer_functions, all_functions } state = unread;
  };

  const Dwarf_Die* function_at(Unit& unit, Dwarf_Addr address);
  static void collect_functions(Unit& unit, Dwarf_Die* parent, bool nested, int depth);
  std::string function_name(Dwarf_Die* die);
  std::string qualified_name(Dwarf_Die* die, const char* name);
  const Dwarf_Die* parent_of(Dwarf_Die* die);
  void collect_parents(Dwarf_Die* parent, int depth);

  std::vector<Unit> units_;
  RangeMap<size_t> unit_ranges_;                        // -> index in units_
  std::map<const void*, std::string> names_;            // by the address of a DIE
  std::unordered_map<const void*, Dwarf_Die> parents_;  // of DIEs with children and of functions, by their address
  std::unordered_set<const void*> units_with_parents_;  // by the address of the unit's DIE
};

}  // namespace weir::symbolize
