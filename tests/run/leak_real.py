"""Real programs on short inputs, and the lost blocks that Weir and Valgrind find in them: for the test and for docs/leaks.md."""

import collections
import dataclasses
import os
import pathlib
import socket
import subprocess
import tempfile
import time

import leak_programs
import real_inputs
from weir_test import clean_environment, library, stack_frames, symbolise, system_python

STEADY = {"PYTHONHASHSEED": "0", "PERL_HASH_SEED": "0", "LC_ALL": "C.UTF-8", "TZ": "UTC", "GIT_CONFIG_GLOBAL": "/dev/null",
          "GIT_PAGER": "cat"}
# Which of their frames must be the same for two stacks to be one place, from the innermost outside the allocator.
SAME_FRAMES = 3

PYTHON_SCRIPT = """
import json, re, threading
words = [f"{i * 7919 % 107:05d}" for i in range(300)]
text = json.dumps(words)
threads = [threading.Thread(target=lambda n=n: sum(range(n * 100))) for n in range(2)]
for t in threads: t.start()
for t in threads: t.join()
class Node:
    def __init__(self): self.me = self
nodes = [Node() for _ in range(10)]
print(len(re.findall("[0-9]3", text)))
"""
BASH_SCRIPT = """
declare -A seen; for i in 1 2 3 4 5; do seen[$i]=x$i; done; f() { local a=$1; ((a > 0)) && f $((a - 1)); echo -n "$a "; }
f 5; text=$(printf '%s ' "${seen[@]}"); echo "${#text}"; (echo sub); echo "$text" | { read -r a b; echo "$b"; }; exit 0
"""
PERL_SCRIPT = """
my %h; $h{$_ % 11}{$_} = "v$_" for 1..300; my $t = join ",", map { scalar keys %{$h{$_}} } sort keys %h;
(my $s = $t) =~ s/(\\d)(\\d)/$2$1/g; my $r = {}; $r->{self} = $r; eval { die { code => 42 } }; print "$s $@->{code}\\n";
"""
SQLITE_SCRIPT = """
create table river(id integer primary key, name text); insert into river values (1, 'Aare'), (2, 'Inn'), (3, 'Rhine');
create index by_name on river(name); select count(*), max(name) from river where name like '%n%'; select * from nowhere;
"""
UNIT = """
#include <vector>
template <int N> struct Fold { static int make() { return Fold<N - 1>::make() + N; } };
template <> struct Fold<0> { static int make() { return 0; } };
int main() { std::vector<int> all{1, 2, 3}; return Fold<20>::make() + static_cast<int>(all.size()); }
"""
REDIS_COMMANDS = (b"RPUSH list a b c\r\nLRANGE list 0 -1\r\nSET text " + b"x" * 500 + b"\r\nEVAL \"return 7\" 0\r\nHSET h f 1\r\n"
                  b"FLUSHALL\r\nSHUTDOWN NOSAVE\r\n")


@dataclasses.dataclass
class Real:
    name: str
    argv: list
    executable: str  # the base name of the process that is looked at
    input: bytes = b""
    environment: dict = dataclasses.field(default_factory=dict)
    directory: pathlib.Path = None
    server: bool = False  # of redis: its argument is a socket, over which it gets commands
    valgrind: tuple = ()  # options that Valgrind needs for it


@dataclasses.dataclass(frozen=True)
class Frame:
    """A frame as both tools tell of it. They may know a function by different names, or by none, but where a return address lies in its
    page is the same wherever the object was loaded."""

    object: str
    function: str
    low_bits: int

    def is_like(self, other):
        if self.object != other.object:
            return False
        return self.low_bits == other.low_bits or (self.function != "" and self.function == other.function)

    def __str__(self):
        return f"{self.function or hex(self.low_bits)} in {self.object}"


@dataclasses.dataclass
class Lost:
    frames: tuple
    kind: str
    count: int
    bytes: int

    def is_at(self, others):
        """Whether one of `others` has the same innermost frames."""
        own = self.frames[:SAME_FRAMES]
        return any(len(other.frames) >= len(own) and all(a.is_like(b) for a, b in zip(own, other.frames)) for other in others)

    def __str__(self):
        return f"{self.bytes} bytes in {self.count} blocks: " + ", ".join(map(str, self.frames[:SAME_FRAMES + 2]))


