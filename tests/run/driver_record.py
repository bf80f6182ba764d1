"""What the simulated driver's log says of a process's memory: figures in the report's form, from the log alone. Nothing here knows what
Weir does, only what the functions are for and how docs/report.schema.json names it."""

import collections
import dataclasses
import json
import pathlib
import re

# What a function gives when it succeeds: the report's name for it, and which field of the line it is known by.
GIVES = {
    "cuMemAlloc": ("device", "address"),
    "cuMemAllocPitch": ("device", "address"),
    "cuMemAllocManaged": ("managed", "address"),
    "cuMemAllocHost": ("pinned", "address"),
    "cuMemHostAlloc": ("pinned", "address"),
    "cuMemHostRegister": ("registered", "address"),
    "cuMemAllocAsync": ("async", "address"),
    "cuMemAllocFromPoolAsync": ("async", "address"),
    "cuMemPoolCreate": ("pool", "pool"),
    "cuMemPoolImportFromShareableHandle": ("pool", "pool"),
    "cuMemPoolImportPointer": ("ipc", "address"),
    "cuMemCreate": ("vmm", "handle"),
    "cuMemImportFromShareableHandle": ("ipc", "handle"),
    "cuMulticastCreate": ("multicast", "handle"),
    "cuMemAddressReserve": ("reservation", "address"),
    "cuMemMap": ("mapping", "address"),
    "cuArrayCreate": ("array", "handle"),
    "cuArray3DCreate": ("array", "handle"),
    "cuMipmappedArrayCreate": ("array", "handle"),
    "cuIpcOpenMemHandle": ("ipc", "address"),
    "cuImportExternalMemory": ("external", "handle"),
    "cuExternalMemoryGetMappedBuffer": ("view", "address"),
    "cuExternalMemoryGetMappedMipmappedArray": ("view", "handle"),
    "cuGraphAddMemAllocNode": ("graph_node", "node"),
    "cuModuleLoad": ("module", "module"),
    "cuModuleLoadData": ("module", "module"),
    "cuModuleLoadDataEx": ("module", "module"),
    "cuModuleLoadFatBinary": ("module", "module"),
    "cuLibraryLoadData": ("module", "module"),
    "cuLibraryLoadFromFile": ("module", "module"),
}
FINDS = ("cuModuleGetGlobal", "cuLibraryGetGlobal", "cuLibraryGetManaged")
TAKES = {
    "cuMemFree": "address",
    "cuMemFreeAsync": "address",
    "cuMemFreeHost": "address",
    "cuMemHostUnregister": "address",
    "cuMemPoolDestroy": "pool",
    "cuMemRelease": "handle",
    "cuMemAddressFree": "address",
    "cuArrayDestroy": "handle",
    "cuMipmappedArrayDestroy": "handle",
    "cuIpcCloseMemHandle": "address",
    "cuDestroyExternalMemory": "handle",
    "cuModuleUnload": "module",
    "cuLibraryUnload": "module",
}
# A reservation and what is mapped at its start have one address.
SPACES = {"reservation": "reserved", "mapping": "mapped", "cuMemAddressFree": "reserved"}
NO_DEVICE = {"ipc handle", "multicast", "reservation"}  # of which no device is known, or which belong to none
NODE_MEM_ALLOC = 10  # CU_GRAPH_NODE_TYPE_MEM_ALLOC
HOST_PLACES = ("pageable", "pinned", "registered", "managed")


def base_name(call):
    return re.sub(r"_v\d+$", "", re.sub(r"_pt(ds|sz)$", "", call))


def read_log(path):
    """pid -> its lines, in order."""
    lines = collections.defaultdict(list)
    for text in pathlib.Path(path).read_text().splitlines():
        line = json.loads(text)
        lines[line["pid"]].append(line)
    return dict(lines)


def calls_of(lines, names):
    """Name -> (calls, refused ones), of the functions named."""
    counts = collections.defaultdict(lambda: [0, 0])
    for line in lines:
        if line["call"] not in names:
            continue
        counts[line["call"]][0] += 1
        counts[line["call"]][1] += line["result"] != 0
    return {name: tuple(count) for name, count in counts.items()}


@dataclasses.dataclass
class Piece:
    kind: str
    device: object
    bytes: int
    address: int
    references: int = 1


