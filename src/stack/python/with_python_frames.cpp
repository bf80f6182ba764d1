// A native stack and the thread's Python frames made one: each native frame that is a call of the interpreter gives way to the Python
// functions that this call runs.
//
// Which native frames these are is no matter of names, as a compiler splits the interpreter's function, and others have more than one: each
// call keeps something in its own native frame (its _PyCFrame, later a frame of its own), so that the native frame is the one around that
// address. Where it has been found once it is known by its return address, without a walk for stack pointers.
#include "core/large_table.h"
#include "core/system_call.h"
#include "stack/chunked_array.h"
#include "stack/full_walk.h"
#include "stack/last_stack.h"
#include "stack/python/code_place.h"
#include "stack/python/code_watch.h"
#include "stack/python/frame_chain.h"
#include "stack/python/frame_table.h"
#include "stack/python/interpreter.h"
#include "stack/python/marked_set.h"
#include "stack/python/thread_walks.h"
#include "stack/python_frames.h"
#include "stack/stack_bounds.h"
#include "stack/walk.h"

namespace weir::stack {
namespace python {
namespace {

BlockFinder block_finder;
MarkedSet interpreter_calls;  // return addresses in native frames that are calls of the interpreter

// ---- Which native stacks may have any ----

enum class Gate : uint8_t { unknown, closed, open };

constexpr uint32_t kGatesAChunk = 4096;
WEIR_LARGE_TABLE EvenlyChunkedArray<std::atomic<Gate>, kGatesAChunk, core::kMostStacks> gates;
core::SpinLock gates_lock;

// A thread that is not inside the interpreter's library may have a state that is gone. A signal may have come while a frame was linked.
Gate gate_of(core::StackId native) {
  look_for_interpreter();
  const Interpreter* known = interpreter();
  if (known == nullptr) return Gate::closed;
  bool is_in_library = false, is_interrupted = false;
  visit_frames(native, [&](FrameKey key) {
    is_in_library = is_in_library || module_of(key) == known->module;
    is_interrupted = is_interrupted || (static_cast<uint64_t>(key) & kExactBit) != 0;
    return true;
  });
  return is_in_library && !is_interrupted ? Gate::open : Gate::closed;  // guard: python-signal-frame
}

[[gnu::noinline]] bool find_gate(core::StackId native) {
  const Gate gate = gate_of(native);
  const core::LockScope scope(gates_lock);
  const uint32_t index = core::index_of(native);
  if (gates.reserve(index)) gates[index].store(gate, std::memory_order_relaxed);
  return gate == Gate::open;
}

bool is_open(core::StackId native) {
  const uint32_t index = core::index_of(native);
  const Gate gate = gates.has(index) ? gates[index].load(std::memory_order_relaxed) : Gate::unknown;
  return gate == Gate::unknown ? find_gate(native) : gate == Gate::open;
}

// ---- The calling thread's state ----

std::atomic<uint32_t> unattached_walks;

// A walk by a thread that does not hold the interpreter's lock. When the interpreter ends it frees such threads' states and frames: what it
// frees then waits for these walks (notice_release), and no new one begins.
class UnattachedWalk {
 public:
  UnattachedWalk() { unattached_walks.fetch_add(1, std::memory_order_seq_cst); }
  ~UnattachedWalk() { unattached_walks.fetch_sub(1, std::memory_order_release); }
  UnattachedWalk(const UnattachedWalk&) = delete;
  UnattachedWalk& operator=(const UnattachedWalk&) = delete;
};

// Bounded, as a handler may have left a walk by longjmp.
[[gnu::noinline]] void wait_for_unattached_walks() {
  constexpr int kMostTurns = 10000;
  static std::atomic<bool> was_in_vain{false};
  if (was_in_vain.load(std::memory_order_relaxed)) return;
  for (int turn = 0; unattached_walks.load(std::memory_order_acquire) != 0; ++turn) {
    if (turn == kMostTurns) return was_in_vain.store(true, std::memory_order_relaxed);
    if (!core::system_calls_restricted()) core::system_call(SYS_sched_yield);
  }
}

// ---- The Python frames, by the calls of the interpreter that run them ----

struct PythonStack {
  uint32_t frame_count = 0, run_count = 0;
  bool is_watched = true;  // the words stand for it until code_generation rises
};

// Where each call keeps something in its native frame, from the innermost call outwards.
class Anchors {
 public:
  Anchors(const Layout& layout, uintptr_t thread_state, uintptr_t sp)
      : layout_(layout), stack_start_(sp), stack_end_(stack_end_above(sp)) {
    if (layout.has_cframes && layout.frame_is_entry != 0)
      cframe_ = read_at<uintptr_t>(thread_state, layout.thread_frame);
  }

