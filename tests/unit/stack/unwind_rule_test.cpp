#include "stack/unwind_rule.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstring>
#include <random>
#include <vector>

namespace weir::stack {
namespace {

using Bytes = std::vector<uint8_t>;

constexpr size_t kPage = 4096;

// An .eh_frame_hdr, one CIE and one FDE, laid out so that the byte after them is not mapped: a read too far kills the
// test.
class HandMadeModule {
 public:
  static constexpr uintptr_t kCodeBytes = 256;

  HandMadeModule(const Bytes& cie_program, const Bytes& fde_program, const Bytes& augmentation = {'z', 'R', 0}) {
    const Bytes cie = entry(cie_body(augmentation, cie_program));
    Bytes fde_body(4 + 8, 0);  // CIE pointer, code range; filled in below
    append(fde_body, {0});     // no augmentation data
    append(fde_body, fde_program);
    const Bytes fde = entry(fde_body);
    const size_t total = kHeaderBytes + cie.size() + fde.size();
    mapping_ =
        static_cast<uint8_t*>(mmap(nullptr, 2 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(mapping_ + kPage, kPage, PROT_NONE);
    start_ = mapping_ + kPage - total;
    code_ = reinterpret_cast<uintptr_t>(mapping_);
    uint8_t* cie_at = start_ + kHeaderBytes;
    uint8_t* fde_at = cie_at + cie.size();
    memcpy(cie_at, cie.data(), cie.size());
    memcpy(fde_at, fde.data(), fde.size());
    put32(fde_at + 4, static_cast<int32_t>(fde_at + 4 - cie_at));
    put32(fde_at + 8, static_cast<int32_t>(code_ - reinterpret_cast<uintptr_t>(fde_at + 8)));
    put32(fde_at + 12, kCodeBytes);
    write_header(fde_at);
  }
  ~HandMadeModule() { munmap(mapping_, 2 * kPage); }

  LoadedModule loaded() const {
    LoadedModule module{};
    module.unwind_header = reinterpret_cast<uintptr_t>(start_);
    module.readable.ranges[0] = {module.unwind_header, reinterpret_cast<uintptr_t>(mapping_) + kPage};
    module.readable.count = 1;
    return module;
  }
  UnwindRule rule(uintptr_t offset, bool exact = false) const { return build_rule(code_ + offset, exact, loaded()); }
  uintptr_t code() const { return code_; }
  uint8_t* bytes() const { return start_; }
  size_t size() const { return static_cast<size_t>(mapping_ + kPage - start_); }

 private:
  static constexpr size_t kHeaderBytes = 20;

  static void append(Bytes& to, const Bytes& more) { to.insert(to.end(), more.begin(), more.end()); }
  static void put32(uint8_t* at, int32_t value) { memcpy(at, &value, 4); }

  static Bytes entry(const Bytes& body) {
    Bytes whole(4);
    put32(whole.data(), static_cast<int32_t>(body.size()));
    append(whole, body);
    return whole;
  }
  static Bytes cie_body(const Bytes& augmentation, const Bytes& program) {
    Bytes body = {0, 0, 0, 0, 1};
    append(body, augmentation);
    append(body, {1, 0x78, 16, 1, 0x1b});  // code 1, data -8, return column 16, one byte of data: pc-relative sdata4
    append(body, program);
    return body;
  }
  void write_header(uint8_t* fde_at) {
    const uint8_t encodings[] = {1, 0x1b, 0x03, 0x3b};
    memcpy(start_, encodings, sizeof encodings);
    put32(start_ + 4, static_cast<int32_t>(kHeaderBytes - 4));
    put32(start_ + 8, 1);
    put32(start_ + 12, static_cast<int32_t>(code_ - reinterpret_cast<uintptr_t>(start_)));
    put32(start_ + 16, static_cast<int32_t>(fde_at - start_));
  }

  uint8_t* mapping_;
  uint8_t* start_;
  uintptr_t code_;
};

const Bytes kUsualCie = {0x0c, 7, 8, 0x90, 1};  // def_cfa rsp+8; return address at CFA-8

TEST(UnwindRule, FrameOffRsp) {
  const HandMadeModule module(kUsualCie, {0x44, 0x0e, 32});  // after 4 bytes: def_cfa_offset 32
  EXPECT_EQ(module.rule(4).kind, RuleKind::from_rsp);
  EXPECT_EQ(module.rule(4).cfa_offset, 8);  // a return address belongs to the call before it
  EXPECT_EQ(module.rule(5).cfa_offset, 32);
  EXPECT_EQ(module.rule(4, true).cfa_offset, 32);
  EXPECT_EQ(module.rule(5).rbp, RbpSource::unchanged);
}

TEST(UnwindRule, FrameOffRbp) {
  const HandMadeModule module(kUsualCie, {0x0e, 16, 0x86, 2, 0x0d, 6});  // rbp saved at CFA-16; CFA off rbp
  const UnwindRule rule = module.rule(9);
  EXPECT_EQ(rule.kind, RuleKind::from_rbp);
  EXPECT_EQ(rule.cfa_offset, 16);
  EXPECT_EQ(rule.rbp, RbpSource::at_cfa);
  EXPECT_EQ(rule.rbp_offset, -16);
}

TEST(UnwindRule, RealignedFrame) {
  // CFA = *(rbp - 16), rbp at rbp + 0
  const HandMadeModule module(kUsualCie, {0x0f, 3, 0x76, 0x70, 0x06, 0x10, 6, 2, 0x76, 0});
  const UnwindRule rule = module.rule(9);
  EXPECT_EQ(rule.kind, RuleKind::from_rbp_word);
  EXPECT_EQ(rule.cfa_offset, -16);
  EXPECT_EQ(rule.rbp, RbpSource::at_rbp);
  EXPECT_EQ(rule.rbp_offset, 0);
}

TEST(UnwindRule, LinkageStubDependsOnTheAddress) {
  const HandMadeModule module(kUsualCie, {0x0f, 11, 0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22});
  EXPECT_EQ(module.rule(0x16, true).cfa_offset, 8);
  EXPECT_EQ(module.rule(0x1b, true).cfa_offset, 16);
}

TEST(UnwindRule, UndefinedReturnAddressEndsTheStack) {
  const HandMadeModule module(kUsualCie, {0x07, 16});
  EXPECT_EQ(module.rule(9).kind, RuleKind::end);
}

TEST(UnwindRule, RememberedRowsAndRestoredRegisters) {
  const HandMadeModule module(kUsualCie, {0x0a, 0x0e, 48, 0x86, 2, 0x44, 0x0b, 0x44, 0x86, 3, 0xc6});
  EXPECT_EQ(module.rule(2).cfa_offset, 48);
  EXPECT_EQ(module.rule(2).rbp, RbpSource::at_cfa);
  EXPECT_EQ(module.rule(6).cfa_offset, 8);
  EXPECT_EQ(module.rule(6).rbp, RbpSource::unchanged);
  EXPECT_EQ(module.rule(10).rbp, RbpSource::unchanged);
}

TEST(UnwindRule, WhatTheCompactFormLacksIsGeneric) {
  EXPECT_EQ(HandMadeModule(kUsualCie, {0x0d, 10}).rule(9).kind, RuleKind::generic);          // CFA off r10
  EXPECT_EQ(HandMadeModule(kUsualCie, {0x0f, 2, 0x7a, 0}).rule(9).kind, RuleKind::generic);  // CFA = r10, as expression
  EXPECT_EQ(HandMadeModule(kUsualCie, {0x90, 2}).rule(9).kind, RuleKind::generic);           // return address elsewhere
  EXPECT_EQ(HandMadeModule(kUsualCie, {0x87, 2}).rule(9).kind, RuleKind::generic);           // rsp saved in memory
  EXPECT_EQ(HandMadeModule(kUsualCie, {0x09, 6, 3}).rule(9).kind, RuleKind::generic);        // rbp in another register
  EXPECT_EQ(HandMadeModule(kUsualCie, {0x05, 6, 0xff, 0xff, 3}).rule(9).kind, RuleKind::generic);  // rbp out of reach
  EXPECT_EQ(HandMadeModule(kUsualCie, {0x3d}).rule(9).kind, RuleKind::generic);             // unknown instruction
  EXPECT_EQ(HandMadeModule(kUsualCie, {}, {'z', 'Q', 0}).rule(9).kind, RuleKind::generic);  // unknown augmentation
}

TEST(UnwindRule, RbpAboveItsFrameIsNotTrusted) {
  const HandMadeModule module(kUsualCie, {0x11, 6, 0x7f});  // rbp at CFA + 8
  EXPECT_EQ(module.rule(9).kind, RuleKind::generic);
}

TEST(UnwindRule, OtherCodeHasNoRule) {
  const HandMadeModule module(kUsualCie, {});
  EXPECT_EQ(module.rule(0).kind, RuleKind::no_info);
  EXPECT_EQ(module.rule(1).kind, RuleKind::from_rsp);
  EXPECT_EQ(module.rule(HandMadeModule::kCodeBytes).kind, RuleKind::from_rsp);
  EXPECT_EQ(module.rule(HandMadeModule::kCodeBytes + 1).kind, RuleKind::no_info);
  EXPECT_TRUE(is_function_start(module.code(), module.loaded()));
  EXPECT_FALSE(is_function_start(module.code() + 1, module.loaded()));
}

TEST(UnwindRule, OperandsPastTheEndAreNotRead) {
  const uint8_t wants_more[] = {0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x0c,
                                0x0d, 0x0e, 0x0f, 0x10, 0x11, 0x12, 0x2f, 0x86};
  for (const uint8_t code : wants_more) {
    EXPECT_EQ(HandMadeModule(kUsualCie, {code}).rule(9).kind, RuleKind::generic) << int{code};
  }
  EXPECT_EQ(HandMadeModule(kUsualCie, {0x0f, 0x7f, 0x76, 0x70}).rule(9).kind,
            RuleKind::generic);                                                              // expression too long
  EXPECT_EQ(HandMadeModule(kUsualCie, {0x0e, 0xff, 0xff}).rule(9).kind, RuleKind::generic);  // number without end
  EXPECT_EQ(HandMadeModule(kUsualCie, {0x0b}).rule(9).kind, RuleKind::generic);              // nothing remembered
}

// Any byte may be anything: whatever comes out, nothing outside is read.
TEST(UnwindRule, DamagedTablesNeverReadOutside) {
  std::mt19937 random(20240229);
  for (int round = 0; round < 20'000; ++round) {
    const HandMadeModule module(kUsualCie,
                                {0x0a, 0x0e, 48, 0x86, 2, 0x0f, 3, 0x76, 0x70, 0x06, 0x44, 0x0b, 0x44, 0xc6});
    for (uint32_t damaged = 1 + random() % 4; damaged > 0; --damaged) {
      module.bytes()[random() % module.size()] = static_cast<uint8_t>(random());
    }
    const UnwindRule rule = module.rule(random() % 300, random() % 2 != 0);
    ASSERT_LE(static_cast<int>(rule.kind), static_cast<int>(RuleKind::generic));  // the last
  }
}

TEST(UnwindRule, NoHeaderNoRule) {
  LoadedModule module{};
  EXPECT_EQ(build_rule(0x1234, false, module).kind, RuleKind::no_info);
  module.unwind_header = 0x1000;  // outside everything readable
  EXPECT_EQ(build_rule(0x1234, false, module).kind, RuleKind::no_info);
}

}  // namespace
}  // namespace weir::stack
