// How a process that has no page yet shows by which signal it can be woken (control_page.h, Waking): in /proc/PID/maps, right behind what is
// mapped of libweir.so's file, among the library's memory without a file, is a range of rights "-w-p", which nothing else has. It is as many
// pages long as the signal's number is above 33.
//
// Who sends it so holds an exclusive lock (flock) on libweir.so's file from before it reads the range until the signal is sent. The process,
// before it gives the handler up or executes another program, takes the rights back and waits for a shared one.
#pragma once

#include <cstddef>

namespace weir::control {

inline constexpr size_t kMarkerPageBytes = 4096;
inline constexpr int kBelowFirstSignal = 33;
inline constexpr size_t kMostMarkerPages = 64 - kBelowFirstSignal;
inline constexpr char kMarkerRights[] = "-w-p";

constexpr size_t marker_pages(int signal) { return static_cast<size_t>(signal - kBelowFirstSignal); }
constexpr int signal_of_marker(size_t bytes) { return static_cast<int>(bytes / kMarkerPageBytes) + kBelowFirstSignal; }

}  // namespace weir::control
