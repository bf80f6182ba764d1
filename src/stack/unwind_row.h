// What the program of an entry says of a frame at an address.
#pragma once

#include "stack/dwarf_reader.h"
#include "stack/unwind_entry.h"

namespace weir::stack {

// DWARF code in the module's memory.
struct Expression {
  uintptr_t start = 0, end = 0;
};

enum class Where : uint8_t { unspecified, undefined, same, at_cfa, expression, other };

struct RegisterRule {
  Where where = Where::unspecified;
  int64_t offset = 0;
  Expression expression;
};

// A row of the unwind table, as far as the compact form needs it.
struct Row {
  uint64_t cfa_register = 0;
  int64_t cfa_offset = 0;
  Expression cfa_expression;  // start 0: register and offset hold
  RegisterRule rbp, rsp, return_address, ignored;

  RegisterRule& rule_of(uint64_t dwarf_register) {
    switch (dwarf_register) {
      case kRegisterRbp:
        return rbp;
      case kRegisterRsp:
        return rsp;
      case kRegisterReturn:
        return return_address;
      default:
        return ignored;
    }
  }
};

// Runs the entry's program up to the pc. False where it holds what the compact form does not know, or is malformed.
bool row_at(const Fde& fde, uintptr_t pc, Row* row);

}  // namespace weir::stack