class Record:
    """Follows the lines of one process."""

    def __init__(self, lines):
        self.figures = collections.defaultdict(collections.Counter)  # (device, kind)
        self.failed = collections.Counter()  # kind
        self.live = {}  # (space, key) -> Piece
        self.allocs_of = collections.defaultdict(dict)  # graph -> address -> Piece
        self.frees_of = collections.defaultdict(set)  # graph -> addresses
        self.nodes_of = collections.defaultdict(set)  # graph -> nodes
        for line in lines:
            self._follow(line)

    # ---- What happens to a piece ----

    def _give(self, space, key, piece):
        self.live[space, key] = piece
        self.figures[piece.device, piece.kind].update(alloc_count=1, alloc_bytes=piece.bytes)

    def _take(self, space, key, how="free"):
        piece = self.live[space, key]
        piece.references -= 1
        if piece.references == 0:
            del self.live[space, key]
            self.figures[piece.device, piece.kind].update({f"{how}_count": 1, f"{how}_bytes": piece.bytes})

    # ---- Lines ----

    def _follow(self, line):
        name = base_name(line["call"])
        if "result" not in line:
            self._follow_event(line)
        elif line["result"] != 0:
            self._follow_failure(name, line)
        elif "graph" in line:
            self._follow_graph(name, line)
        elif name in GIVES or name in FINDS and "address" in line:
            self._follow_giving(name, line)
        elif name in TAKES and line.get(TAKES[name]) != 0:
            self._take(SPACES.get(name, TAKES[name]), line[TAKES[name]])
        elif name == "cuMemUnmap":
            self._unmap(line["address"], line["address"] + line["bytes"])
        elif name == "cuMemRetainAllocationHandle":
            self.live["handle", line["handle"]].references += 1

    def _follow_event(self, line):
        if line["call"] == "freed with its module":
            self._take("address", line["address"])
        if line["call"] == "freed with its context":
            for place, piece in list(self.live.items()):
                if place[0] in ("address", "handle", "module") and line["address"] in (piece.address, place[1]):
                    self._take(*place, how="context_freed")

    def _follow_failure(self, name, line):
        if name in GIVES:
            self.failed[GIVES[name][0]] += 1
        elif line.get("type") == NODE_MEM_ALLOC:
            self.failed["graph_node"] += 1

    def _follow_giving(self, name, line):
        kind, field = GIVES.get(name, ("variable", "address"))
        key = line[field]
        bytes_ = line.get("asked", line.get("bytes", 0))
        device = line.get("device")
        if name == "cuMemMap":
            device = self.live["handle", line["handle"]].device
        if name == "cuMemImportFromShareableHandle":
            device, bytes_ = None, 0  # the program did not say
        self._give(SPACES.get(kind, field), key, Piece(kind, device, bytes_, line.get("address", 0)))

    def _unmap(self, start, end):
        for space, key in list(self.live):
            if space == "mapped" and start <= key < end:
                self._take(space, key)

    # ---- Graphs ----

    def _follow_graph(self, name, line):
        graph = line["graph"]
        if line.get("node") is not None:
            node = Piece("graph_node", line["device"], line["bytes"], 0)
            self._give("node", line["node"], node)
            self.nodes_of[graph].add(line["node"])
            self.allocs_of[graph][line["address"]] = node
        elif "address" in line:
            self.frees_of[graph].add(line["address"])
        elif "child" in line:  # a clone has no memory
            for of in (self.allocs_of, self.frees_of, self.nodes_of):
                of[graph].update(of.pop(line["child"], ()))
        elif name == "cuGraphDestroy":
            for node in self.nodes_of.pop(graph, ()):
                self._take("node", node)
        elif name == "cuGraphLaunch":
            self._launch(graph)

    def _launch(self, graph):
        allocs, frees = self.allocs_of[graph], self.frees_of[graph]
        for address in frees - set(allocs):
            if ("address", address) in self.live:  # the program may have freed it already
                self._take("address", address)
        for address in set(allocs) - frees:
            if ("address", address) in self.live:  # of an earlier launch, which this one frees first
                self._take("address", address)
            node = allocs[address]
            self._give("address", address, Piece("graph", node.device, node.bytes, address))

    # ---- What it came to ----

    def kinds(self):
        """(device, kind) -> the report's figures of a kind, but for peaks, failures and what rounding adds."""
        names = [f"{what}_{unit}" for what in ("alloc", "free", "context_freed") for unit in ("count", "bytes")]
        result = {}
        for place, counted in self.figures.items():
            figures = {name: counted[name] for name in names}
            live = [piece for piece in self.live.values() if (piece.device, piece.kind) == place]
            figures.update(live_count=len(live), live_bytes=sum(piece.bytes for piece in live))
            result[place] = figures
        return result


def transfers_of(lines):
    """Two sums of (count, bytes): by call, and by (direction, host memory) of what was not asked for by the batch."""
    by_call, by_ends = collections.defaultdict(collections.Counter), collections.defaultdict(collections.Counter)
    for line in lines:
        name = base_name(line["call"])
        if not re.match("cuMem(cpy|set)", name) or line.get("result") != 0 or name == "cuMemcpy3DBatchAsync":
            continue
        by_call[line["call"]].update(count=line.get("copies", 1), bytes=line["bytes"])
        if "copies" not in line:
            by_ends[ends_of(name, line)].update(count=1, bytes=line["bytes"])
    return dict(by_call), dict(by_ends)


def ends_of(name, line):
    if name.startswith("cuMemset"):
        return "fill", "none"
    if name in ("cuMemcpyPeer", "cuMemcpyPeerAsync"):
        return "peer", "none"
    from_host, to_host = (line[end] in HOST_PLACES for end in ("from", "to"))
    if from_host and to_host:
        return "host_to_host", line["from"]
    if from_host:
        return "host_to_device", line["from"]
    if to_host:
        return "device_to_host", line["to"]
    return "device_to_device", "none"
