// A plugin of hostile_deepbind and hostile_dlopen_loop: hands blocks out and takes them back by its own names of malloc and free.
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char* at_load;

__attribute__((constructor)) static void construct(void) { at_load = strdup("made at load"); }
__attribute__((destructor)) static void destruct(void) { free(at_load); }

char* plugin_make(size_t bytes) {
  char* block = malloc(bytes);
  memset(block, 5, bytes);
  return block;
}

char* plugin_format(int number) {
  char* text = NULL;
  return asprintf(&text, "number %d", number) < 0 ? NULL : text;
}

char* plugin_grow(char* block, size_t bytes) { return realloc(block, bytes); }
void plugin_free(void* block) { free(block); }
