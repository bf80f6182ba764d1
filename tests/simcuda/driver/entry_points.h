// Which function cuGetProcAddress() gives for a name, a version and a kind of default stream.
#pragma once

namespace simcuda {

struct EntryPoint {
  const char* name;
  int version;
  bool per_thread;
  void* function;
};

struct FoundEntryPoint {
  const EntryPoint* entry = nullptr;  // nullptr: none
  bool is_known_name = false;         // of a later version where there is no entry
};

// Of the newest version up to `version`, in a driver of the version `newest`. per_thread: the form for which null is the thread's own
// default stream, where there is one.
FoundEntryPoint find_entry_point(const char* name, int version, bool per_thread, int newest);

}  // namespace simcuda
