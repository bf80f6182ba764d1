// What becomes of an IPC handle and of a block's id when the block is freed and its address used again. Another process opens the
// handles.
#include <sys/wait.h>
#include <unistd.h>

#include "driver.h"

namespace {

constexpr size_t kBytes = 4 * kMiB;

struct Answer {
  CUresult result;
  unsigned value;
};

void read_all(int file, void* to, size_t bytes) {
  if (read(file, to, bytes) != static_cast<ssize_t>(bytes)) exit(3);
}
void write_all(int file, const void* from, size_t bytes) {
  if (write(file, from, bytes) != static_cast<ssize_t>(bytes)) exit(3);
}

Answer open_and_read(const CUipcMemHandle& handle) {
  CUdeviceptr block = 0;
  Answer answer{cuIpcOpenMemHandle(&block, handle, CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS), 0};
  if (answer.result != CUDA_SUCCESS) return answer;
  answer.result = cuMemcpyDtoH(&answer.value, block, sizeof answer.value);
  cuIpcCloseMemHandle(block);
  return answer;
}

// The other process: answers until no more handles come.
int serve(int questions, int answers) {
  bool started = false;
  CUipcMemHandle handle;
  while (read(questions, &handle, sizeof handle) == static_cast<ssize_t>(sizeof handle)) {
    if (!started) start();
    started = true;
    const Answer answer = open_and_read(handle);
    write_all(answers, &answer, sizeof answer);
  }
  return 0;
}

class OtherProcess {
 public:
  // Before the driver is initialised: it does not survive a fork.
  OtherProcess() {
    int questions[2], answers[2];
    if (pipe(questions) != 0 || pipe(answers) != 0) exit(3);
    process_ = fork();
    if (process_ == 0) {
      close(questions[1]);
      exit(serve(questions[0], answers[1]));
    }
    close(questions[0]);
    close(answers[1]);
    to_ = questions[1];
    from_ = answers[0];
  }
  ~OtherProcess() {
    close(to_);
    waitpid(process_, nullptr, 0);
  }

  std::string read_through(const CUipcMemHandle& handle) const {
    Answer answer{};
    write_all(to_, &handle, sizeof handle);
    read_all(from_, &answer, sizeof answer);
    return answer.result == CUDA_SUCCESS ? text("reads %u", answer.value) : name_of(answer.result);
  }

 private:
  pid_t process_ = -1;
  int to_ = -1, from_ = -1;
};

struct Shared {
  CUdeviceptr address;
  unsigned long long buffer_id;
  CUipcMemHandle handle;
};

Shared share(CUdeviceptr block, unsigned value) {
  Shared shared{block, 0, {}};
  CHECK(cuMemsetD32(block, value, kBytes / sizeof value));
  CHECK(cuCtxSynchronize());
  CHECK(cuPointerGetAttribute(&shared.buffer_id, CU_POINTER_ATTRIBUTE_BUFFER_ID, block));
  CHECK(cuIpcGetMemHandle(&shared.handle, block));
  return shared;
}

// A block at that address if one of the next few lies there; else any.
CUdeviceptr allocate_at(CUdeviceptr wanted) {
  CUdeviceptr block = 0;
  for (int i = 0; i < 8; ++i) {
    CHECK(cuMemAlloc(&block, kBytes));
    if (block == wanted) break;
  }
  return block;
}

const char* answer(bool yes) { return yes ? "true" : "false"; }

}  // namespace

int main() {
  const OtherProcess other;
  start();
  CUdeviceptr block = 0;
  CHECK(cuMemAlloc(&block, kBytes));
  const Shared first = share(block, 1);
  const std::string before = other.read_through(first.handle);
  CHECK(cuMemFree(block));
  const std::string freed = other.read_through(first.handle);
  const Shared second = share(allocate_at(first.address), 2);
  const std::string stale = other.read_through(first.handle), fresh = other.read_through(second.handle);
  const bool same_handle = std::equal(std::begin(first.handle.reserved), std::end(first.handle.reserved),
                                      std::begin(second.handle.reserved));
  printf(R"({"same_address": %s, "same_handle": %s, "same_buffer_id": %s, )", answer(first.address == second.address),
         answer(same_handle), answer(first.buffer_id == second.buffer_id));
  printf(R"("opened_live": "%s", "opened_after_free": "%s", "old_after_reuse": "%s", "new_after_reuse": "%s"})"
         "\n",
         before.c_str(), freed.c_str(), stale.c_str(), fresh.c_str());
}
