#include "stack/unwind_rule.h"

#include <cstring>

namespace weir::stack {
namespace {

// The DWARF names used below are those of the DWARF 5 and LSB "exception frames" specifications.
constexpr uint64_t kRegisterRbp = 6, kRegisterRsp = 7, kRegisterReturn = 16;
constexpr uint8_t kPointerOmitted = 0xff, kPointerIndirect = 0x80, kApplicationMask = 0x70, kFormatMask = 0x0f;
constexpr uint8_t kRelativeToPc = 0x10, kRelativeToData = 0x30;
constexpr uint8_t kSortedTable = 0x3b;  // data-relative, signed 4 bytes: the only search table linkers write
constexpr uint32_t kExtendedLength = 0xffffffff;
constexpr uint8_t kOpDeref = 0x06, kOpBreg0 = 0x70, kOpBreg31 = 0x8f;

// Reads DWARF's encodings; past the end it gives zeros and stays failed.
class Reader {
 public:
  Reader(uintptr_t start, uintptr_t end) : at_(start), end_(end), failed_(start == 0 || end < start) {}

  uintptr_t at() const { return at_; }
  uintptr_t end() const { return end_; }
  bool failed() const { return failed_; }
  bool more() const { return !failed_ && at_ < end_; }
  void fail() { failed_ = true; }

  template <class T>
  T fixed() {
    T value{};
    if (!take(sizeof(T))) return value;
    memcpy(&value, reinterpret_cast<const void*>(at_ - sizeof(T)), sizeof(T));
    return value;
  }

  uint64_t uleb() {
    uint64_t value = 0;
    for (unsigned shift = 0; !failed_; shift += 7) {
      const uint8_t byte = fixed<uint8_t>();
      if (shift < 64) value |= uint64_t{byte & 0x7fU} << shift;
      if ((byte & 0x80) == 0) break;
    }
    return value;
  }

  int64_t sleb() {
    uint64_t value = 0;
    for (unsigned shift = 0; !failed_;) {
      const uint8_t byte = fixed<uint8_t>();
      if (shift < 64) value |= uint64_t{byte & 0x7fU} << shift;
      shift += 7;
      if ((byte & 0x80) != 0) continue;
      if (shift < 64 && (byte & 0x40) != 0) value |= ~uint64_t{0} << shift;
      break;
    }
    return static_cast<int64_t>(value);
  }

  // An encoded pointer; an indirect one is not followed but fails.
  uintptr_t pointer(uint8_t encoding, uintptr_t data_base) {
    if (encoding == kPointerOmitted) return 0;
    const uintptr_t place = at_;
    uintptr_t value = unapplied(encoding);
    if ((encoding & kPointerIndirect) != 0) fail();
    switch (encoding & kApplicationMask) {
      case 0:
        return value;
      case kRelativeToPc:
        return value + place;
      case kRelativeToData:
        return value + data_base;
      default:
        fail();
        return 0;
    }
  }

  void skip(uint64_t bytes) { take(bytes); }

  // A reader of the next `bytes`, which this one passes over.
  Reader block(uint64_t bytes) {
    const uintptr_t start = at_;
    return take(bytes) ? Reader(start, start + bytes) : Reader(0, 0);
  }

 private:
  bool take(uint64_t bytes) {
    if (failed_ || bytes > end_ - at_) {
      failed_ = true;
      return false;
    }
    at_ += bytes;
    return true;
  }

  uintptr_t unapplied(uint8_t encoding) {
    switch (encoding & kFormatMask) {
      case 0x0:
      case 0x4:
      case 0xc:
        return fixed<uint64_t>();
      case 0x1:
        return uleb();
      case 0x2:
        return fixed<uint16_t>();
      case 0x3:
        return fixed<uint32_t>();
      case 0x9:
        return static_cast<uintptr_t>(sleb());
      case 0xa:
        return static_cast<uintptr_t>(int64_t{fixed<int16_t>()});
      case 0xb:
        return static_cast<uintptr_t>(int64_t{fixed<int32_t>()});
      default:
        fail();
        return 0;
    }
  }

