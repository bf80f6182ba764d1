#include "stack/unwind_row.h"

namespace weir::stack {
namespace {

class Program {
 public:
  Program(const Cie& cie, uintptr_t start, uintptr_t end, uintptr_t begin, uintptr_t pc, const Row* initial)
      : cie_(cie), reader_(start, end), location_(begin), pc_(pc), initial_(initial) {}

  // False where the program holds what the compact form does not know, or is malformed.
  bool run(Row* row) {
    while (reader_.more()) {
      if (!execute(reader_.fixed<uint8_t>(), *row)) return false;
      if (location_ > pc_) return true;
    }
    return !reader_.failed();
  }

 private:
  static constexpr int kMaxRemembered = 4;

  bool execute(uint8_t code, Row& row) {
    const uint64_t operand = code & 0x3f;
    switch (code >> 6) {
      case 1:
        return advance(operand);  // advance_loc
      case 2:
        return set_offset(row, operand, static_cast<int64_t>(reader_.uleb()));  // offset
      case 3:
        return restore(row, operand);  // restore
      default:
        return execute_extended(code, row);
    }
  }

  bool execute_extended(uint8_t code, Row& row) {
    switch (code) {
      case 0x00:
        return true;  // nop
      case 0x01:
        location_ = reader_.pointer(cie_.pointer_encoding, 0);
        return !reader_.failed();  // set_loc
      case 0x02:
        return advance(reader_.fixed<uint8_t>());
      case 0x03:
        return advance(reader_.fixed<uint16_t>());
      case 0x04:
        return advance(reader_.fixed<uint32_t>());
      case 0x05:
        return offset_extended(row, 1);  // offset_extended
      case 0x06:
        return restore(row, reader_.uleb());  // restore_extended
      case 0x07:
        return set(row, reader_.uleb(), Where::undefined);
      case 0x08:
        return set(row, reader_.uleb(), Where::same);
      case 0x09:
        return set_then_skip(row);  // register
      case 0x0a:
        return remember(row);
      case 0x0b:
        return recall(row);
      case 0x0c:
        return define_cfa(row, 1);  // def_cfa
      case 0x0d:
        return define_cfa_register(row);
      case 0x0e:
        row.cfa_offset = static_cast<int64_t>(reader_.uleb());
        return true;
      case 0x0f:
        return define_cfa_expression(row);
      case 0x10:
        return set_expression(row, Where::expression);
      case 0x11:
        return offset_extended_signed(row);
      case 0x12:
        return define_cfa_signed(row);
      case 0x13:
        row.cfa_offset = reader_.sleb() * cie_.data_alignment;
        return true;
      case 0x14:
        return set_then_skip(row);  // val_offset
      case 0x15:
        return set_then_skip_signed(row);  // val_offset_sf
      case 0x16:
        return set_expression(row, Where::other);  // val_expression
      case 0x2e:
        reader_.uleb();
        return true;  // GNU_args_size
      case 0x2f:
        return offset_extended(row, -1);  // GNU_negative_offset_extended
      default:
        return false;
    }
  }

  bool advance(uint64_t units) {
    location_ += units * cie_.code_alignment;
    return true;
  }
  bool set(Row& row, uint64_t reg, Where where) {
    row.rule_of(reg) = {where, 0, {}};
    return true;
  }
  bool set_offset(Row& row, uint64_t reg, int64_t factored) {
    row.rule_of(reg) = {Where::at_cfa, factored * cie_.data_alignment, {}};
    return true;
  }
  bool offset_extended(Row& row, int64_t sign) {
    const uint64_t reg = reader_.uleb();
    return set_offset(row, reg, sign * static_cast<int64_t>(reader_.uleb()));
  }
  bool offset_extended_signed(Row& row) {
    const uint64_t reg = reader_.uleb();
    return set_offset(row, reg, reader_.sleb());
  }
  bool set_then_skip(Row& row) {
    set(row, reader_.uleb(), Where::other);
    reader_.uleb();
    return true;
  }
  bool set_then_skip_signed(Row& row) {
    set(row, reader_.uleb(), Where::other);
    reader_.sleb();
    return true;
  }
  bool set_expression(Row& row, Where where) {
    const uint64_t reg = reader_.uleb();
    row.rule_of(reg) = {where, 0, expression()};
    return !reader_.failed();
  }
  bool define_cfa(Row& row, int64_t factor) {
    row.cfa_register = reader_.uleb();
    row.cfa_offset = static_cast<int64_t>(reader_.uleb()) * factor;
    row.cfa_expression = {};
    return true;
  }
  bool define_cfa_signed(Row& row) {
    row.cfa_register = reader_.uleb();
    row.cfa_offset = reader_.sleb() * cie_.data_alignment;
    row.cfa_expression = {};
    return true;
  }
  bool define_cfa_register(Row& row) {
    row.cfa_register = reader_.uleb();
    row.cfa_expression = {};
    return true;
  }
  bool define_cfa_expression(Row& row) {
    row.cfa_expression = expression();
    return !reader_.failed();
  }
  Expression expression() {
    const DwarfReader block = reader_.block(reader_.uleb());
    return {block.at(), block.end()};
  }
  bool restore(Row& row, uint64_t reg) {
    row.rule_of(reg) = initial_ != nullptr ? const_cast<Row*>(initial_)->rule_of(reg) : RegisterRule{};
    return true;
  }
  bool remember(const Row& row) {
    if (depth_ == kMaxRemembered) return false;
    remembered_[depth_++] = row;
    return true;
  }
  bool recall(Row& row) {
    if (depth_ == 0) return false;
    row = remembered_[--depth_];
    return true;
  }

  const Cie& cie_;
  DwarfReader reader_;
  uintptr_t location_;
  uintptr_t pc_;
  const Row* initial_;
  Row remembered_[kMaxRemembered];
  int depth_ = 0;
};

}  // namespace

bool row_at(const Fde& fde, uintptr_t pc, Row* row) {
  if (!Program(fde.cie, fde.cie.instructions, fde.cie.end, 0, ~uintptr_t{0}, nullptr).run(row)) return false;
  const Row initial = *row;
  return Program(fde.cie, fde.instructions, fde.end, fde.begin, pc, &initial).run(row);
}

}  // namespace weir::stack