  // Of the call that begins with `frame`. What lies outside the thread's stack is not read.
  uintptr_t of_call(uintptr_t frame) {
    if (layout_.frame_is_entry == 0) return frame;
    const uintptr_t anchor = cframe_;
    const bool is_on_stack = anchor - stack_start_ < stack_end_ - stack_start_ && may_be_object(anchor);
    cframe_ = is_on_stack ? read_at<uintptr_t>(anchor, layout_.cframe_previous) : 0;
    return is_on_stack ? anchor : 0;
  }

 private:
  const Layout& layout_;
  const uintptr_t stack_start_, stack_end_;
  uintptr_t cframe_ = 0;
};

class PythonReader {
 public:
  PythonReader(const Interpreter& interpreter, ThreadWalks& walks, uint32_t generation)
      : interpreter_(interpreter), walks_(walks), generation_(generation) {}

  PythonStack read(uintptr_t thread_state, uintptr_t sp, uint32_t count) {
    const Layout& layout = *interpreter_.layout;
    Anchors anchors(layout, thread_state, sp);
    visit_chain(layout, thread_state, [&](uintptr_t frame, uint64_t word) {
      if (count-- == 0) return false;
      if (word != kEntry) add_frame(frame, word);
      if ((word & kEntry) != 0) end_run(anchors.of_call(frame));
      return true;
    });
    if (begun_ < stack_.frame_count) end_run(0);
    // From 3.14 on the thread's state has a frame of its own, further out than any call.
    constexpr uint32_t kWithBaseFrame = 14;
    const bool has_base = layout.minor >= kWithBaseFrame && stack_.run_count > 0;
    if (has_base && walks_.runs[stack_.run_count - 1].count == 0) --stack_.run_count;
    return stack_;
  }

 private:
  void add_frame(uintptr_t frame, uint64_t word) {
    FrameKey key{};
    const uint64_t place_word = word & ~kEntry;
    if (!walks_.known.find(place_word, generation_, &key)) {
      const CodePlace place = place_of_frame(interpreter_, frame, place_word, block_finder, walks_.text);
      key = place.key;
      if (place.is_watched) walks_.known.keep(place_word, generation_, key);
      stack_.is_watched = stack_.is_watched && place.is_watched;
    }
    if (key != FrameKey{}) walks_.places[stack_.frame_count++] = key;
  }

  void end_run(uintptr_t anchor) {
    walks_.runs[stack_.run_count++] = {begun_, stack_.frame_count - begun_, anchor};
    begun_ = stack_.frame_count;
  }

