#include "runtime/control_opening.h"

#include "core/clock.h"
#include "core/confinement.h"
#include "cuda/call.h"
#include "runtime/control_file.h"
#include "runtime/process.h"
#include "runtime/waking.h"

namespace weir::runtime {
namespace {

constexpr uint64_t kNever = UINT64_MAX;
constexpr uint64_t kOpeningAge = uint64_t{1} << 11;  // ticks: some 25 ms

}  // namespace

constinit std::atomic<uint64_t> control_opening_tick{kOpeningAge};
uint64_t control_figures_cycles;

namespace {

using control::ControlPage;

enum class State : uint8_t { none, open, closed };

std::atomic<bool> is_taken{false};
std::atomic<State> state{State::none};
std::atomic<ControlPage*> page{nullptr};  // there where the state is open

}  // namespace

ControlTurn::ControlTurn() : taken_(!is_taken.exchange(true, std::memory_order_acquire)) {}

ControlTurn::~ControlTurn() {
  if (taken_) is_taken.store(false, std::memory_order_release);
}

bool may_serve_control() {
  return process_stage.load(std::memory_order_acquire) == Stage::tracking && !core::system_calls_restricted() &&
         !cuda::holds_lock() && state.load(std::memory_order_acquire) != State::closed;
}

bool is_control_to_be_made() { return state.load(std::memory_order_acquire) == State::none; }

ControlPage* make_control_page() {
  ControlPage* made = make_control_file();
  page.store(made, std::memory_order_release);
  state.store(made == nullptr ? State::closed : State::open, std::memory_order_release);
  control_opening_tick.store(kNever, std::memory_order_relaxed);
  if (made == nullptr) return nullptr;
  cuda::control_attention.store(&made->attention, std::memory_order_release);
  publish_waking();
  return made;
}

void open_control() {
  if (!options::current().ctl || !may_serve_control()) return;
  const ControlTurn turn;
  if (turn.taken() && is_control_to_be_made() && is_own_process()) make_control_page();
}

void open_control_in_time() {
  if (!options::current().ctl) control_opening_tick.store(kNever, std::memory_order_relaxed);
  open_control();
}

ControlPage* control_page() {
  return state.load(std::memory_order_acquire) == State::open ? page.load(std::memory_order_acquire) : nullptr;
}

void close_control() {
  control_opening_tick.store(kNever, std::memory_order_relaxed);
  if (state.exchange(State::closed, std::memory_order_acq_rel) != State::open) return;
  cuda::control_attention.store(nullptr, std::memory_order_release);
  remove_control_file();
}

// With a new page: the old one, whose file is gone, stays mapped, as another thread may be looking at it.
void reopen_control() {
  State closed = State::closed;
  if (page.load(std::memory_order_acquire) != nullptr) state.compare_exchange_strong(closed, State::none);
  control_opening_tick.store(0, std::memory_order_relaxed);
}

void control_reset_after_fork() {
  control_opening_tick.store(core::current_tick() + kOpeningAge, std::memory_order_relaxed);
  if (page.load(std::memory_order_relaxed) == nullptr) return;
  waking_reset_after_fork();
  cuda::control_attention.store(nullptr, std::memory_order_relaxed);
  // Where a signal handler forked that had interrupted the server, the server goes on in the child.
  forget_control_file(/*unmap=*/!is_taken.load(std::memory_order_relaxed));
  page.store(nullptr, std::memory_order_relaxed);
  control_figures_cycles = 0;
  is_taken.store(false, std::memory_order_relaxed);
  state.store(State::none, std::memory_order_relaxed);
}

}  // namespace weir::runtime
