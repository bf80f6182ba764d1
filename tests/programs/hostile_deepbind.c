// Loads a plugin under RTLD_DEEPBIND, whose malloc and free then are the libc's: blocks cross both ways. argv[1]: the plugin.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char** argv) {
  const int binding = argc > 2 && strcmp(argv[2], "now") == 0 ? RTLD_NOW : RTLD_LAZY;
  void* plugin = dlopen(argv[1], binding | RTLD_LOCAL | RTLD_DEEPBIND);
  if (plugin == NULL) {
    puts(dlerror());
    return 1;
  }
  char* (*make)(size_t) = dlsym(plugin, "plugin_make");
  char* (*format)(int) = dlsym(plugin, "plugin_format");
  char* (*grow)(char*, size_t) = dlsym(plugin, "plugin_grow");
  void (*give_back)(void*) = dlsym(plugin, "plugin_free");
  for (int i = 0; i < 1000; ++i) {
    free(make(100));
    free(realloc(make(100), 5000));
    give_back(malloc(100));
    give_back(grow(malloc(100), 5000));
    give_back(strdup("text"));
    give_back(format(i));
    free(format(i));
  }
  char* text = format(7);
  puts(text);
  give_back(text);
  if (dlclose(plugin) != 0) return 2;
  volatile char* leak = malloc(54321);
  leak[0] = 1;
  return 3;
}