  const Interpreter& interpreter_;
  ThreadWalks& walks_;
  const uint32_t generation_;
  uint32_t begun_ = 0;
  PythonStack stack_;
};

// ---- Both together ----

struct NativeStack {
  uint32_t count = 0;
  NodeId root = NodeId::none;
};

NativeStack read_native(ThreadWalks& walks, core::StackId native) {
  NativeStack stack;
  stack.root = visit_frames(native, [&](FrameKey key) {
    if (stack.count == walks.capacity) return false;
    walks.native[stack.count++] = key;
    return true;
  });
  return stack;
}

// Of a thread that has them.
ThreadWalks& walks_of(ThreadStack& last) { return *last.walks.load(std::memory_order_relaxed); }

// Gives each native frame that is known to be a call of the interpreter its run. False where there are more or fewer.
bool match_known_calls(ThreadWalks& walks, const NativeStack& native, const PythonStack& python,
                       core::ModuleId library) {
  uint32_t calls = 0;
  for (uint32_t i = 0; i < native.count; ++i) {
    const FrameKey key = walks.native[i];
    const bool is_call = module_of(key) == library && interpreter_calls.contains(ip_of(key));
    walks.run_of[i] = is_call ? ++calls : 0;
  }
  return calls == python.run_count;
}

// Walks once more, for the stack pointers: each frame reaches from its own to its caller's.
uint32_t walk_for_pointers(ThreadStack& last, const Registers& caller) {
  Walked walked;
  walk(last, caller, false, &walked);
  if (walked.end != Step::needs_libunwind) return walked.count;
  const FullWalk full = walk_by_libunwind(last, caller);
  return full.end == UnwindEnd::unavailable ? walked.count : full.count;
}

// The same by where each call keeps something.
void match_by_anchors(ThreadStack& last, const Registers& caller, const NativeStack& native, const PythonStack& python,
                      core::ModuleId library) {
  ThreadWalks& walks = walks_of(last);
  const uint32_t walked = walk_for_pointers(last, caller);
  const Run *run = walks.runs, *end = walks.runs + python.run_count;
  for (uint32_t i = 0; i < native.count; ++i) {
    walks.run_of[i] = 0;
    if (i >= walked || last.walked[i].key != walks.native[i]) continue;
    const bool is_outermost = i + 1 == native.count && native.root == NodeId::complete_root;
    const uintptr_t frame_end = i + 1 < walked ? last.walked[i + 1].sp : is_outermost ? UINTPTR_MAX : 0;
    while (run != end && run->anchor < last.walked[i].sp) ++run;
    if (run == end || run->anchor >= frame_end) continue;
    walks.run_of[i] = static_cast<uint32_t>(run - walks.runs) + 1;
    if (module_of(walks.native[i]) == library) interpreter_calls.insert(ip_of(walks.native[i]));
    ++run;
  }
}

uint64_t unmatched_runs(const ThreadWalks& walks, const NativeStack& native, const PythonStack& python) {
  uint64_t with_frames = 0;
  for (uint32_t i = 0; i < python.run_count; ++i) with_frames += walks.runs[i].count != 0;
  for (uint32_t i = 0; i < native.count; ++i) {
    if (walks.run_of[i] != 0) with_frames -= walks.runs[walks.run_of[i] - 1].count != 0;
  }
  return with_frames;
}

// Makes a stack's nodes from the outermost frame inwards. As long as the frames are those of the stack before it, they are its nodes.
class Interning {
 public:
  Interning(ThreadStack& last, NodeId root)
      : last_(last),
        walks_(walks_of(last)),
        clock_(walks_.captures.load(std::memory_order_relaxed)),
        frame_(walks_.combined),
        node_(root) {
    if (walks_.combined_root != root) walks_.combined_count = 0;
    walks_.combined_root = root;
    known_end_ = frame_ + walks_.combined_count;
  }

  void add(FrameKey key, Place place) {
    if (frame_ < known_end_ && frame_->key == key) {
      node_ = frame_->node;
    } else {
      known_end_ = frame_;
      node_ = last_.children.child(node_, key, place, clock_);
      *frame_ = {key, node_};
    }
    ++frame_;
  }

  // The innermost node.
  NodeId finish() {
    const bool is_whole = node_ != NodeId::none;
    walks_.combined_count = is_whole ? static_cast<uint32_t>(frame_ - walks_.combined) : 0;
    return node_;
  }

