"""The real programs, each on real work: a long form of 1 to 5 s for times, a short one for instruction counts."""

import dataclasses
import pathlib
import shutil
import subprocess

import inputs


@dataclasses.dataclass(frozen=True)
class Program:
    """name: in tables; arguments(size): the command line, size is "long" or "short"; environment: added to the common
    one; stdin(size): a file; requests: for a server, how many of each kind redis-benchmark sends it, by size;
    own_allocator: it brings a malloc of its own."""

    name: str
    arguments: object
    environment: dict = dataclasses.field(default_factory=dict)
    stdin: object = None
    requests: dict | None = None
    own_allocator: bool = False


def compiler():
    asked = subprocess.run(["g++", "-print-prog-name=cc1plus"], capture_output=True, text=True, check=True)
    return asked.stdout.strip()


def redis_server(folder):
    """Debian's redis-tools has the server under another name: which of its faces the binary shows is in its name."""
    server = pathlib.Path("/usr/bin/redis-server")
    if server.exists():
        return server
    link = folder / "redis-server"
    if not link.is_symlink():
        link.symlink_to("/usr/bin/redis-check-rdb")
    return link


def all_programs(folder):
    """folder: where the inputs are, or are written now."""
    folder = pathlib.Path(folder)
    inputs.write_all(folder)

    def sized(**by_size):
        return lambda size: str(by_size[size])

    python_rounds, perl_rounds = sized(long=150, short=2), sized(long=90, short=3)
    torch_rounds, certificates = sized(long=5500, short=20), {"long": 6500, "short": 200}
    return [
        # Not optimising: heaptrack's interpreter dies of a bad_alloc on Debian's cc1plus where it does.
        Program("cc1plus", lambda size: [compiler(), "-quiet", "-imultiarch", "x86_64-linux-gnu", "-D_GNU_SOURCE",
                                         "-std=c++17", "-O0", folder / f"{size}.cpp", "-o", "/dev/null"]),
        Program("python3", lambda size: ["/usr/bin/python3", "-S", folder / "work.py", python_rounds(size)],
                {"PYTHONMALLOC": "malloc"}),
        Program("perl", lambda size: ["/usr/bin/perl", folder / "work.pl", perl_rounds(size)]),
        Program("sqlite3", lambda size: ["/usr/bin/sqlite3", "-batch", ":memory:"],
                stdin=lambda size: folder / f"{size}.sql"),
        Program("git log -p", lambda size: ["/usr/bin/git", "--git-dir", folder / f"{size}.git", "log", "-p",
                                            "--stat"]),
        Program("jq", lambda size: ["/usr/bin/jq", inputs.JQ_FILTER, folder / f"{size}.json"]),
        Program("xmllint", lambda size: ["/usr/bin/xmllint", "--repeat", "--noout", folder / f"{size}.xml"]),
        Program("redis-server", lambda size: [redis_server(folder), "--port", "0", "--save", "", "--daemonize", "no",
                                              "--unixsocket", "{socket}", "--dir", "{scratch}"],
                requests={"long": 80_000, "short": 2_500}, own_allocator=True),
        Program("openssl", lambda size: ["/usr/bin/openssl", "verify", "-CAfile", folder / "ca.pem",
                                         *[folder / "leaf.pem"] * certificates[size]]),
        Program("torch", lambda size: ["/usr/bin/python3", "-I", folder / "torch_work.py", torch_rounds(size)]),
    ]


def why_absent(program):
    """A sentence on why this program cannot be measured here, or None."""
    if program.name == "torch":
        found = subprocess.run(["/usr/bin/python3", "-I", "-c", "import torch"], capture_output=True, text=True)
        if found.returncode != 0:
            return f"python3-torch does not load: {found.stderr.strip().splitlines()[-1][:200]}"
    first = str(program.arguments("short")[0])
    return None if shutil.which(first) else f"{first} is not there"


REDIS_KINDS = "set,get,incr,lpush,rpop,sadd,hset,zadd,lrange_100,mset"


def redis_benchmark(socket, requests):
    return ["/usr/bin/redis-benchmark", "-s", socket, "-n", str(requests), "-c", "20", "-P", "16", "-r", "50000",
            "-d", "100", "-q", "-t", REDIS_KINDS]
