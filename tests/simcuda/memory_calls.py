"""The driver's functions that give memory, take it back, say where it comes from, copy or set it: derived from what the toolkit's own
stub of the driver exports, by words in the functions' names, and never from Weir's list, which is compared with this one.

A function of a newer toolkit that has one of the words is in until somebody has looked at it and said in NO_MEMORY why it is not.
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
    "loads code of a module that is loaded": "cuFuncLoad",
    "asks": "cuMemGetAllocation(Granularity|PropertiesFromHandle)",
    "is about caches": "cuCtxResetPersistingL2Cache",
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


def is_memory_call(symbol):
    name = base_name(symbol)
    if name in NAMES:
        return True
    return bool(WORDS & words_of(name)) and not any(re.fullmatch(pattern, name) for pattern in NO_MEMORY.values())


def memory_calls(symbols):
    """Those of the symbols, in their order."""
    return [symbol for symbol in symbols if is_memory_call(symbol)]
