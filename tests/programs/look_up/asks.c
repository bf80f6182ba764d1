// Asks the loader for names as its arguments say, one step each, and prints facts that hold with and without Weir; no addresses.
//   open FILE [local|global|deepbind|now|there|fresh]  a handle: 0, 1, ...   close N   same N M: are these handles one?
//   default|next|self|N NAME[@VERSION]               dlsym or dlvsym, and a call of what is found
//   linked|weak|taken NAME                           the function that the linker bound (built with -DLINKED or -DWEAK)
//   proc NAME                                        cuGetProcAddress_v2's answer, by the handle 0's
//   context                                          of the driver that is loaded now
//   in N STEP                                        the step in the library of that handle, which is built from this file too
//   elsewhere N                                      closes the handle, keeps its place taken and forgets all addresses
// On stderr: which library each found function lies in.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#ifdef OLD_DLSYM  // as programs import them that were linked before glibc 2.34
__asm__(".symver dlsym, dlsym@GLIBC_2.2.5\n.symver dlvsym, dlvsym@GLIBC_2.2.5\n.symver dlopen, dlopen@GLIBC_2.2.5");
#endif

#ifdef WEAK
#define REFERENCE extern __attribute__((weak))
#else
#define REFERENCE extern
#endif
#if defined(LINKED) || defined(WEAK)
REFERENCE int cuInit(unsigned);
REFERENCE int cuMemAlloc_v2(unsigned long long*, size_t);
REFERENCE int cuMemFree_v2(unsigned long long);
static void* const taken_by_loader[] = {cuInit, cuMemAlloc_v2, cuMemFree_v2};
#endif

struct Shared {  // by the program and its libraries
  void* handles[16];
  int handle_count;
  struct {
    char name[64];
    void* function;
  } first[32];  // found by that name
  int first_count;
};

static void* of_driver(const char* name) {
  void* driver = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_NOLOAD);
  void* function = driver == NULL ? NULL : dlsym(driver, name);
  if (driver != NULL) dlclose(driver);
  return function;
}

static const char* compared_with_first(struct Shared* shared, const char* name, void* function) {
  for (int i = 0; i < shared->first_count; ++i) {
    if (strcmp(shared->first[i].name, name) == 0) return shared->first[i].function == function ? "the same" : "another";
  }
  strcpy(shared->first[shared->first_count].name, name);
  shared->first[shared->first_count++].function = function;
  return "the first";
}

// Weir's wrapper stands for the driver's function, and for that of a preload behind it.
static const char* library_of(void* function) {
  Dl_info info;
  if (dladdr(function, &info) == 0) return "nowhere";
  const char* slash = strrchr(info.dli_fname, '/');
  const char* file = slash == NULL ? info.dli_fname : slash + 1;
  fprintf(stderr, " in %s\n", file);
  const int is_wrapper = strcmp(file, "libweir.so") == 0 || strncmp(file, "between_", 8) == 0;
  return is_wrapper ? "libcuda.so.1" : file;
}

static void call(const char* name, void* function) {
  unsigned long long address = 0;
  if (strcmp(name, "cuMemAlloc_v2") == 0) {
    printf(", gives %d", ((int (*)(unsigned long long*, size_t))function)(&address, 4096));
    void* release = of_driver("cuMemFree_v2");
    if (address != 0 && release != NULL) printf(" and frees %d", ((int (*)(unsigned long long))release)(address));
  } else if (strcmp(name, "cuMemFree_v2") == 0) {
    printf(", gives %d", ((int (*)(unsigned long long))function)(1));
  } else if (strcmp(name, "cuInit") == 0) {
    printf(", gives %d", ((int (*)(unsigned))function)(0));
  } else if (strcmp(name, "custom") == 0 || strcmp(name, "curl_easy_init") == 0 || strcmp(name, "cuMemAlloc_v9") == 0) {
    printf(", gives %d", ((int (*)(void))function)());
  }
}

static void show(struct Shared* shared, const char* name, void* function) {
  char* error = dlerror();
  if (function == NULL) {
    printf(" none, error %s\n", error == NULL ? "not set" : strstr(error, name) ? "names it" : "is another");
    return;
  }
  fprintf(stderr, "%s", name);
  printf(" %s one, of %s", compared_with_first(shared, name, function), library_of(function));
  call(name, function);
  puts(error == NULL ? "" : ", error set");
}

// noipa and the result used afterwards: the call must return into this module, as RTLD_NEXT looks at where.
static __attribute__((noipa)) void* look_up(void* handle, const char* name, const char* version) {
  void* function = version == NULL ? dlsym(handle, name) : dlvsym(handle, name, version);
  __asm__ volatile("" : "+r"(function));
  return function;
}

