// A child of this process, forked before CUDA begins, that opens the memory that this process then shares.
#pragma once

#include <sys/types.h>

namespace memory_calls {

class OtherProcess {
 public:
  // In the child fills the driver's functions by `fill`, waits for a handle, walks, and does not return.
  template <class Fill>
  explicit OtherProcess(Fill fill) {
    if (!fork_child()) return;
    end_child(fill() && open_shared_memory());
  }
  OtherProcess(const OtherProcess&) = delete;
  OtherProcess& operator=(const OtherProcess&) = delete;

  // Sends the handle; true where the child then ended well.
  bool give(const void* handle);

 private:
  bool fork_child();  // true in the child
  bool open_shared_memory();
  [[noreturn]] static void end_child(bool is_well);

  pid_t child_ = -1;
  int ends_[2] = {-1, -1};  // of the pipe to the child
};

void share_memory_with(OtherProcess& other);

bool any_wrong();  // in this process

}  // namespace memory_calls
