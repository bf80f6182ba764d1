// A program that exports what tells a CPython, of the version VERSION, without being one: Weir is to say so, and read nothing of it.
#include <stdlib.h>

#ifndef VERSION
#define VERSION 0x030f00f0  // 3.15
#endif

const unsigned long Py_Version = VERSION;
unsigned long _PyRuntime[100], PyCode_Type[60], PyUnicode_Type[60], PyBytes_Type[60];

void* PyGILState_GetThisThreadState(void) { abort(); }
void* PyThreadState_GetUnchecked(void) { abort(); }

int main(void) {
  for (int i = 0; i < 100; ++i) free(malloc(100));
  return malloc(10) == NULL;
}