static void open_file(struct Shared* shared, char* file, const char* how) {
  int flags = RTLD_LAZY;
  if (strstr(how, "global")) flags |= RTLD_GLOBAL;
  if (strstr(how, "deepbind")) flags |= RTLD_DEEPBIND;
  if (strstr(how, "now")) flags |= RTLD_NOW;
  if (strstr(how, "there")) flags |= RTLD_NOLOAD;
  if (strcmp(file, "-") == 0) file = NULL;
  void* handle = strcmp(how, "fresh") == 0 ? dlmopen(LM_ID_NEWLM, file, RTLD_NOW) : dlopen(file, flags);
  shared->handles[shared->handle_count++] = handle;
  puts(handle != NULL ? " opened" : dlerror() != NULL ? " not opened, error set" : " not opened");
}

// Where the library's code was, nothing else can come.
static void close_and_occupy(struct Shared* shared, void* handle) {
  const struct link_map* map = handle;
  shared->first_count = 0;
  char* place = (char*)map->l_addr;
  dlclose(handle);
  void* taken = mmap(place, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  puts(taken == place ? " gone" : " still there");
}

static void make_context(void) {
  void* context;
  int (*init)(unsigned) = of_driver("cuInit");
  int (*create)(void**, unsigned, int) = of_driver("cuCtxCreate_v2");
  if (create == NULL)
    puts(" no driver");
  else {
    printf(" %d", init(0));
    printf(" %d\n", create(&context, 0, 0));
  }
}

static void ask_driver(struct Shared* shared, const char* name) {
  void* function = NULL;
  int status = -1;
  int (*ask)(const char*, void**, int, uint64_t, int*) = dlsym(shared->handles[0], "cuGetProcAddress_v2");
  if (ask == NULL) {
    puts(" no driver");
    return;
  }
  printf(" %d", ask(name, &function, 12000, 0, &status));
  printf(" %d", status);
  char full[80];
  snprintf(full, sizeof full, "%s%s", name, strncmp(name, "cuMem", 5) == 0 ? "_v2" : "");
  show(shared, full, function);
}

#if defined(LINKED) || defined(WEAK)
static void show_linked(struct Shared* shared, const char* how, const char* name) {
  const int index = strcmp(name, "cuInit") == 0 ? 0 : strcmp(name, "cuMemAlloc_v2") == 0 ? 1 : 2;
  void* const bound[] = {cuInit, cuMemAlloc_v2, cuMemFree_v2};
  dlerror();
  if (strcmp(how, "taken") == 0)
    show(shared, name, taken_by_loader[index]);
  else
    show(shared, name, bound[index]);
}
#else
static void show_linked(struct Shared* shared, const char* how, const char* name) { puts(" not built so"); }
#endif

void do_step(struct Shared* shared, const char* text) {
  char step[256], how[64] = "", name[192] = "", more[64] = "";
  snprintf(step, sizeof step, "%s", text);
  if (strncmp(step, "in ", 3) == 0) {
    char* rest = strchr(step + 3, ' ') + 1;
    void (*other)(struct Shared*, const char*) = dlsym(shared->handles[atoi(step + 3)], "do_step");
    if (other == NULL)
      puts("no library");
    else
      other(shared, rest);
    return;
  }
  sscanf(step, "%63s %191s %63s", how, name, more);
  const char* file = strrchr(name, '/');
  printf("%s %s:", how, file == NULL ? name : file + 1);
  if (strcmp(how, "open") == 0)
    open_file(shared, name, more);
  else if (strcmp(how, "close") == 0)
    printf(" %d\n", dlclose(shared->handles[atoi(name)]));
  else if (strcmp(how, "same") == 0)
    puts(shared->handles[atoi(name)] == shared->handles[atoi(more)] ? " yes" : " no");
  else if (strcmp(how, "elsewhere") == 0)
    close_and_occupy(shared, shared->handles[atoi(name)]);
  else if (strcmp(how, "context") == 0)
    make_context();
  else if (strcmp(how, "proc") == 0)
    ask_driver(shared, name);
  else if (strcmp(how, "linked") == 0 || strcmp(how, "weak") == 0 || strcmp(how, "taken") == 0)
    show_linked(shared, how, name);
  else {
    void* handle = strcmp(how, "default") == 0 ? RTLD_DEFAULT
                   : strcmp(how, "next") == 0  ? RTLD_NEXT
                   : strcmp(how, "self") == 0  ? dlopen(NULL, RTLD_LAZY)
                                               : shared->handles[atoi(how)];
    char* version = strchr(name, '@');
    if (version != NULL) *version++ = 0;
    dlerror();
    show(shared, name, look_up(handle, name, version));
  }
  fflush(stdout);
}

#ifndef LIBRARY
int main(int argument_count, char** arguments) {
  static struct Shared shared;
  for (int i = 1; i < argument_count; ++i) do_step(&shared, arguments[i]);
  return 5;
}
#endif
