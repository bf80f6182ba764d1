"""The driver's functions before which Weir has to stand, derived from what the toolkit's own stub of the driver exports, by words in the
functions' names, and never from Weir's list, which is compared with this one. They are of two kinds:

  - what gives memory, takes it back, says where it comes from, copies or sets it;
  - what a pool of such memory has to see, or its memory could be told from the driver's, or be given out while it is in use.

A function of a newer toolkit that has one of the words is in until somebody has looked at it and said in NO_MEMORY or NOT_FOR_POOLS why
it is not.
"""

import re
import subprocess

# A function with one of these among the words of its name may give or take memory, or begin or end what holds some.
WORDS = set("Alloc Allocation Free Create Destroy Register Unregister Reserve Map Mapped Unmap Import Open Close Retain Release Reset "
            "Detach Load Unload Clone Instantiate Launch Bind Unbind Trim Memcpy Memset".split())

# The same without such a word.
NAMES = {
    "cuGraphAddNode": "a node of any type: allocations and frees too",
    "cuGraphAddChildGraphNode": "the child's allocations become the graph's",
    "cuStreamBeginCapture": "allocations and frees become nodes until the capture ends",
    "cuStreamBeginCaptureToGraph": "the same",
    "cuStreamEndCapture": "the end of it",
    "cuModuleGetGlobal": "memory of a module",
    "cuLibraryGetGlobal": "memory of a library",
    "cuLibraryGetManaged": "the same, managed",
    "cuMemSetAccess": "who may use mapped memory",
    "cuMemPoolSetAttribute": "how much freed memory a pool keeps",
    "cuDeviceSetMemPool": "where stream-ordered memory comes from",
    "cuMemSetMemPool": "the same",
    "cuIpcGetMemHandle": "memory that another process will open",
    "cuMemExportToShareableHandle": "memory that another process will import",
    "cuMulticastAddDevice": "a device whose memory may be bound",
    "cuGetProcAddress": "gives the address of all others",
    "cuModuleGetFunction": "code that may be loaded only now",
    "cuLibraryGetKernel": "the same",
    "cuKernelGetFunction": "the same",
    "cuCtxSetLimit": "memory that kernels use beside the program's",
    "cuEventCreate": "events may lie in device memory",
    "cuGraphUpload": "what a graph's launch will need",
    "cuGraphExecUpdate": "what nodes need for their new parameters",
}

# What has such a word and is not meant, by reason. Patterns of whole names, without version.
NO_MEMORY = {
    "begins what has no memory of the program's own; what the driver takes for it is the driver's":
        "cuCtxCreate|cuGreenCtxCreate|cu(GreenCtx)?Stream(Create|CreateWithPriority|Destroy)|cuEvent(Create|Destroy)|cuGraphCreate",
    "runs a kernel or a function of the program": "cuLaunch.*",
    "is a view of memory that is allocated elsewhere":
        "cu(Tex|Surf)Object(Create|Destroy)|cuTexRef(Create|Destroy)|cuTensorMap.*|cuGraphicsResourceGetMapped.*"
        "|cuGraphicsSubResourceGetMappedArray|cuGraphicsResourceSetMapFlags|cuGraphicsUnregisterResource",
    "is an event or a semaphore": "cuIpcOpenEventHandle|cu(Import|Destroy)ExternalSemaphore",
    "is an object of the host's":
        "cuUserObject.*|cuGraph(Retain|Release)UserObject|cuLink(Create|Destroy)|cuLogs(Unr|R)egisterCallback"
        "|cuDevice(Unr|R)egisterAsyncNotification|cuGraphConditionalHandleCreate",
    "asks or sets what a node does later":
        "cuGraph(Exec)?Mem(cpy|set|Alloc|Free)Node[GS]etParams|cuGraphAddMem(cpy|set)Node|cuGraphNodeFindInClone",
    "asks": "cuMemGetAllocation(Granularity|PropertiesFromHandle)",
    "is about caches": "cuCtxResetPersistingL2Cache",
}

# A function with one of these among the words of its name says something of an address, changes the thread's context, begins work, or
# tells that work is done.
POOL_WORDS = set("Pointer Range Info Current Launch Synchronize Query".split())

# The same without such a word.
POOL_NAMES = {
    "cuMemHostGetFlags": "of pinned memory: with which flags it was asked for",
    "cuCtxCreate": "the new context is current",
    "cuCtxAttach": "another owner of the current context",
    "cuCtxEnablePeerAccess": "another device's contexts may access a context's memory",
    "cuCtxDisablePeerAccess": "they no longer may",
    "cuStreamCreate": "a stream that the legacy default stream may not wait for",
    "cuStreamCreateWithPriority": "the same",
    "cuGreenCtxCreate": "a context with such streams",
    "cuGreenCtxStreamCreate": "such a stream",
    "cuStreamDestroy": "what is captured in it is captured no longer",
    "cuGraphCreate": "what its nodes will copy may not be registered behind the program's back",
}

NOT_FOR_POOLS = {
    "asks of a function's parameters": "cu(Func|Kernel)GetParamInfo",
    "asks which context is current": "cuCtxGetCurrent",
    "is about priorities": "cuCtxGetStreamPriorityRange",
    "is about the driver's log": "cuLogsCurrent",
    "asks of managed memory, which no pool keeps": "cuMemRangeGetAttributes?",
    "asks whether a stream captures, which no pool changes": "cuStreamGetCaptureInfo",
    "says where memory lies that is not the pool's: another interface's, or a memory pool's of the driver":
        "cuGraphicsResourceGetMappedPointer|cuMemPoolExportPointer",
    "begins work as programs did before CUDA 4.0, or on several devices, which the toolkit's runtime does no more":
        "cuLaunch|cuLaunchGrid(Async)?|cuLaunchCooperativeKernelMultiDevice",
    "runs a function of the program's on the host": "cuLaunchHostFunc",
}


def exported_symbols(stub):
    listed = subprocess.run(["nm", "-D", "--defined-only", stub], check=True, capture_output=True, text=True).stdout
    return sorted(line.split()[2] for line in listed.splitlines())


def base_name(symbol):
    """cuMemcpyHtoD_v2_ptds -> cuMemcpyHtoD"""
    return re.sub(r"_v\d+$", "", re.sub(r"_pt(ds|sz)$", "", symbol))


def words_of(name):
    """cuMemcpy2DAsync -> Memcpy, 2, D, Async"""
    return set(re.findall(r"[A-Z][a-z]+|[A-Z]+(?![a-z])|\d+", name))


def has(name, names, words, left_out):
    return name in names or bool(words & words_of(name)) and not any(re.fullmatch(of, name) for of in left_out.values())


def is_memory_call(symbol):
    return has(base_name(symbol), NAMES, WORDS, NO_MEMORY)


def is_seen_by_pools(symbol):
    return has(base_name(symbol), POOL_NAMES, POOL_WORDS, NOT_FOR_POOLS)


def memory_calls(symbols):
    """Those of the symbols that are of either kind, in their order."""
    return [symbol for symbol in symbols if is_memory_call(symbol) or is_seen_by_pools(symbol)]