 private:
  ThreadStack& last_;
  ThreadWalks& walks_;
  const uint64_t clock_;
  CombinedFrame* frame_;
  CombinedFrame* known_end_;
  NodeId node_;
};

NodeId intern_both(ThreadStack& last, const NativeStack& native, NodeId root) {
  ThreadWalks& walks = walks_of(last);
  Interning interning(last, root);
  for (uint32_t i = native.count; i-- > 0;) {
    const Run* run = walks.run_of[i] == 0 ? nullptr : walks.runs + walks.run_of[i] - 1;
    if (run == nullptr || run->count == 0) {
      interning.add(walks.native[i], i == 0 ? Place::innermost : Place::further_out);
      continue;
    }
    for (uint32_t frame = run->first + run->count; frame-- > run->first;) {
      interning.add(walks.places[frame], Place::further_out);
    }
  }
  return interning.finish();
}

core::StackId combine(ThreadStack& last, const Registers& caller, core::StackId native_stack, const Interpreter& known,
                      uintptr_t thread_state, const ChainWords& words, uint32_t generation, bool* is_watched) {
  ThreadWalks& walks = walks_of(last);
  const PythonStack python = PythonReader(known, walks, generation).read(thread_state, caller.sp, words.count);
  const NativeStack native = read_native(walks, native_stack);
  if (!match_known_calls(walks, native, python, known.module)) {
    match_by_anchors(last, caller, native, python, known.module);
    const uint64_t unmatched = unmatched_runs(walks, native, python);
    walks.unmatched.store(walks.unmatched.load(std::memory_order_relaxed) + unmatched, std::memory_order_relaxed);
  }
  *is_watched = python.is_watched;
  return stack_of(intern_both(last, native, words.is_cut ? NodeId::truncated_root : native.root));
}

// False where there is no memory.
bool ensure_walks(ThreadStack& last) {
  if (last.walks.load(std::memory_order_relaxed) != nullptr) [[likely]]
    return true;
  ThreadWalks* walks = create_walks(capture_settings.max_depth);
  last.walks.store(walks, std::memory_order_release);
  return walks != nullptr;
}

core::StackId capture_both(ThreadStack& last, const Registers& caller, core::StackId native, const Interpreter& known,
                           uintptr_t thread_state) {
  if (!ensure_walks(last)) return native;
  ThreadWalks& walks = walks_of(last);
  const uint32_t generation = code_generation.load(std::memory_order_acquire);
  const ChainWords words = read_words(*known.layout, thread_state, walks.words, walks.capacity);
  if (words.count == 0) return native;
  count_one(walks.captures);
  const core::StackId found = walks.recent.find(native, generation, words.hash, walks.words, words.count);
  if (found != core::StackId::unknown) [[likely]] {
    count_one(walks.repeated);
    return found;
  }
  bool is_watched = false;
  const core::StackId both = combine(last, caller, native, known, thread_state, words, generation, &is_watched);
  if (both == core::StackId::unknown) return native;
  if (is_watched) {
    walks.recent.keep(native, generation, words.hash, walks.words, words.count, both,
                      walks.captures.load(std::memory_order_relaxed));
  }
  return both;
}

}  // namespace
}  // namespace python

namespace detail {

bool shows_python_frames;

core::StackId with_python_frames(LastStack& leaf, const Registers& caller, core::StackId native) {
  if (native == core::StackId::unknown || !python::is_open(native)) return native;
  const python::Interpreter* known = python::interpreter();
  if (known == nullptr) return native;
  auto& last = static_cast<ThreadStack&>(leaf);
  const auto state = reinterpret_cast<uintptr_t>(known->state_of_this_thread());
  const auto attached = reinterpret_cast<uintptr_t>(known->attached_state());
  // From 3.12 on that is the thread's own: another than the first one while it runs a subinterpreter.
  const bool is_own = attached != 0 && (attached == state || known->layout->minor > 11);
  if (is_own) return python::capture_both(last, caller, native, *known, attached);
  if (!python::may_be_object(state)) return native;
  const python::UnattachedWalk walk;
  const uintptr_t finalizing = python::finalizing_state(*known);
  if (finalizing != 0 && finalizing != state) return native;
  return python::capture_both(last, caller, native, *known, state);
}

void notice_release(uintptr_t address) {
  if (python::unattached_walks.load(std::memory_order_acquire) != 0) [[unlikely]] {
    const python::Interpreter* known = python::interpreter();
    if (known != nullptr && python::finalizing_state(*known) != 0) python::wait_for_unattached_walks();
  }
  if (address != 0) python::notice_freed_block(address);
}

}  // namespace detail

void show_python_frames(uintptr_t (*find_block)(uintptr_t address)) {
  python::block_finder = find_block;
  detail::shows_python_frames = true;
}

PythonFacts python_facts() { return {detail::shows_python_frames, python::found_version(), python::reason_against()}; }

void python_frames_reset_after_fork() {
  python::gates_lock.reset_after_fork();
  python::unattached_walks.store(0, std::memory_order_relaxed);
  python::interpreter_calls.reset_after_fork();
  python::interpreter_reset_after_fork();
  python::code_watch_reset_after_fork();
  python::frame_table_reset_after_fork();
}

}  // namespace weir::stack
