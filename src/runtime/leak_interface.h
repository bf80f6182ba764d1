// What a program may say of its leaks, and ask: LeakSanitizer's interface (preload/lsan.cpp), and weir_check_leaks of include/weir/weir.h.
//
// Any thread outside Weir; where a signal handler interrupted Weir, nothing is done.
#pragma once

#include <cstddef>

#include "weir/weir.h"

namespace weir::runtime {

// __lsan_ignore_object: the live block that `object` points into is no leak, nor what it leads to.
void ignore_object(const void* object);

// __lsan_disable, __lsan_enable: the calling thread's blocks are excused in between. May be nested.
void begin_ignoring_blocks();
void end_ignoring_blocks();

void register_root_region(const void* start, size_t bytes);
void unregister_root_region(const void* start, size_t bytes);

// __lsan_do_leak_check: the verdict of WEIR_EXITCODE now instead of at the end of the process. Where leaks are found the report is written
// as of now and the process ends, by exit() with that status; else its end is no longer judged. The first call counts; without
// WEIR_EXITCODE: nothing.
void check_leaks_once();

// __lsan_do_recoverable_leak_check: 1 where blocks are definitely or indirectly lost that no suppression names; else 0. Any number of times.
int find_leaks_now();

// weir_check_leaks: the number of calls of `callback`, -1 where the process is not tracked, has confined itself, or working memory is out.
int visit_leaks(weir_leak_callback callback, void* context);

}  // namespace weir::runtime
