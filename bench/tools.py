"""The tools that are compared: how each is put around a program, and where its output lies."""

import dataclasses
import os
import pathlib
import subprocess

LIBRARIES = pathlib.Path("/usr/lib/x86_64-linux-gnu")
LIBC = pathlib.Path("/lib/x86_64-linux-gnu/libc.so.6")


@dataclasses.dataclass(frozen=True)
class Tool:
    """name: in figures; title: in tables; preload: a library or None; variables: {folder} becomes the output's folder;
    prefix: words before the program; default: part of a run where no tools are asked for; slow: in fewer rounds; bounded: a bound
    is about it, so it runs in twice as many."""

    name: str
    title: str
    preload: pathlib.Path | None = None
    variables: dict = dataclasses.field(default_factory=dict)
    prefix: tuple = ()
    default: bool = True
    slow: bool = False
    bounded: bool = False

    def environment(self, folder, base, own_allocator=False):
        """`base` plus what the tool needs. own_allocator: the program brings a malloc; glibc's takes its place."""
        preloads = [str(self.preload)] if self.preload else []
        if "LD_PRELOAD" in base:
            preloads.append(base["LD_PRELOAD"])
        if own_allocator:
            preloads.append(str(LIBC))
        variables = {name: value.format(folder=folder) for name, value in self.variables.items()}
        return base | variables | ({"LD_PRELOAD": ":".join(preloads)} if preloads else {})

    def command(self, folder):
        return [word.format(folder=folder) for word in self.prefix]


def all_tools(weir_library):
    weir = pathlib.Path(weir_library)
    report = {"WEIR_REPORT": "{folder}/%e.%p.json"}
    return [
        Tool("glibc", "glibc", bounded=True),
        Tool("mimalloc", "mimalloc", LIBRARIES / "libmimalloc.so.2.0", bounded=True),
        Tool("jemalloc", "jemalloc", LIBRARIES / "libjemalloc.so.2"),
        Tool("tcmalloc", "tcmalloc", LIBRARIES / "libtcmalloc_minimal.so.4"),
        Tool("jemalloc-sampled", "jemalloc sampled (512 KiB)", LIBRARIES / "libjemalloc.so.2",
             {"MALLOC_CONF": "prof:true,lg_prof_sample:19,prof_final:true,prof_prefix:{folder}/jeprof"}),
        Tool("lsan", "LSan preloaded", LIBRARIES / "liblsan.so.0",
             {"LSAN_OPTIONS": "exitcode=0:log_path={folder}/lsan"}),
        Tool("heaptrack", "heaptrack", prefix=("/usr/bin/heaptrack", "-o", "{folder}/heaptrack"), slow=True),
        # 4 to 52 times slower than the program alone: only where asked for.
        Tool("gperftools", "gperftools' heap profiler", LIBRARIES / "libtcmalloc.so.4",
             {"HEAPPROFILE": "{folder}/gperftools"}, default=False, slow=True),
        Tool("weir-exact", "Weir, exact", weir, report, bounded=True),
        Tool("weir-sampled", "Weir, sampled (512 KiB)", weir, report | {"WEIR_SAMPLE": "512KiB"}),
        Tool("weir-pool", "Weir, pool only", weir, report | {"WEIR_TRACK": "mmap"}),
    ]


def clean_environment():
    """This process's environment without what would steer a tool; the same locale and time zone everywhere."""
    steering = ("WEIR", "LD_PRELOAD", "MALLOC", "LSAN", "MIMALLOC", "HEAP", "DUMP_HEAPTRACK")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(steering)}
    return kept | {"LC_ALL": "C.UTF-8", "TZ": "UTC", "PYTHONHASHSEED": "0", "PERL_HASH_SEED": "0",
                   "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "GIT_PAGER": "cat",
                   "OMP_NUM_THREADS": "1", "HOME": "/nonexistent"}


def why_absent(tool):
    """A sentence on why this tool cannot be measured here, or None."""
    if tool.preload and not tool.preload.exists():
        return f"{tool.preload} is not there"
    if tool.prefix and not pathlib.Path(tool.prefix[0]).exists():
        return f"{tool.prefix[0]} is not there"
    environment = tool.environment("/nonexistent", clean_environment())
    if tool.name == "jemalloc-sampled":
        # Where profiling was not built in, jemalloc says so when it reads the option.
        said = subprocess.run(["/bin/true"], env=environment, capture_output=True, text=True).stderr
        return f"Debian's jemalloc does not profile: {said.strip()[:200]}" if "prof" in said else None
    if tool.name.startswith("weir"):
        # Weir names what it does not know, whatever else it says.
        environment["WEIR_REPORT"] = "off"
        said = subprocess.run(["/bin/true"], env=environment, capture_output=True, text=True).stderr
        return f"this build of Weir refuses its options: {said.strip()[:200]}" if said else None
    return None
