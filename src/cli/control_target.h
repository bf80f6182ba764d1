// A running process that `weir ctl` speaks to: found by what it has mapped, asked by the page of control/control_page.h.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "control/control_page.h"

namespace weir::cli {

struct ControlAnswer {
  control::Outcome outcome;
  uint64_t bytes;
};

struct SnapshotAnswer {
  bool is_answered;
  control::Outcome outcome;
  std::string path;     // of the snapshot; where it was refused, what could not be written
  int error;            // why it was refused, an errno; 0: the process ends
  std::string why_not;  // where nothing was answered: a clause that says why it could not be woken
};

// Where the snapshot of this process is from here: it may have another root.
std::string reachable_path(const SnapshotAnswer& answer, int pid);

// "host", "pinned", "device 0".
std::string pool_name(int pool);

// The figures as the process last published them.
struct ControlFigures {
  uint32_t mode;
  std::string limitation;
  std::vector<control::PoolFigures> pools;
};

// What a sleeping process is asked: to answer when it goes on, or at once, by a signal whose handler is Weir's.
enum class IfAsleep { wait, wake };

// A process that was never at a call of CUDA's, nor grew old and allocated, has no page.
enum class IfWithoutPage { give_up, wake };

class ControlTarget {
 public:
  // Throws Error where there is no such process, it is another user's, does not run under Weir, or has no page. One without a page is woken
  // to make it, where that is asked for.
  explicit ControlTarget(int pid, IfWithoutPage if_without_page = IfWithoutPage::give_up);
  ~ControlTarget();
  ControlTarget(const ControlTarget&) = delete;
  ControlTarget& operator=(const ControlTarget&) = delete;

  // Asks, and waits for so long; nothing where the process made no call of CUDA's meanwhile, or for some actions allocated nothing: it stays
  // asked for. Throws Error where the process ends, or another command is asking it for so long.
  std::optional<ControlAnswer> ask(control::Action action, uint64_t argument, std::chrono::milliseconds wait,
                                   IfAsleep if_asleep = IfAsleep::wait);

  // Asks for a snapshot in the place that `path` names (a pattern as WEIR_REPORT has it; empty: the process's own), and wakes the process
  // where it sleeps. Waits so long until the process is at it, and then until it is done; what it is not at by then is no longer asked for.
  // Throws as ask(). A quick one is without the leak check, and stops nothing.
  enum class Thoroughness { whole, quick };
  SnapshotAnswer ask_snapshot(const std::string& path, std::chrono::milliseconds wait,
                              Thoroughness thoroughness = Thoroughness::whole);

  bool uses_cuda() const { return page_->uses_cuda.load(std::memory_order_relaxed) != 0; }
  ControlFigures figures() const;
  std::string name() const;  // "process 4711 (python3)"
  bool is_running() const;

 private:
  std::string find_page();
  std::string wake_for_page();
  bool open_page(const std::string& path);
  void check_page() const;
  void lock(std::chrono::steady_clock::time_point end) const;
  uint32_t raise(control::Action action, uint64_t argument);
  void release() const;
  int pid_;
  int inner_pid_;  // in its own namespace
  int fd_ = -1;
  control::ControlPage* page_ = nullptr;
};

// Removes the files that processes left which did not end by themselves, in the folders that this process's environment names.
void remove_stale_control_files();

}  // namespace weir::cli
