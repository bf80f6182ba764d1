// How one real-time signal, the parking signal, stays open (unblocked) in threads whose program blocks them all, with nowhere to
// remember it but the kernel's own mask: a mask that blocks every other real-time signal stands for one that blocks the parking
// signal too. The kernel carries it through clone, fork, siglongjmp and the return from handlers as it carries every mask.
//
// A program that means the former literally names the signal (names_signal): Weir then parks by another one first.
#pragma once

#include <signal.h>

#include <cstdint>

namespace weir::leak {

using SignalSet = uint64_t;  // as the kernel has it: bit n - 1 for signal n

constexpr SignalSet bit_of(int signal) { return SignalSet{1} << (signal - 1); }

// All but the one of a CPU that goes by single steps: where it is blocked the next step ends the process.
constexpr SignalSet kAllButSteps = ~bit_of(SIGTRAP);

// 34 to 64, the program's: the libc keeps 32 and 33 to itself.
constexpr int kFirstRealTime = 34;
constexpr int kLastRealTime = 64;
constexpr SignalSet kRealTimeSignals = ~SignalSet{0} << (kFirstRealTime - 1);

// `parking` is a signal's number in what follows, 0 for none: every mask is then what it says.
constexpr bool blocks_all_others(SignalSet mask, int parking) {
  return parking != 0 && (~mask & kRealTimeSignals & ~bit_of(parking)) == 0;
}

// What the kernel is given where the program asks for `program`.
constexpr SignalSet kernel_mask(SignalSet program, int parking) {
  return blocks_all_others(program, parking) ? program & ~bit_of(parking) : program;
}

// What the program asked for where the kernel has `kernel`.
constexpr SignalSet program_mask(SignalSet kernel, int parking) {
  return blocks_all_others(kernel, parking) ? kernel | bit_of(parking) : kernel;
}

// True where the kernel's mask holds the parking signal open although the program blocks it.
constexpr bool holds_open(SignalSet kernel, int parking) {
  return blocks_all_others(kernel, parking) && (kernel & bit_of(parking)) == 0;
}

// True where the program asks for the one mask that would be taken for another.
constexpr bool names_signal(SignalSet program, int parking) {
  return blocks_all_others(program, parking) && (program & bit_of(parking)) == 0;
}

}  // namespace weir::leak
