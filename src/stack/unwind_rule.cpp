#include "stack/unwind_rule.h"

#include <cstring>

#include "stack/dwarf_reader.h"
#include "stack/unwind_entry.h"
#include "stack/unwind_row.h"

namespace weir::stack {
namespace {

constexpr uint8_t kOpDeref = 0x06, kOpBreg0 = 0x70, kOpBreg31 = 0x8f;

// "register + offset", or the word there.
struct RegisterPlus {
  uint64_t base = ~uint64_t{0};
  int64_t offset = 0;
  bool deref = false;
};

bool as_register_plus(const Expression& expression, RegisterPlus* result) {
  DwarfReader reader(expression.start, expression.end);
  const auto code = reader.fixed<uint8_t>();
  if (reader.failed() || code < kOpBreg0 || code > kOpBreg31) return false;
  result->base = code - kOpBreg0;
  result->offset = reader.sleb();
  if (reader.more()) result->deref = reader.fixed<uint8_t>() == kOpDeref;
  return !reader.failed() && !reader.more() && (result->deref || expression.end - expression.start >= 2);
}

bool is_word_at(const Expression& expression, uint64_t base, uintptr_t offset, bool deref) {
  RegisterPlus value;
  return as_register_plus(expression, &value) && value.base == base && value.offset == static_cast<int64_t>(offset) &&
         value.deref == deref;
}

// The linker's expression for .plt: rsp + 8, and 8 more once the stub has pushed its index, which the low bits of the
// address tell: breg7 8; breg16 0; lit15; and; lit<n>; ge; lit3; shl; plus.
bool plt_offset(const Expression& expression, uintptr_t pc, int32_t* offset) {
  constexpr uint8_t kBefore[] = {0x77, 8, 0x80, 0, 0x3f, 0x1a};
  constexpr uint8_t kAfter[] = {0x2a, 0x33, 0x24, 0x22};
  constexpr uint8_t kLiteral0 = 0x30;
  constexpr size_t kBytes = sizeof kBefore + 1 + sizeof kAfter;
  uint8_t code[kBytes];
  if (expression.end - expression.start != kBytes) return false;
  memcpy(code, reinterpret_cast<const void*>(expression.start), kBytes);
  if (memcmp(code, kBefore, sizeof kBefore) != 0 || memcmp(code + sizeof kBefore + 1, kAfter, sizeof kAfter) != 0) {
    return false;
  }
  const auto pushed_from = static_cast<uintptr_t>(code[sizeof kBefore] - kLiteral0);
  *offset = (pc & 15) >= pushed_from ? 16 : 8;
  return true;
}

bool fits_int32(int64_t value) { return value == static_cast<int32_t>(value); }

UnwindRule of_kind(RuleKind kind) {
  UnwindRule rule;
  rule.kind = kind;
  return rule;
}

bool compact_cfa(const Row& row, uintptr_t ip, UnwindRule* rule) {
  if (row.cfa_expression.start != 0) {
    if (plt_offset(row.cfa_expression, ip, &rule->cfa_offset)) {
      rule->kind = RuleKind::from_rsp;
      return true;
    }
    RegisterPlus value;
    if (!as_register_plus(row.cfa_expression, &value) || value.base != kRegisterRbp || !value.deref ||
        !fits_int32(value.offset)) {
      return false;
    }
    rule->kind = RuleKind::from_rbp_word;
    rule->cfa_offset = static_cast<int32_t>(value.offset);
    return true;
  }
  if (!fits_int32(row.cfa_offset)) return false;
  rule->cfa_offset = static_cast<int32_t>(row.cfa_offset);
  rule->kind = row.cfa_register == kRegisterRsp ? RuleKind::from_rsp : RuleKind::from_rbp;
  return row.cfa_register == kRegisterRsp || row.cfa_register == kRegisterRbp;
}

bool compact_rbp(const RegisterRule& rbp, UnwindRule* rule) {
  int64_t offset = 0;
  switch (rbp.where) {
    case Where::unspecified:
    case Where::same:
      rule->rbp = RbpSource::unchanged;
      return true;
    case Where::at_cfa:
      rule->rbp = RbpSource::at_cfa;
      offset = rbp.offset;
      if (offset > -static_cast<int64_t>(sizeof(uintptr_t))) return false;  // never above the frame
      break;
    case Where::expression: {
      RegisterPlus value;
      if (!as_register_plus(rbp.expression, &value) || value.base != kRegisterRbp || value.deref) return false;
      rule->rbp = RbpSource::at_rbp;
      offset = value.offset;
      break;
    }
    default:
      return false;
  }
  rule->rbp_offset = static_cast<int16_t>(offset);
  return rule->rbp_offset == offset;
}

bool is_usual_signal_frame(const Row& row) {
  return is_word_at(row.cfa_expression, kRegisterRsp, kSignalFrameRsp, true) &&
         row.return_address.where == Where::expression &&
         is_word_at(row.return_address.expression, kRegisterRsp, kSignalFrameRip, false) &&
         row.rbp.where == Where::expression && is_word_at(row.rbp.expression, kRegisterRsp, kSignalFrameRbp, false);
}

// What a walk need not look at again where it goes by rsp: the stack pointer grows by whole words, and the saved rbp
// lies in between.
bool is_possible(const UnwindRule& rule) {
  constexpr int kWord = sizeof(uintptr_t);
  if (rule.kind != RuleKind::from_rsp) return true;
  if (rule.cfa_offset < kWord || rule.cfa_offset % kWord != 0) return false;
  return rule.rbp != RbpSource::at_cfa || -rule.rbp_offset <= rule.cfa_offset;
}

UnwindRule compacted(const Row& row, bool signal_frame, uintptr_t ip) {
  if (row.return_address.where == Where::undefined) return of_kind(RuleKind::end);
  if (signal_frame) return of_kind(is_usual_signal_frame(row) ? RuleKind::signal_frame : RuleKind::generic);
  const bool usual_return =
      row.return_address.where == Where::at_cfa && row.return_address.offset == -int64_t{sizeof(uintptr_t)};
  const bool usual_rsp = row.rsp.where == Where::unspecified || row.rsp.where == Where::same;
  UnwindRule rule;
  if (!usual_return || !usual_rsp || !compact_cfa(row, ip, &rule) || !compact_rbp(row.rbp, &rule)) {
    return of_kind(RuleKind::generic);
  }
  return is_possible(rule) ? rule : of_kind(RuleKind::wrong);
}

}  // namespace

UnwindRule build_rule(uintptr_t ip, bool exact, const LoadedModule& module) {
  const uintptr_t pc = exact ? ip : ip - 1;
  Fde fde;
  if (module.unwind_header == 0) return of_kind(RuleKind::no_info);
  switch (find_fde(pc, module, &fde)) {
    case Found::none:
      return of_kind(RuleKind::no_info);
    case Found::beyond:
      return of_kind(RuleKind::generic);
    case Found::yes:
      break;
  }
  Row row;
  if (!row_at(fde, pc, &row)) return of_kind(RuleKind::generic);
  return compacted(row, fde.cie.signal_frame, ip);
}

bool is_function_start(uintptr_t ip, const LoadedModule& module) {
  Fde fde;
  return module.unwind_header != 0 && find_fde(ip, module, &fde) == Found::yes && fde.begin == ip;
}

}  // namespace weir::stack
