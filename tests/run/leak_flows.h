// What every program of tests/run/leak_flows.py starts with.
#pragma once

#include "../programs/leak.h"

#ifdef __cplusplus
#include <any>
#include <deque>
#include <forward_list>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <new>
#include <set>
#include <string>
#include <thread>
#include <tuple>
#include <unordered_map>
#include <vector>

template <int N>
struct Sized {
  char bytes[N];
};

// Room for an object that is never destroyed.
template <class T>
struct Kept {
  alignas(T) char place[sizeof(T)];
  T& make() {
    use(place);
    return *new (place) T;
  }
};
#endif

#include <dlfcn.h>
#include <setjmp.h>
#include <sys/mman.h>
