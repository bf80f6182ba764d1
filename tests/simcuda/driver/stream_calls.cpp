// Streams, events and host functions as programs ask for them.
#include <algorithm>
#include <cstring>

#include "context.h"
#include "graph.h"

namespace simcuda {
namespace {

using Clock = std::chrono::steady_clock;

CUresult create_stream(const char* name, CUstream* handle, unsigned flags, int priority) {
  return run(name, [&](Lock&, Call&) {
    require_argument(handle != nullptr && (flags & ~unsigned{CU_STREAM_NON_BLOCKING}) == 0);
    *handle = add_stream(current_context(), flags, priority);
  });
}

CUresult destroy_stream(const char* name, CUstream handle) {
  return run(name, [&](Lock& lock, Call&) {
    require(handle != nullptr && handle != CU_STREAM_LEGACY && handle != CU_STREAM_PER_THREAD,
            CUDA_ERROR_INVALID_HANDLE);
    Stream& stream = stream_of(handle, false);
    abandon_capture(lock, stream);
    stream.close(lock);
    stream.context.streams.erase(handle);
  });
}

CUresult synchronise(const char* name, CUstream handle, bool per_thread) {
  return run(name, [&](Lock& lock, Call&) {
    Stream& stream = stream_of(handle, per_thread);
    forbid_on_capturing(stream);
    Context& context = stream.context;
    const bool is_legacy = stream.kind == StreamKind::legacy_default;
    Tickets work{stream.ticket()};
    if (is_legacy) {
      for (const auto& [other_handle, other] : context.streams) {
        if (other->is_blocking()) work.push_back(other->ticket());
      }
    }
    wait_for(lock, work);
    require(context.sticky_error == CUDA_SUCCESS, context.sticky_error);
  });
}

CUresult query(const char* name, CUstream handle, bool per_thread) {
  return run(name, [&](Lock&, Call&) {
    Stream& stream = stream_of(handle, per_thread);
    forbid_on_capturing(stream);
    require(stream.is_idle(), CUDA_ERROR_NOT_READY);
    require(stream.context.sticky_error == CUDA_SUCCESS, stream.context.sticky_error);
  });
}

// False where it was recorded in no capture.
bool invalidate_captured(Event& event) {
  if (event.capture == nullptr) return false;
  event.capture->valid = false;
  return true;
}

// What asks for an event's state is unsafe while others capture (pytorch#104555), and makes no sense of an event in a capture.
void forbid_on_captured(Event& event) {
  require(!invalidate_captured(event), CUDA_ERROR_CAPTURED_EVENT);
  forbid_while_capturing();
}

CUresult record(const char* name, CUevent handle, CUstream stream_handle, bool per_thread) {
  return run(name, [&](Lock& lock, Call&) {
    Event& event = event_of(handle);
    Stream& stream = stream_of(stream_handle, per_thread);
    forbid_implicit(stream);
    event.capture = stream.capture;
    event.was_recorded = true;
    if (stream.capture != nullptr) {
      event.capture_dependencies = stream.capture_dependencies;
      return;
    }
    auto time = std::make_shared<Clock::time_point>();
    stream.enqueue(lock, [time] { *time = Clock::now(); });
    event.time = time;
    event.recorded = {stream.ticket()};
  });
}

CUresult wait(const char* name, CUstream stream_handle, CUevent handle, bool per_thread) {
  return run(name, [&](Lock& lock, Call&) {
    Event& event = event_of(handle);
    Stream& stream = stream_of(stream_handle, per_thread);
    if (event.capture != nullptr) {
      // The stream joins the capture.
      require(event.capture->valid, CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
      require(stream.capture == nullptr || stream.capture == event.capture, CUDA_ERROR_STREAM_CAPTURE_MERGE);
      stream.capture = event.capture;
      for (CUgraphNode node : event.capture_dependencies) {
        if (std::find(stream.capture_dependencies.begin(), stream.capture_dependencies.end(), node) ==
            stream.capture_dependencies.end()) {
          stream.capture_dependencies.push_back(node);
        }
      }
      return;
    }
    if (stream.capture != nullptr && event.was_recorded) refuse(CUDA_ERROR_STREAM_CAPTURE_ISOLATION);
    forbid_implicit(stream);
    if (!are_done(event.recorded))
      stream.enqueue(
          lock, [] {}, event.recorded);
  });
}

CUresult launch_host(const char* name, CUstream handle, CUhostFn function, void* data, bool per_thread) {
  return run(name, [&](Lock& lock, Call&) {
    require_argument(function != nullptr);
    submit(lock, stream_of(handle, per_thread), CU_GRAPH_NODE_TYPE_HOST, [=] { function(data); });
  });
}

CUresult add_callback(const char* name, CUstream handle, CUstreamCallback callback, void* data, unsigned flags,
                      bool per_thread) {
  return run(name, [&](Lock& lock, Call&) {
    require_argument(callback != nullptr && flags == 0);
    Stream& stream = stream_of(handle, per_thread);
    forbid_on_capturing(stream);
    stream.enqueue(lock, [=, context = &stream.context] { callback(handle, context->sticky_error, data); });
  });
}

template <class Value>
CUresult stream_property(const char* name, CUstream handle, Value* value, bool per_thread, Value (*of)(const Stream&)) {
  return run(name, [&](Lock&, Call&) {
    require_argument(value != nullptr);
    *value = of(stream_of(handle, per_thread));
  });
}

}  // namespace

Event& event_of(CUevent handle) {
  for (Context* context : all_contexts()) {
    const auto found = context->events.find(handle);
    if (found != context->events.end()) return *found->second;
  }
  refuse(CUDA_ERROR_INVALID_HANDLE);
}

CUstream add_stream(Context& context, unsigned flags, int priority) {
  auto stream = std::make_shared<Stream>(context, StreamKind::created, flags, priority);
  const auto handle = reinterpret_cast<CUstream>(stream.get());
  context.streams[handle] = std::move(stream);
  return handle;
}

CUresult record_work_of(const char* name, CUcontext handle, CUevent event_handle) {
  return run(name, [&](Lock&, Call&) {
    Context& context = context_of(handle);
    Event& event = event_of(event_handle);
    forbid_on_capturing(context);
    event.recorded = work_of(context);
    event.was_recorded = true;
    event.capture = nullptr;
  });
}

CUresult have_wait(const char* name, CUcontext handle, CUevent event_handle) {
  return run(name, [&](Lock& lock, Call&) {
    Context& context = context_of(handle);
    Event& event = event_of(event_handle);
    forbid_on_capturing(context);
    require(!invalidate_captured(event), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
    const Tickets recorded = event.recorded;
    const Task nothing = [] {};
    for (const Context* of : with_green_contexts(context)) {
      of->legacy_stream->enqueue(lock, nothing, recorded);
      for (const auto& [stream_handle, stream] : of->streams) stream->enqueue(lock, nothing, recorded);
    }
  });
}

SIMCUDA_EXPORT CUresult cuStreamCreate(CUstream* stream, unsigned flags) {
  return create_stream("cuStreamCreate", stream, flags, 0);
}
SIMCUDA_EXPORT CUresult cuStreamCreateWithPriority(CUstream* stream, unsigned flags, int priority) {
  return create_stream("cuStreamCreateWithPriority", stream, flags, priority);
}
SIMCUDA_EXPORT CUresult cuStreamDestroy(CUstream stream) { return destroy_stream("cuStreamDestroy", stream); }
SIMCUDA_EXPORT CUresult cuStreamDestroy_v2(CUstream stream) { return destroy_stream("cuStreamDestroy_v2", stream); }

SIMCUDA_TWO_FORMS(cuStreamSynchronize, _ptsz, (CUstream stream), synchronise(name_of_call, stream, per_thread))
SIMCUDA_TWO_FORMS(cuStreamQuery, _ptsz, (CUstream stream), query(name_of_call, stream, per_thread))
SIMCUDA_TWO_FORMS(cuEventRecord, _ptsz, (CUevent event, CUstream stream),
                  record(name_of_call, event, stream, per_thread))
SIMCUDA_TWO_FORMS(cuEventRecordWithFlags, _ptsz, (CUevent event, CUstream stream, unsigned),
                  record(name_of_call, event, stream, per_thread))
SIMCUDA_TWO_FORMS(cuStreamWaitEvent, _ptsz, (CUstream stream, CUevent event, unsigned),
                  wait(name_of_call, stream, event, per_thread))
SIMCUDA_TWO_FORMS(cuLaunchHostFunc, _ptsz, (CUstream stream, CUhostFn function, void* data),
                  launch_host(name_of_call, stream, function, data, per_thread))
SIMCUDA_TWO_FORMS(cuStreamAddCallback, _ptsz, (CUstream stream, CUstreamCallback callback, void* data, unsigned flags),
                  add_callback(name_of_call, stream, callback, data, flags, per_thread))
SIMCUDA_TWO_FORMS(cuStreamGetFlags, _ptsz, (CUstream stream, unsigned* flags),
                  stream_property<unsigned>(name_of_call, stream, flags, per_thread,
                                            [](const Stream& of) { return of.flags; }))
SIMCUDA_TWO_FORMS(cuStreamGetPriority, _ptsz, (CUstream stream, int* priority),
                  stream_property<int>(name_of_call, stream, priority, per_thread,
                                       [](const Stream& of) { return of.priority; }))
SIMCUDA_TWO_FORMS(cuStreamGetId, _ptsz, (CUstream stream, unsigned long long* id),
                  stream_property<unsigned long long>(name_of_call, stream, id, per_thread,
                                                      [](const Stream& of) -> unsigned long long { return of.id; }))
SIMCUDA_TWO_FORMS(cuStreamGetCtx, _ptsz, (CUstream stream, CUcontext* context),
                  stream_property<CUcontext>(name_of_call, stream, context, per_thread,
                                             [](const Stream& of) { return handle_of(of.context); }))
SIMCUDA_TWO_FORMS(cuStreamGetDevice, _ptsz, (CUstream stream, CUdevice* device),
                  stream_property<CUdevice>(name_of_call, stream, device, per_thread,
                                            [](const Stream& of) { return of.context.device.ordinal; }))

SIMCUDA_EXPORT CUresult cuEventCreate(CUevent* handle, unsigned flags) {
  return run("cuEventCreate", [&](Lock&, Call&) {
    require_argument(handle != nullptr);
    Context& context = current_context();
    auto event = std::make_unique<Event>(Event{context, flags});
    *handle = reinterpret_cast<CUevent>(event.get());
    context.events[*handle] = std::move(event);
  });
}

SIMCUDA_EXPORT CUresult cuEventDestroy_v2(CUevent handle) {
  return run("cuEventDestroy_v2", [&](Lock&, Call&) {
    Context& context = event_of(handle).context;
    context.events.erase(handle);
  });
}
SIMCUDA_EXPORT CUresult cuEventDestroy(CUevent handle) { return cuEventDestroy_v2(handle); }

SIMCUDA_EXPORT CUresult cuEventQuery(CUevent handle) {
  return run("cuEventQuery", [&](Lock&, Call&) {
    Event& event = event_of(handle);
    forbid_on_captured(event);
    require(are_done(event.recorded), CUDA_ERROR_NOT_READY);
    require(event.context.sticky_error == CUDA_SUCCESS, event.context.sticky_error);
  });
}

SIMCUDA_EXPORT CUresult cuEventSynchronize(CUevent handle) {
  return run("cuEventSynchronize", [&](Lock& lock, Call&) {
    Event& event = event_of(handle);
    forbid_on_captured(event);
    Context& context = event.context;
    const Tickets recorded = event.recorded;
    wait_for(lock, recorded);
    require(context.sticky_error == CUDA_SUCCESS, context.sticky_error);
  });
}

SIMCUDA_EXPORT CUresult cuEventElapsedTime_v2(float* milliseconds, CUevent start, CUevent end) {
  return run("cuEventElapsedTime_v2", [&](Lock&, Call&) {
    require_argument(milliseconds != nullptr);
    const Event &from = event_of(start), &to = event_of(end);
    require(from.was_recorded && to.was_recorded, CUDA_ERROR_INVALID_HANDLE);
    require(are_done(from.recorded) && are_done(to.recorded), CUDA_ERROR_NOT_READY);
    *milliseconds = std::chrono::duration<float, std::milli>(*to.time - *from.time).count();
  });
}
SIMCUDA_EXPORT CUresult cuEventElapsedTime(float* milliseconds, CUevent start, CUevent end) {
  return cuEventElapsedTime_v2(milliseconds, start, end);
}

// All work of a context so far, as one event; of no context that captures.
SIMCUDA_EXPORT CUresult cuCtxRecordEvent(CUcontext context, CUevent event) {
  return record_work_of("cuCtxRecordEvent", context, event);
}
SIMCUDA_EXPORT CUresult cuCtxWaitEvent(CUcontext context, CUevent event) {
  return have_wait("cuCtxWaitEvent", context, event);
}

}  // namespace simcuda
