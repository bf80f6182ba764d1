#include "report/python_version.h"

#include "stack/python_frames.h"

namespace weir::report {

void append_python_version(core::TextBuffer& text, uint32_t version) {
  constexpr uint32_t kFirstThatTells = 0x030b0000;
  if (version < kFirstThatTells) return void(text.text("before 3.11"));
  constexpr uint32_t kByte = 0xff;
  text.decimal(version >> 24).character('.').decimal(version >> 16 & kByte).character('.');
  text.decimal(version >> 8 & kByte);
}

const char* python_warning() {
  static char storage[200];
  const stack::PythonFacts facts = stack::python_facts();
  if (!facts.wanted || facts.problem == nullptr) return nullptr;
  core::TextBuffer text(storage);
  text.text("WEIR_PYTHON: no Python frames are shown of this process's CPython (");
  append_python_version(text, facts.version);
  text.text("): ").text(facts.problem);
  return storage;
}

}  // namespace weir::report
