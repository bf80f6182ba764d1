// Stacks through libraries that come and go.
#include <alloca.h>
#include <dlfcn.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "capture_fixture.h"
#include "stack/module_table.h"

extern "C" void* __tls_get_addr(void*);

namespace weir::stack {
namespace {

// ---- libraries that come and go ----

using ModuleCall = void (*)(void (*)());

class Library {
 public:
  explicit Library(const std::string& path) : handle_(dlopen(path.c_str(), RTLD_NOW)) {
    if (handle_ == nullptr) ADD_FAILURE() << dlerror();
  }
  ModuleCall call() const { return reinterpret_cast<ModuleCall>(dlsym(handle_, "module_call")); }

  // As in a program under Weir: the loader frees the link map, and free's hook sees it.
  void close() {
    const void* link_map = handle_;
    dlclose(handle_);
    notice_free(reinterpret_cast<uintptr_t>(&__tls_get_addr) + 1, link_map);
  }

 private:
  void* handle_;
};

class Reload : public Capture {
 protected:
  void SetUp() override {
    Capture::SetUp();
    char pattern[] = "/tmp/weir_reload.XXXXXX";
    ASSERT_NE(mkdtemp(pattern), nullptr);
    directory_ = pattern;
  }
  void TearDown() override {
    unlink(path().c_str());
    rmdir(directory_.c_str());
    Capture::TearDown();
  }
  std::string path() const { return directory_ + "/module.so"; }
  void put(const char* build) const {
    unlink(path().c_str());
    ASSERT_EQ(symlink((std::string(WEIR_TEST_MODULES "/capture_module_") + build + ".so").c_str(), path().c_str()), 0);
  }
  core::ModuleId module_of_inner_frame() const { return frames(captured).at(0).module; }

 private:
  std::string directory_;
};

// Calls from `padding` further down, so that two builds with different frames come out at one stack pointer.
[[gnu::noinline]] void call_padded(ModuleCall call, size_t padding) {
  char* pad = static_cast<char*>(alloca(padding));
  asm volatile("" ::"r"(pad) : "memory");
  call(hook);
  asm volatile("" ::"r"(pad) : "memory");
}

struct Swap {
  ModuleCall calls[2];
  std::atomic<int> stage{0};
  Registers seen_at[2];
  core::StackId captured_at[2];
};

// Between the two calls this thread calls nothing: the first call's words are still below when the second one runs.
[[gnu::noinline]] void capture_around_swap(Swap* swap) {
  constexpr size_t kFrameDifference = 16;
  while (swap->stage.load() != 1) {
  }
  call_padded(swap->calls[0], kFrameDifference);
  swap->seen_at[0] = seen;
  swap->captured_at[0] = captured;
  swap->stage.store(2);
  while (swap->stage.load() != 3) {
  }
  call_padded(swap->calls[1], 0);
  swap->seen_at[1] = seen;
  swap->captured_at[1] = captured;
}

TEST_F(Reload, AnotherLibraryAtTheSameAddressVoidsWhatIsRemembered) {
  Swap swap;
  std::thread capturing(capture_around_swap, &swap);
  put("small");
  Library small(path());
  swap.calls[0] = small.call();
  swap.stage.store(1);
  while (swap.stage.load() != 2) std::this_thread::yield();
  small.close();
  put("large");
  Library large(path());
  swap.calls[1] = large.call();
  swap.stage.store(3);
  capturing.join();
  // What makes the case: same code address, same stack pointer, same old words; other frames.
  ASSERT_EQ(swap.calls[0], swap.calls[1]);
  ASSERT_EQ(swap.seen_at[0].ip, swap.seen_at[1].ip);
  ASSERT_EQ(swap.seen_at[0].sp, swap.seen_at[1].sp);
  const std::vector<StackFrame> first = frames(swap.captured_at[0]), second = frames(swap.captured_at[1]);
  EXPECT_EQ(first.size(), second.size());
  EXPECT_NE(first[0].module, second[0].module);
  large.close();
}

TEST_F(Reload, TheSameFileAtTheSameAddressKeepsItsId) {
  put("small");
  core::ModuleId id{};
  uint32_t stacks = 0;
  for (int i = 0; i < 20; ++i) {
    Library library(path());
    call_padded(library.call(), 0);
    if (i == 0) {
      id = module_of_inner_frame();
      stacks = stack_count();
    }
    EXPECT_EQ(module_of_inner_frame(), id);
    EXPECT_TRUE(module_info(id)->loaded);
    library.close();
    EXPECT_FALSE(module_info(id)->loaded);
  }
  EXPECT_EQ(stack_count(), stacks);
}

TEST_F(Reload, WithoutABuildIdEveryLoadIsAnotherModule) {
  put("plain");
  core::ModuleId previous = core::ModuleId::none;
  for (int i = 0; i < 3; ++i) {
    Library library(path());
    call_padded(library.call(), 0);
    EXPECT_NE(module_of_inner_frame(), previous);
    previous = module_of_inner_frame();
    library.close();
  }
}

TEST_F(Reload, OtherFreesChangeNothing) {
  call_repeatedly(2);
  const CaptureCounters before = since();
  int block = 0;
  notice_free(reinterpret_cast<uintptr_t>(&__tls_get_addr) + 1, &block);  // from the loader, but no link map
  notice_free(reinterpret_cast<uintptr_t>(&call_repeatedly), last);       // not from the loader
  call_repeatedly(2);
  EXPECT_EQ(since().walked, before.walked);
}

}  // namespace
}  // namespace weir::stack
