// Runs on the libstdc++ that its RUNPATH names: bad_alloc of a failed new is that library's own, and no second one is loaded.
#include <link.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <new>
#include <string>

namespace {

volatile size_t huge = static_cast<size_t>(PTRDIFF_MAX) - 1000;

struct Loaded {
  int count = 0;
  std::string path;
};

int visit(dl_phdr_info* info, size_t, void* context) {
  auto* loaded = static_cast<Loaded*>(context);
  if (strstr(info->dlpi_name, "libstdc++") == nullptr) return 0;
  ++loaded->count;
  loaded->path = info->dlpi_name;
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    operator delete(operator new(huge));
  } catch (const std::bad_alloc& error) {
    printf("caught %s\n", error.what());
  }
  if (new (std::nothrow) char[huge] == nullptr) printf("nothrow\n");
  Loaded loaded;
  dl_iterate_phdr(visit, &loaded);
  printf("%d %s\n", loaded.count, loaded.path.c_str());
  volatile char* leak = new char[54321];
  leak[0] = 1;
  return 3;
}