def has_numpy():
    return subprocess.run([system_python(), "-c", "import numpy"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def programs(folder):
    """The programs, with their inputs below `folder`."""
    tree = folder / "tree"
    for branch in range(3):
        (tree / f"branch{branch}").mkdir(parents=True)
        for leaf in range(5):
            (tree / f"branch{branch}" / f"leaf{leaf}.txt").write_text(f"{leaf}\n" * (branch + 1))
    (folder / "unit.cpp").write_text(UNIT)
    repository = folder / "repository"
    real_inputs.write_repository(repository)
    (folder / "redis-server").symlink_to("/usr/bin/redis-check-rdb")  # Debian's redis-tools have the server under that name
    compiler = subprocess.run(["g++", "-print-prog-name=cc1plus"], capture_output=True, text=True, check=True).stdout.strip()
    python = os.path.basename(os.path.realpath(system_python()))
    return [
        Real("ls -lR", ["/bin/ls", "-lR", tree], "ls"),
        Real("bash", ["/bin/bash", "-c", BASH_SCRIPT], "bash"),
        Real("perl", ["/usr/bin/perl", "-e", PERL_SCRIPT], "perl"),
        Real("python3", [system_python(), "-c", PYTHON_SCRIPT], python),
        Real("python3 (PYTHONMALLOC=malloc)", [system_python(), "-c", PYTHON_SCRIPT], python,
             environment={"PYTHONMALLOC": "malloc"}),
        *([Real("python3 with numpy (PYTHONMALLOC=malloc)", [system_python(), "-c", "import numpy; print(numpy.arange(10).sum())"], python,
                environment={"PYTHONMALLOC": "malloc"})] if has_numpy() else []),
        Real("git log -p", ["/usr/bin/git", "log", "-p", "-3", "--stat"], "git", directory=repository),
        Real("git status", ["/usr/bin/git", "status"], "git", directory=repository),
        Real("sqlite3", ["/usr/bin/sqlite3", ":memory:"], "sqlite3", input=SQLITE_SCRIPT.encode()),
        Real("cc1plus", [compiler, "-quiet", "-std=c++17", "-O1", folder / "unit.cpp", "-o", os.devnull], "cc1plus"),
        Real("redis-server", [folder / "redis-server", "--port", "0", "--save", "", "--unixsocket", folder / "socket"],
             "redis-check-rdb", server=True, valgrind=("--soname-synonyms=somalloc=*jemalloc*",)),
    ]


def run(real, words, environment):
    """Runs the program with `words` before it; its inputs as ever."""
    environment = clean_environment(STEADY | real.environment) | environment
    process = subprocess.Popen([str(word) for word in [*words, *real.argv]], env=environment, cwd=real.directory,
                               stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        if real.server:
            command_server(process, pathlib.Path(real.argv[-1]))
        process.communicate(real.input, timeout=300)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def command_server(process, path):
    deadline = time.monotonic() + 120
    while not path.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(120)
        client.connect(str(path))
        client.sendall(REDIS_COMMANDS)
        while client.recv(65536):
            pass
    path.unlink(missing_ok=True)


def frame_of_weir(report, frame):
    module = frame.get("module")
    path = report["modules"][module]["path"] if module is not None else "?"
    return Frame(os.path.basename(path), frame.get("function") or "", frame.get("offset", 0) & 0xFFF)


def under_weir(real):
    """What Weir finds lost: [Lost], of all processes of the executable, without what is suppressed or the runtime's by design."""
    lost = []
    with tempfile.TemporaryDirectory(prefix="weir-real-") as folder:
        run(real, [], {"LD_PRELOAD": str(library()), "WEIR_REPORT": f"{folder}/%p.json"})
        seen = False
        for path in sorted(pathlib.Path(folder).iterdir()):
            report = symbolise(path)
            if os.path.basename(report["process"]["exe"]) != real.executable:
                continue
            seen = True
            if not report["leak_check"]["done"]:
                raise leak_programs.Failed(f"{real.name}: no leak check: {report['leak_check']['why_not']}")
            lost += [Lost(tuple(frame_of_weir(report, frame) for frame in stack_frames(report, leak["stack"])), leak["kind"],
                          leak["count"], leak["bytes"]) for leak in report["leaks"] if leak["kind"] in leak_programs.LOST and
                     not leak.get("suppressed") and not leak.get("runtime")]
        if not seen:
            raise leak_programs.Failed(f"{real.name}: no report of {real.executable}")
    return lost


def frames_of_valgrind(frames):
    """Without Valgrind's own malloc, and without frames of inlined functions; its addresses are the return addresses less one."""
    own = [frame for frame in frames if "vgpreload" not in (frame[1] or "")]
    physical = [frame for place, frame in enumerate(own) if place + 1 == len(own) or own[place + 1][2] != frame[2]]
    return tuple(Frame(os.path.basename(object_ or "?"), function or "", (address + 1) & 0xFFF)
                 for function, object_, address in physical)


def under_valgrind(real):
    """What Valgrind finds lost, or possibly: [Lost]. What it runs besides is not looked at."""
    with tempfile.TemporaryDirectory(prefix="weir-real-") as folder:
        run(real, [*leak_programs.VALGRIND, f"--xml-file={folder}/%p.xml", *real.valgrind], {})
        leaks = [leak for path in sorted(pathlib.Path(folder).iterdir()) for leak in leak_programs.leaks_of_xml(path)]
        if not any(pathlib.Path(folder).iterdir()):
            raise leak_programs.Failed(f"{real.name}: Valgrind left no report")
    return [Lost(frames_of_valgrind(frames), kind, count, bytes_) for kind, count, bytes_, frames in leaks if kind != "reachable"]


def sums(lost):
    """{class: (count, bytes)}."""
    result = collections.defaultdict(lambda: (0, 0))
    for one in lost:
        result[one.kind] = (result[one.kind][0] + one.count, result[one.kind][1] + one.bytes)
    return dict(result)


def accused_alone(weir, valgrind):
    """Weir's definite leaks at places where Valgrind has no definite or indirect one."""
    known = [one for one in valgrind if one.kind in leak_programs.LOST]
    return [one for one in weir if one.kind == "definite" and not one.is_at(known)]
