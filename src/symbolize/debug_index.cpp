#include "symbolize/debug_index.h"

#include <dwarf.h>

#include <algorithm>
#include <filesystem>
#include <string_view>

#include "symbolize/demangle.h"

namespace weir::symbolize {
namespace {

constexpr int kMaxDepth = 256;  // of nested DIEs; a file that nests deeper is damaged

std::string absolute_path(const char* path, Dwarf_Die* unit) {
  if (path == nullptr || *path == '\0') return {};
  std::filesystem::path file(path);
  if (file.is_relative()) {
    Dwarf_Attribute attribute;
    const char* folder = dwarf_formstring(dwarf_attr(unit, DW_AT_comp_dir, &attribute));
    if (folder != nullptr) file = std::filesystem::path(folder) / file;
  }
  return file.lexically_normal().string();
}

// The position of a row of the line table; line 0 is code that the compiler ascribes to no line.
void fill_line(Dwarf_Die* unit, Dwarf_Addr address, SourcePosition& position) {
  Dwarf_Line* row = dwarf_getsrc_die(unit, address);
  int line = 0;
  if (row == nullptr || dwarf_lineno(row, &line) != 0) return;
  position.line = static_cast<unsigned>(line);
  position.file = absolute_path(dwarf_linesrc(row, nullptr, nullptr), unit);
}

std::string call_file(Dwarf_Die* inlined, Dwarf_Word index) {
  Dwarf_Die unit;
  Dwarf_Files* files = nullptr;
  size_t count = 0;
  if (dwarf_diecu(inlined, &unit, nullptr, nullptr) == nullptr || dwarf_getsrcfiles(&unit, &files, &count) != 0)
    return {};
  return index < count ? absolute_path(dwarf_filesrc(files, index, nullptr, nullptr), &unit) : std::string();
}

// Where the caller stood when it entered the inlined call.
void fill_call_site(Dwarf_Die* inlined, SourcePosition& position) {
  Dwarf_Attribute attribute;
  Dwarf_Word value = 0;
  if (dwarf_formudata(dwarf_attr(inlined, DW_AT_call_line, &attribute), &value) == 0) {
    position.line = static_cast<unsigned>(value);
  }
  if (dwarf_formudata(dwarf_attr(inlined, DW_AT_call_file, &attribute), &value) == 0) {
    position.file = call_file(inlined, value);
  }
}

bool has_ranges(Dwarf_Die* die) {
  return dwarf_hasattr(die, DW_AT_low_pc) != 0 || dwarf_hasattr(die, DW_AT_ranges) != 0;
}

// May code of the function at `address` belong to this child of it? A block without ranges is as wide as its parent.
bool is_block_around(Dwarf_Die* die, Dwarf_Addr address) {
  switch (dwarf_tag(die)) {
    case DW_TAG_lexical_block:
    case DW_TAG_try_block:
    case DW_TAG_catch_block:
    case DW_TAG_with_stmt:
      return !has_ranges(die) || dwarf_haspc(die, address) > 0;
    case DW_TAG_inlined_subroutine:
      return dwarf_haspc(die, address) > 0;
    default:
      return false;
  }
}

// Appends the inlined calls around `address`, outermost first. True when the search below `parent` found one.
bool find_inlined(Dwarf_Die* parent, Dwarf_Addr address, std::vector<Dwarf_Die>& chain, int depth) {
  Dwarf_Die child;
  if (depth > kMaxDepth || dwarf_child(parent, &child) != 0) return false;
  do {
    if (!is_block_around(&child, address)) continue;
    if (dwarf_tag(&child) == DW_TAG_inlined_subroutine) {
      chain.push_back(child);
      find_inlined(&child, address, chain, depth + 1);
      return true;
    }
    if (find_inlined(&child, address, chain, depth + 1)) return true;
  } while (dwarf_siblingof(&child, &child) == 0);
  return false;
}

// The DIE that holds the name: the abstract instance, then the declaration.
Dwarf_Die named_die(Dwarf_Die die) {
  for (int hops = 0; hops < kMaxDepth; ++hops) {
    Dwarf_Attribute attribute;
    Dwarf_Attribute* origin = dwarf_attr(&die, DW_AT_abstract_origin, &attribute);
    if (origin == nullptr) origin = dwarf_attr(&die, DW_AT_specification, &attribute);
    Dwarf_Die next;
    if (origin == nullptr || dwarf_formref_die(origin, &next) == nullptr) break;
    die = next;
  }
  return die;
}

const char* string_attribute(Dwarf_Die* die, unsigned name) {
  Dwarf_Attribute attribute;
  return dwarf_formstring(dwarf_attr_integrate(die, name, &attribute));
}

// The part of a qualified name that a scope around the function gives; nullptr where it gives none.
const char* scope_name(Dwarf_Die* scope) {
  const char* name = dwarf_diename(scope);
  switch (dwarf_tag(scope)) {
    case DW_TAG_namespace:
      return name != nullptr ? name : "(anonymous namespace)";
    case DW_TAG_class_type:
    case DW_TAG_structure_type:
    case DW_TAG_union_type:
      return name != nullptr ? name : "{lambda}";
    case DW_TAG_subprogram:
      return name;
    default:
      return nullptr;
  }
}

// glibc's own calls to its exported functions go to hidden aliases.
const char* without_alias_prefix(const char* name) {
  constexpr std::string_view kPrefix = "__GI_";
  return std::string_view(name).starts_with(kPrefix) ? name + kPrefix.size() : name;
}

}  // namespace

template <class Value>
void DebugIndex::RangeMap<Value>::add_ranges_of(Dwarf_Die* die, const Value& value) {
  Dwarf_Addr base = 0, start = 0, end = 0;
  for (ptrdiff_t offset = 0; (offset = dwarf_ranges(die, offset, &base, &start, &end)) > 0;) {
    // The linker leaves ranges of discarded functions at 0.
    if (start != 0 && start < end) add(start, end, value);
  }
}

template <class Value>
void DebugIndex::RangeMap<Value>::sort() {
  std::stable_sort(ranges_.begin(), ranges_.end(), [](const auto& a, const auto& b) { return a.start < b.start; });
  reach_.clear();
  for (const auto& range : ranges_) reach_.push_back(reach_.empty() ? range.end : std::max(reach_.back(), range.end));
}

template <class Value>
const Value* DebugIndex::RangeMap<Value>::find(Dwarf_Addr address) const {
  auto after = std::upper_bound(ranges_.begin(), ranges_.end(), address,
                                [](Dwarf_Addr value, const auto& range) { return value < range.start; });
  for (size_t i = static_cast<size_t>(after - ranges_.begin()); i-- > 0 && reach_[i] > address;) {
    if (ranges_[i].end > address) return &ranges_[i].value;
  }
  return nullptr;
}

// clang writes no .debug_aranges, so the units' own ranges are the index.
DebugIndex::DebugIndex(Dwarf* dwarf) {
  Dwarf_CU* cu = nullptr;
  Dwarf_Die unit_die, split_die;
  uint8_t type = 0;
  while (dwarf_get_units(dwarf, cu, &cu, nullptr, &type, &unit_die, &split_die) == 0) {
    if (type != DW_UT_compile && type != DW_UT_skeleton) continue;
    const bool split = type == DW_UT_skeleton && split_die.addr != nullptr;
    units_.push_back({unit_die, split ? split_die : unit_die, {}, Unit::unread});
    unit_ranges_.add_ranges_of(&unit_die, units_.size() - 1);
  }
  unit_ranges_.sort();
}

// Concrete functions lie beside each other in the unit or its namespaces; only those of local classes, lambdas and nested
// functions lie inside other functions, so the whole tree is read only where the first look finds nothing.
void DebugIndex::collect_functions(Unit& unit, Dwarf_Die* parent, bool nested, int depth) {
  Dwarf_Die child;
  if (depth > kMaxDepth || dwarf_child(parent, &child) != 0) return;
  do {
    const int tag = dwarf_tag(&child);
    if (tag == DW_TAG_subprogram) unit.functions.add_ranges_of(&child, child);
    if (nested || tag == DW_TAG_namespace || tag == DW_TAG_module) collect_functions(unit, &child, nested, depth + 1);
  } while (dwarf_siblingof(&child, &child) == 0);
}

const Dwarf_Die* DebugIndex::function_at(Unit& unit, Dwarf_Addr address) {
  while (true) {
    if (const Dwarf_Die* function = unit.functions.find(address)) return function;
    if (unit.state == Unit::all_functions) return nullptr;
    const bool nested = unit.state == Unit::outer_functions;
    unit.functions = {};
    collect_functions(unit, &unit.die, nested, 0);
    unit.functions.sort();
    unit.state = nested ? Unit::all_functions : Unit::outer_functions;
  }
}

void DebugIndex::collect_parents(Dwarf_Die* parent, int depth) {
  Dwarf_Die child;
  if (depth > kMaxDepth || dwarf_child(parent, &child) != 0) return;
  do {
    const bool has_children = dwarf_haschildren(&child) > 0;
    if (has_children || dwarf_tag(&child) == DW_TAG_subprogram) parents_[child.addr] = *parent;
    if (has_children) collect_parents(&child, depth + 1);
  } while (dwarf_siblingof(&child, &child) == 0);
}

// A DIE does not know its parent: libdw would read the unit from its beginning for each name.
const Dwarf_Die* DebugIndex::parent_of(Dwarf_Die* die) {
  Dwarf_Die unit;
  if (dwarf_diecu(die, &unit, nullptr, nullptr) == nullptr) return nullptr;
  if (units_with_parents_.insert(unit.addr).second) collect_parents(&unit, 0);
  const auto found = parents_.find(die->addr);
  return found == parents_.end() ? nullptr : &found->second;
}

// "outer::inner::name" for functions whose compiler gave no linkage name.
std::string DebugIndex::qualified_name(Dwarf_Die* die, const char* name) {
  std::string text = name;
  Dwarf_Die declaration = named_die(*die);
  for (const Dwarf_Die* parent = parent_of(&declaration); parent != nullptr;) {
    Dwarf_Die scope = *parent;
    if (const char* part = scope_name(&scope)) text = std::string(part) + "::" + text;
    parent = parent_of(&scope);
  }
  return text;
}

std::string DebugIndex::function_name(Dwarf_Die* die) {
  // The many inlined copies of a function share its declaration; a copy with a linkage name has a name of its own.
  const void* key = dwarf_hasattr(die, DW_AT_linkage_name) != 0 ? die->addr : named_die(*die).addr;
  const auto known = names_.find(key);
  if (known != names_.end()) return known->second;
  const char* linkage = string_attribute(die, DW_AT_linkage_name);
  if (linkage == nullptr) linkage = string_attribute(die, DW_AT_MIPS_linkage_name);
  std::string name;
  if (linkage != nullptr) {
    name = demangle(without_alias_prefix(linkage));
  } else if (const char* plain = string_attribute(die, DW_AT_name)) {
    name = qualified_name(die, without_alias_prefix(plain));
  }
  return names_[key] = name;
}

std::optional<Location> DebugIndex::find(Dwarf_Addr address) {
  const size_t* index = unit_ranges_.find(address);
  if (index == nullptr) return std::nullopt;
  Unit& unit = units_[*index];

  Location location;
  SourcePosition position;
  fill_line(&unit.line_die, address, position);
  if (const Dwarf_Die* found = function_at(unit, address)) {
    Dwarf_Die function = *found;
    std::vector<Dwarf_Die> calls;
    find_inlined(&function, address, calls, 0);
    for (auto call = calls.rbegin(); call != calls.rend(); ++call) {
      position.function = function_name(&*call);
      location.inlined.push_back(position);
      position = {};
      fill_call_site(&*call, position);
    }
    position.function = function_name(&function);
  }
  location.frame = position;
  return location;
}

}  // namespace weir::symbolize
