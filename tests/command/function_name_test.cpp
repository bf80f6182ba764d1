#include "cli/function_name.h"

#include <gtest/gtest.h>

namespace weir::cli {
namespace {

TEST(FunctionName, WithoutWhatAnotherBuildNamesOtherwise) {
  const struct {
    const char *name, *expected;
  } cases[] = {
      {"main", "main"},
      {"", ""},
      {"cache::Store::grow(unsigned long)", "cache::Store::grow"},
      {"cache::Store::grow(unsigned long) const", "cache::Store::grow"},
      {"cache::Store::grow(int) [clone .isra.0]", "cache::Store::grow"},
      {"grow.part.0", "grow"},
      {"grow.constprop.3.isra.1", "grow"},
      {"grow.cold", "grow"},
      {"(anonymous namespace)::grow(int)", "(anonymous namespace)::grow"},
      {"(anonymous namespace)::grow", "(anonymous namespace)::grow"},
      {"void (anonymous namespace)::grow<int>(int)", "(anonymous namespace)::grow<int>"},
      {"std::vector<int, std::allocator<int> > make<int>(int, long)", "make<int>"},
      {"decltype (x.begin()) first<List>(List&)", "first<List>"},
      {"operator new(unsigned long)", "operator new"},
      {"operator delete[](void*)", "operator delete[]"},
      {"Text::operator unsigned long() const", "Text::operator unsigned long"},
      {"Text::operator()(int) const", "Text::operator()"},
      {"std::ostream& operator<< <char>(std::ostream&, char)", "operator<< <char>"},
      {"bool operator<(Text const&, Text const&)", "operator<"},
      {"Text::operator->()", "Text::operator->"},
      {"operators::run(int)", "operators::run"},
      {"main::{lambda(int)#1}::operator()(int) const", "main::{lambda(int)#1}::operator()"},
      {"main.(*Tree).insert", "main.(*Tree).insert"},                    // Go
      {"<core::Vec<T> as Drop>::drop", "<core::Vec<T> as Drop>::drop"},  // Rust
      {"broken(((", "broken((("},
      {"f()", "f"},
      {"()", "()"},
      {" ", " "},
  };
  for (const auto& known : cases) EXPECT_EQ(function_without_build(known.name), known.expected) << known.name;
}

TEST(FunctionName, OperatorsOwnCharacters) {
  EXPECT_EQ(skip_operator("operator<<(int)", 0), 10U);
  EXPECT_EQ(skip_operator("operators", 0), 0U);
  EXPECT_EQ(skip_operator("x::operator->", 3), 13U);
  EXPECT_EQ(skip_operator("main", 0), 0U);
}

}  // namespace
}  // namespace weir::cli
