#include "stack/unwind_entry.h"

#include "stack/dwarf_reader.h"

namespace weir::stack {
namespace {

constexpr uint8_t kSortedTable = 0x3b;  // data-relative, signed 4 bytes: the only search table linkers write
constexpr uint32_t kExtendedLength = 0xffffffff;

// An entry (CIE or FDE) as a reader of its body; fails for the 64-bit form, which no x86-64 tool writes in .eh_frame.
DwarfReader entry_body(uintptr_t address, const ReadableMemory& memory) {
  DwarfReader reader(address, memory.end_of_range(address));
  const auto length = reader.fixed<uint32_t>();
  return length == kExtendedLength || length == 0 ? DwarfReader(0, 0) : reader.block(length);
}

bool read_augmentation(DwarfReader& reader, DwarfReader text, Cie* cie) {
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
  if (data_end != 0) reader = DwarfReader(data_end, reader.end());
  return !reader.failed();
}

bool read_cie(uintptr_t address, const ReadableMemory& memory, Cie* cie) {
  DwarfReader reader = entry_body(address, memory);
  if (reader.fixed<uint32_t>() != 0) return false;  // not a CIE
  const auto version = reader.fixed<uint8_t>();
  if (version != 1 && version != 3) return false;
  const uintptr_t text_start = reader.at();
  while (reader.more() && reader.fixed<char>() != 0) {
  }
  if (reader.failed()) return false;
  const DwarfReader text(text_start, reader.at() - 1);
  cie->code_alignment = reader.uleb();
  cie->data_alignment = reader.sleb();
  const uint64_t return_register = version == 1 ? reader.fixed<uint8_t>() : reader.uleb();
  if (return_register != kRegisterReturn || !read_augmentation(reader, text, cie)) return false;
  cie->instructions = reader.at();
  cie->end = reader.end();
  return true;
}

Found read_fde(uintptr_t address, uintptr_t pc, const ReadableMemory& memory, Fde* fde) {
  DwarfReader reader = entry_body(address, memory);
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

}  // namespace

// Pairs of (start of code, entry), both relative to the header and sorted.
Found find_fde(uintptr_t pc, const LoadedModule& module, Fde* fde) {
  const uintptr_t header = module.unwind_header;
  DwarfReader reader(header, module.readable.end_of_range(header));
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

}  // namespace weir::stack
