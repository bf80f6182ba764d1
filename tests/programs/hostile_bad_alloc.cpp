// Catches std::bad_alloc of every form of new, with new_handlers that free and retry, that throw, and that give up.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <stdexcept>
#include <string>
#include <typeinfo>
#include <vector>

namespace {

volatile size_t huge = static_cast<size_t>(PTRDIFF_MAX) - 1000;
int handler_calls;

struct alignas(256) Aligned {
  char bytes[256];
};

template <class Attempt>
void attempt(const char* what, Attempt run) {
  handler_calls = 0;
  try {
    void* block = run();
    printf("%s: %s", what, block == nullptr ? "nullptr" : "block");
  } catch (const std::bad_alloc& error) {
    printf("%s: %s (%s)", what, error.what(), typeid(error).name());
  } catch (const std::exception& error) {
    printf("%s: other %s (%s)", what, error.what(), typeid(error).name());
  }
  printf(", %d handler calls\n", handler_calls);
}

void all_forms() {
  attempt("new", [] { return operator new(huge); });
  attempt("new[]", [] { return operator new[](huge); });
  attempt("aligned new", [] { return operator new (huge, std::align_val_t{256}); });
  attempt("aligned new[]", [] { return operator new[](huge, std::align_val_t{256}); });
  attempt("nothrow new", [] { return operator new(huge, std::nothrow); });
  attempt("nothrow new[]", [] { return operator new[](huge, std::nothrow); });
  attempt("nothrow aligned new", [] { return operator new (huge, std::align_val_t{256}, std::nothrow); });
  attempt("nothrow aligned new[]", [] { return operator new[](huge, std::align_val_t{256}, std::nothrow); });
}

void give_up_after_three() {
  if (++handler_calls == 3) std::set_new_handler(nullptr);
}

void shrink_and_retry() {
  ++handler_calls;
  huge = 1000;
}

void throw_own() {
  ++handler_calls;
  throw std::runtime_error("from the handler");
}

struct OwnBadAlloc : std::bad_alloc {
  const char* what() const noexcept override { return "own bad_alloc"; }
};
void throw_bad_alloc() {
  ++handler_calls;
  throw OwnBadAlloc();
}

}  // namespace

int main() {
  all_forms();
  attempt("new[] of negative size", []() -> void* { return new int[huge]; });
  attempt("vector", []() -> void* { return std::vector<char>(huge).data(); });
  attempt("string", []() -> void* {
    std::string text;
    text.reserve(huge);
    return nullptr;
  });
  attempt("object", []() -> void* { return new (std::nothrow) Aligned[huge / sizeof(Aligned)]; });
  for (auto handler : {give_up_after_three, throw_bad_alloc}) {
    for (int form = 0; form < 4; ++form) {
      std::set_new_handler(handler);
      if (form == 0) attempt("new", [] { return operator new(huge); });
      if (form == 1) attempt("nothrow new", [] { return operator new(huge, std::nothrow); });
      if (form == 2) attempt("aligned new[]", [] { return operator new[](huge, std::align_val_t{64}); });
      if (form == 3) attempt("nothrow new[]", [] { return operator new[](huge, std::nothrow); });
    }
  }
  std::set_new_handler(throw_own);
  attempt("new, handler throws its own", [] { return operator new(huge); });
  std::set_new_handler(shrink_and_retry);
  // The size is the caller's and does not shrink with the variable: the handler lifts what stands in the way instead.
  attempt("new after a retry", [] {
    void* block = nullptr;
    for (int tries = 0; tries < 2 && block == nullptr; ++tries) {
      std::set_new_handler(tries == 0 ? throw_bad_alloc : shrink_and_retry);
      try {
        block = operator new(huge);
      } catch (const std::bad_alloc&) {
        huge = 1000;
      }
    }
    operator delete(block);
    return block;
  });
  std::set_new_handler(nullptr);
  int* null = nullptr;
  delete null;
  delete[] null;
  return 0;
}
