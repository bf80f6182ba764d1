// What tells another process, before there is a page (control/control_page.h), by which signal this one can be woken: the rights of some pages
// of the library's own, which /proc/PID/maps shows. One system call, and no memory: the pages are never touched.
#pragma once

namespace weir::runtime {

// signal: a real-time signal's number; 0: none.
void show_waking_signal(int signal);
bool shows_waking_signal();

// Waits until nobody is about to send it, for a moment at the most: who does holds an exclusive lock (flock) on the library's file. After
// show_waking_signal(0). Processes that wait so do not wait for each other.
void wait_for_wakers();

// The library's file, for that. From process_start.
void find_library_file();

}  // namespace weir::runtime