  uintptr_t at_, end_;
  bool failed_;
};

struct Expression {
  uintptr_t start = 0, end = 0;
};

enum class Where : uint8_t { unspecified, undefined, same, at_cfa, expression, other };

struct RegisterRule {
  Where where = Where::unspecified;
  int64_t offset = 0;
  Expression expression;
};

// The row of the unwind table under construction, as far as the compact form needs it.
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

struct Cie {
  uint64_t code_alignment = 0;
  int64_t data_alignment = 0;
  uint8_t pointer_encoding = 0;
  bool has_augmentation_data = false, signal_frame = false;
  uintptr_t instructions = 0, end = 0;
};

struct Fde {
  Cie cie;
  uintptr_t begin = 0, size = 0;  // the code it covers
  uintptr_t instructions = 0, end = 0;
};

// ---- finding and reading the entry ----

// An entry (CIE or FDE) as a reader of its body; fails for the 64-bit form, which no x86-64 tool writes in .eh_frame.
Reader entry_body(uintptr_t address, const ReadableMemory& memory) {
  Reader reader(address, memory.end_of_range(address));
  const auto length = reader.fixed<uint32_t>();
  return length == kExtendedLength || length == 0 ? Reader(0, 0) : reader.block(length);
}

bool read_augmentation(Reader& reader, Reader text, Cie* cie) {
  uintptr_t data_end = 0;
  while (text.more()) {
    switch (text.fixed<char>()) {
      case 'z': {
        cie->has_augmentation_data = true;
        const uint64_t bytes = reader.uleb();
        if (bytes > reader.end() - reader.at()) return false;
        data_end = reader.at() + bytes;
        break;
      }
      case 'R':
        cie->pointer_encoding = reader.fixed<uint8_t>();
        break;
      case 'L':
        reader.fixed<uint8_t>();
        break;
      case 'P': {
        const auto encoding = reader.fixed<uint8_t>();
        reader.pointer(encoding & static_cast<uint8_t>(~kPointerIndirect), 0);
        break;
      }
      case 'S':
        cie->signal_frame = true;
        break;
      default:
        return false;
    }
  }
  if (data_end != 0) reader = Reader(data_end, reader.end());
  return !reader.failed();
}

bool read_cie(uintptr_t address, const ReadableMemory& memory, Cie* cie) {
  Reader reader = entry_body(address, memory);
  if (reader.fixed<uint32_t>() != 0) return false;  // not a CIE
  const auto version = reader.fixed<uint8_t>();
  if (version != 1 && version != 3) return false;
  const uintptr_t text_start = reader.at();
  while (reader.more() && reader.fixed<char>() != 0) {
  }
  if (reader.failed()) return false;
  const Reader text(text_start, reader.at() - 1);
  cie->code_alignment = reader.uleb();
  cie->data_alignment = reader.sleb();
  const uint64_t return_register = version == 1 ? reader.fixed<uint8_t>() : reader.uleb();
  if (return_register != kRegisterReturn || !read_augmentation(reader, text, cie)) return false;
  cie->instructions = reader.at();
  cie->end = reader.end();
  return true;
}

enum class Found : uint8_t { yes, none, beyond };

Found read_fde(uintptr_t address, uintptr_t pc, const ReadableMemory& memory, Fde* fde) {
  Reader reader = entry_body(address, memory);
  const uintptr_t cie_pointer = reader.at();
  const auto cie_distance = reader.fixed<uint32_t>();
  if (reader.failed() || cie_distance == 0) return Found::none;
  if (!read_cie(cie_pointer - cie_distance, memory, &fde->cie)) return Found::beyond;
  const uint8_t encoding = fde->cie.pointer_encoding;
  fde->begin = reader.pointer(encoding, 0);
  fde->size = reader.pointer(encoding & kFormatMask, 0);
  if (fde->cie.has_augmentation_data) reader.skip(reader.uleb());
  if (reader.failed() || pc - fde->begin >= fde->size) return Found::none;
  fde->instructions = reader.at();
  fde->end = reader.end();
  return Found::yes;
}

int32_t table_word(uintptr_t table, size_t index) {
  int32_t value;
  memcpy(&value, reinterpret_cast<const void*>(table + index * sizeof value), sizeof value);
  return value;
}

// Binary search in .eh_frame_hdr: pairs of (start of code, entry), both relative to the header and sorted.
Found find_fde(uintptr_t pc, const LoadedModule& module, Fde* fde) {
  const uintptr_t header = module.unwind_header;
  Reader reader(header, module.readable.end_of_range(header));
  const auto version = reader.fixed<uint8_t>();
  const auto frame_encoding = reader.fixed<uint8_t>();
  const auto count_encoding = reader.fixed<uint8_t>();
  const auto table_encoding = reader.fixed<uint8_t>();
  reader.pointer(frame_encoding, header);
  const uint64_t count = reader.pointer(count_encoding, header);
  if (reader.failed() || version != 1) return Found::none;
  if (table_encoding != kSortedTable || count_encoding == kPointerOmitted) return Found::beyond;
  const uintptr_t table = reader.at();
  constexpr size_t kPairBytes = 2 * sizeof(int32_t);
  if (count > (reader.end() - table) / kPairBytes) return Found::none;

  const auto key = static_cast<int64_t>(pc - header);
  size_t low = 0, high = count;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (table_word(table, 2 * middle) <= key) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == 0) return Found::none;
  const int64_t entry = table_word(table, 2 * (low - 1) + 1);
  return read_fde(header + static_cast<uintptr_t>(entry), pc, module.readable, fde);
}

// ---- running the entry's program up to the pc ----

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
    const Reader block = reader_.block(reader_.uleb());
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
  Reader reader_;
  uintptr_t location_;
  uintptr_t pc_;
  const Row* initial_;
  Row remembered_[kMaxRemembered];
  int depth_ = 0;
};

bool row_at(const Fde& fde, uintptr_t pc, Row* row) {
  if (!Program(fde.cie, fde.cie.instructions, fde.cie.end, 0, ~uintptr_t{0}, nullptr).run(row)) return false;
  const Row initial = *row;
  return Program(fde.cie, fde.instructions, fde.end, fde.begin, pc, &initial).run(row);
}

// ---- from the row to the compact rule ----

// "register + offset", or the word there.
struct RegisterPlus {
  uint64_t base = ~uint64_t{0};
  int64_t offset = 0;
  bool deref = false;
};

bool as_register_plus(const Expression& expression, RegisterPlus* result) {
  Reader reader(expression.start, expression.end);
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
