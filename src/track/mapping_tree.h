// The balanced tree under the mapping table: disjoint intervals ordered by address.
#pragma once

#include <cstdint>

#include "core/treap.h"
#include "track/mapping_table.h"

namespace weir::track {

struct MappingNode {
  Mapping mapping;
  MappingNode* left;
  MappingNode* right;  // in a list of nodes: the next
  uint32_t priority;   // random; a parent's is the higher

  uint64_t key() const { return mapping.address; }
};

using core::join_trees;
using core::list_of_tree;
using core::node_at_or_above;
using core::node_at_or_below;
using core::split_tree;

}  // namespace weir::track
