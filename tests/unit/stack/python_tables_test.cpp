// What Weir keeps of Python frames: texts, triples of function, file and line, sets of addresses, the latest combined stacks.
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "stack/python/frame_table.h"
#include "stack/python/layout.h"
#include "stack/python/marked_set.h"
#include "stack/python/string_text.h"
#include "stack/python/thread_walks.h"
#include "stack/python_frames.h"

namespace weir::stack::python {
namespace {

StackFrame frame_of(FrameKey key) { return {ip_of(key), module_of(key), false}; }

TEST(PythonFrames, ATripleHasOneKey) {
  const FrameKey key = key_of_frame("f", "a.py", 1);
  EXPECT_EQ(key, key_of_frame("f", "a.py", 1));
  EXPECT_NE(key, key_of_frame("f", "a.py", 2));
  EXPECT_NE(key, key_of_frame("f", "b.py", 1));
  EXPECT_NE(key, key_of_frame("g", "a.py", 1));
  EXPECT_NE(key_of_frame("fa", ".py", 1), key_of_frame("f", "a.py", 1));
}

TEST(PythonFrames, ManyAreFoundAgain) {
  std::vector<FrameKey> keys;
  for (uint32_t i = 0; i < 20000; ++i)
    keys.push_back(key_of_frame("many" + std::to_string(i % 700), "file" + std::to_string(i % 30), i));
  for (uint32_t i = 0; i < 20000; ++i) {
    PythonFrame frame{};
    ASSERT_TRUE(python_frame(frame_of(keys[i]), &frame));
    EXPECT_EQ(frame.function, "many" + std::to_string(i % 700));
    EXPECT_EQ(frame.file, "file" + std::to_string(i % 30));
    EXPECT_EQ(frame.line, i);
  }
}

TEST(PythonFrames, OtherFramesAreNone) {
  PythonFrame frame{};
  EXPECT_FALSE(python_frame({0x1234, core::ModuleId{1}, false}, &frame));
  EXPECT_FALSE(python_frame({0, kPythonModule, false}, &frame));
  EXPECT_FALSE(python_frame({UINT32_MAX, kPythonModule, false}, &frame));
}

// A string object as CPython has it: its state is the compact bit, the kind, and whether it is ASCII.
template <class Character>
std::string text_of(const std::basic_string<Character>& text, uint32_t state, const Layout& layout, size_t room = 100) {
  const size_t begin = (state & 64) != 0 ? layout.ascii_characters : layout.other_characters;
  std::vector<uint64_t> object((begin + (text.size() + 1) * sizeof(Character)) / 8 + 1);
  auto* bytes = reinterpret_cast<char*>(object.data());
  const auto length = static_cast<int64_t>(text.size());
  memcpy(bytes + kStringLength, &length, sizeof length);
  memcpy(bytes + kStringState, &state, sizeof state);
  memcpy(bytes + begin, text.data(), text.size() * sizeof(Character));
  std::string to(room, '?');
  to.resize(text_of_string(layout, reinterpret_cast<uintptr_t>(bytes), to.data(), room));
  return to;
}

uint32_t state_of(uint32_t kind, bool ascii) { return 1U << 5 | kind << 2 | (ascii ? 64U : 0U); }

TEST(PythonFrames, StringsOfEachKind) {
  for (const uint32_t version : {0x030b01f0U, 0x030c00f0U, 0x030d00f0U, 0x030e00f0U}) {
    const Layout& layout = *layout_of(version);
    EXPECT_EQ(text_of(std::string("plain"), state_of(1, true), layout), "plain");
    EXPECT_EQ(text_of(std::string("f\xfcr"), state_of(1, false), layout), "f\u00fcr");
    EXPECT_EQ(text_of(std::u16string(u"\u65e5\u00e9x"), state_of(2, false), layout), "\u65e5\u00e9x");
    EXPECT_EQ(text_of(std::u32string(U"\U0001f600\u0416"), state_of(4, false), layout), "\U0001f600\u0416");
    EXPECT_EQ(text_of(std::u16string(1, char16_t{0xd800}), state_of(2, false), layout), "\ufffd");
    EXPECT_EQ(text_of(std::string("plain"), state_of(1, true), layout, 3), "pla");
    EXPECT_EQ(text_of(std::u16string(u"x\u65e5"), state_of(2, false), layout, 3), "x");  // no half of a character
    EXPECT_EQ(text_of(std::string("plain"), 64, layout), "");                            // not compact
  }
}

TEST(PythonFrames, VersionsThatAreNotKnown) {
  for (const uint32_t version : {0x02071200U, 0x03000000U, 0x030a0df0U, 0x030b00f0U, 0x030f00f0U, 0x040b00f0U})
    EXPECT_EQ(layout_of(version), nullptr) << std::hex << version;
}

TEST(PythonFrames, ASetOfAddresses) {
  MarkedSet set;
  EXPECT_FALSE(set.contains(8));
  for (uint64_t i = 1; i <= 5000; ++i) ASSERT_TRUE(set.insert(i * 16));
  for (uint64_t i = 1; i <= 5000; i += 2) EXPECT_TRUE(set.take(i * 16));
  EXPECT_FALSE(set.take(16));
  EXPECT_FALSE(set.take(24));
  for (uint64_t i = 1; i <= 5000; ++i) {
    EXPECT_EQ(set.contains(i * 16), i % 2 == 0);
    EXPECT_FALSE(set.contains(i * 16 + 8));
  }
  EXPECT_TRUE(set.insert(16));
  EXPECT_TRUE(set.contains(16));
}

TEST(PythonFrames, LatestStacksAreComparedInFull) {
  ThreadWalks* walks = create_walks(16);
  ASSERT_NE(walks, nullptr);
  constexpr core::StackId kNative{5}, kCombined{9};
  const uint64_t words[] = {1, 2, 3}, others[] = {1, 2, 4};
  walks->recent.keep(kNative, 1, 77, words, 3, kCombined, 1);
  EXPECT_EQ(walks->recent.find(kNative, 1, 77, words, 3), kCombined);
  EXPECT_EQ(walks->recent.find(kNative, 1, 77, others, 3), core::StackId::unknown);  // the same hash
  EXPECT_EQ(walks->recent.find(kNative, 1, 77, words, 2), core::StackId::unknown);
  EXPECT_EQ(walks->recent.find(kNative, 2, 77, words, 3), core::StackId::unknown);  // code was freed since
  EXPECT_EQ(walks->recent.find(core::StackId{6}, 1, 77, words, 3), core::StackId::unknown);
  release_walks(walks);
}

TEST(PythonFrames, LatestStacksTakeNoMoreThanTheirRoom) {
  ThreadWalks* walks = create_walks(16);
  ASSERT_NE(walks, nullptr);
  constexpr core::StackId kNative{5}, kCombined{9};
  constexpr uint64_t kWalks = 40;
  std::vector<uint64_t> words(1 << 14);
  const auto count = static_cast<uint32_t>(words.size());
  const auto is_kept = [&](uint64_t number) {
    words[0] = number;
    return walks->recent.find(kNative, 1, number << 58, words.data(), count) == kCombined;
  };
  for (uint64_t number = 1; number <= kWalks; ++number) {
    words[0] = number;
    walks->recent.keep(kNative, 1, number << 58, words.data(), count, kCombined, number);
    EXPECT_TRUE(is_kept(number)) << number;  // the latest one is always there
  }
  uint64_t kept_count = 0;
  for (uint64_t number = 1; number <= kWalks; ++number) kept_count += is_kept(number);
  EXPECT_LE(kept_count, 16U);  // 2^18 words in all
  release_walks(walks);
}

}  // namespace
}  // namespace weir::stack::python
