// The memory by which `weir ctl` asks something of a running process, and is answered: a file of the user's own that both have mapped.
// Its layout and its place only. Words that both sides use are atomic; nothing that one side writes may harm the other, whatever it is.
//
// Each action has a place of its own, so that one which still waits for the process is not lost by another; the same one asked again takes
// its place. Who asks holds the file's lock (flock) while it waits. It writes `argument`, raises `asked_number`, sets `attention`. The process
// sees `attention` at its next call of CUDA's (for `stats`, `record` and `snapshot` also when it has allocated some blocks), does what is asked, writes
// `outcome` and `bytes`, and then `answered_number`.
//
// A process that sleeps does neither. For a snapshot or figures who asks may wake it: see Waking.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "weir/weir.h"

namespace weir::control {

// The file: FOLDER/weir-UID/PID-NAMESPACE.ctl, the numbers in decimal. FOLDER is $XDG_RUNTIME_DIR, $TMPDIR or /tmp, the first where it can
// be made; NAMESPACE is the inode of /proc/self/ns/pid, as containers may share the folder.
inline constexpr char kFolderPrefix[] = "weir-";
inline constexpr char kFileSuffix[] = ".ctl";
inline constexpr char kFolderVariables[][16] = {"XDG_RUNTIME_DIR", "TMPDIR"};
inline constexpr char kLastFolder[] = "/tmp";

inline constexpr uint64_t kMagic = 0x314c544352494557;  // "WEIRCTL1"
inline constexpr uint32_t kVersion = 4;

// In the order in which they are done.
enum class Action : uint32_t {
  set_mode,  // argument: the index of the word among WEIR_CUDA_POOL's
  trim,      // argument: bytes that each pool may keep
  compact,
  stats,     // figures as they are now, the host's included
  record,    // argument: 1 for on, 0 for off, as weir_record_start and weir_record_stop
  snapshot,  // a report of now: SnapshotPlace. argument: 1 for one without the leak check, for which nothing is stopped
};
inline constexpr size_t kActions = 6;

enum class Outcome : uint32_t { none, done, refused };

struct Request {
  std::atomic<uint32_t> asked_number;  // written by who asks
  std::atomic<uint64_t> argument;
  std::atomic<uint32_t> answered_number;  // by the process
  std::atomic<Outcome> outcome;
  std::atomic<uint64_t> bytes;

  bool is_pending() const {
    return asked_number.load(std::memory_order_acquire) != answered_number.load(std::memory_order_relaxed);
  }
};

inline constexpr size_t kPathBytes = 4096;

struct SnapshotPlace {
  char asked_path[kPathBytes];  // by who asks: a pattern as WEIR_REPORT has it; "": the report's place
  char path[kPathBytes];       // by the process: where the snapshot is; where it was refused, what could not be written
  std::atomic<int32_t> error;  // by the process: 0, or why it was refused, an errno
  std::atomic<uint32_t> begun_number;  // by the process: the request that it is at, or has answered last
};

// A signal whose handler is Weir's, by which a process that sleeps is woken. Sent with SI_QUEUE and the value kWakeValue, and by who asks
// alone: it sets `is_sending`, looks at `signal`, counts `sent_count` up, sends (or counts down again), and clears `is_sending`. So the
// process knows, before it gives the handler up or executes another program, whom to wait for: a signal without its handler would be the
// program's end.
struct Waking {
  std::atomic<uint32_t> signal;  // by the process; 0: none at present
  std::atomic<uint32_t> is_sending;
  std::atomic<uint32_t> sent_count;
  std::atomic<uint32_t> met_count;  // by the process: signals that have met its handler

  // How many have been sent and not met. One that was sent before there was a page is met, and was not counted: fewer than none are none.
  uint32_t on_their_way() const {
    const uint32_t left = sent_count.load(std::memory_order_seq_cst) - met_count.load(std::memory_order_seq_cst);
    return static_cast<int32_t>(left) > 0 ? left : 0;
  }
};
inline constexpr uint64_t kWakeValue = 0x454b415752494557;  // "WEIRWAKE"

struct PoolFigures {
  int32_t pool;       // a device's number, WEIR_HOST_POOL or WEIR_PINNED_POOL
  uint64_t as_of_ns;  // CLOCK_MONOTONIC
  weir_pool_stats stats;
};

inline constexpr size_t kMostPools = 2 + 32;
inline constexpr size_t kCacheLineBytes = 64;

struct ControlPage {
  std::atomic<uint64_t> magic;  // written last: until then the page is not ready
  uint32_t version;
  uint32_t page_bytes;  // sizeof(ControlPage)
  int32_t pid;          // as the process itself has it

  alignas(kCacheLineBytes) std::atomic<uint32_t> attention;

  alignas(kCacheLineBytes) Request requests[kActions];  // by Action
  Waking waking;
  std::atomic<uint32_t> uses_cuda;  // by the process: it makes calls of CUDA's, at which what is asked may be done
  SnapshotPlace snapshot;

  std::atomic<uint32_t> figures_version;  // odd while the figures below are written
  uint32_t mode;                          // the index of the word among WEIR_CUDA_POOL's
  uint32_t pool_count;
  char limitation[128];  // why the pool is not what was asked for; "" where it is
  PoolFigures pools[kMostPools];

  Request& request(Action action) { return requests[static_cast<size_t>(action)]; }
};
static_assert(std::atomic<uint64_t>::is_always_lock_free && std::atomic<Outcome>::is_always_lock_free);

}  // namespace weir::control
