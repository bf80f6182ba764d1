"""Runs a program under a tool once and says what it took."""

import os
import pathlib
import socket
import subprocess
import tempfile
import time

import programs
import tools


class Failed(Exception):
    """The program did not end as it does alone."""


class Bench:
    """Where the benchmark's own programs are, and a scratch folder that one run at a time uses."""

    def __init__(self, build):
        self.programs = pathlib.Path(build) / "bench"
        self.measure = self.programs / "measure"
        self.exit_mark = self.programs / "bench_exit_mark.so"

    def run(self, tool, argv, environment=None, stdin=None, own_allocator=False, server=None, timeout=300, wrap=(),
            said=None):
        """{"cpu_s", "wall_s", "peak_bytes", "program_cpu_s", "exit_s", "output_bytes"} of one run.

        server: a function that is given the socket's path and keeps the server busy; then the server is asked to end.
        CPU time, wall time and time at exit are the whole tree's, the tool's helpers included; the peak is the
        program's own. wrap: words put between the tool and the program (valgrind). said: a list that gets what the run wrote to
        stderr.
        """
        with tempfile.TemporaryDirectory(prefix="weir-bench-") as name:
            scratch = pathlib.Path(name)
            output = scratch / "output"
            output.mkdir()
            base = tools.clean_environment() | (environment or {}) | {"BENCH_EXIT_MARK": str(scratch / "mark"),
                                                                      "LD_PRELOAD": str(self.exit_mark)}
            words = {"socket": str(scratch / "socket"), "scratch": str(scratch)}
            argv = [str(word).format(**words) if server else str(word) for word in argv]
            command = [self.measure, scratch / "tree", *tool.command(output),
                       self.measure, scratch / "program", *wrap, *argv]
            with open(stdin or os.devnull, "rb") as given, open(scratch / "stderr", "wb") as stderr:
                process = subprocess.Popen([str(word) for word in command], cwd=scratch, stdin=given,
                                           stdout=subprocess.DEVNULL, stderr=stderr, start_new_session=True,
                                           env=tool.environment(output, base, own_allocator),
                                           preexec_fn=stay_on(SERVER) if server else None)
                try:
                    if server:
                        serve(process, scratch / "socket", server)
                    process.wait(timeout)
                except BaseException:
                    os.killpg(process.pid, 9)
                    process.wait()
                    raise
            complaint = (scratch / "stderr").read_text(errors="replace").strip()
            if said is not None:
                said.append(complaint)
            tree, program = figures(scratch / "tree"), figures(scratch / "program")
            if not tree or not program or program["status"] != 0:
                status = program.get("status", "none") if program else "none"
                raise Failed(f"wait status {status}: {complaint[-200:]}")
            return {
                "cpu_s": (tree["user_ns"] + tree["system_ns"]) / 1e9,
                "wall_s": tree["last_wall_ns"] / 1e9,
                "peak_bytes": program["peak_bytes"],
                "program_cpu_s": (program["user_ns"] + program["system_ns"]) / 1e9,
                # Of a program that ends without exit() and without main's return: not known.
                "exit_s": (tree["last_end_at_ns"] - program.get("main_end_at_ns", tree["last_end_at_ns"])) / 1e9,
                "output_bytes": sum(path.stat().st_size for path in output.rglob("*") if path.is_file()),
            }


# A server and its client move each other from CPU to CPU, and what a request costs changes by half with that.
SERVER, CLIENT = 0, -1


def stay_on(place):
    """For a child to call: from then on it runs on that one of the machine's CPUs, its own children too."""
    cpus = sorted(os.sched_getaffinity(0))
    return lambda: os.sched_setaffinity(0, {cpus[place]})


def figures(path):
    """The "name value" lines of measure."""
    if not path.exists():
        return None
    return {name: int(value) for name, value in (line.split() for line in path.read_text().splitlines())}


def serve(process, path, busy):
    deadline = time.monotonic() + 60
    while not path.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise Failed("the server did not start")
        time.sleep(0.01)
    busy(path)
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(60)
        client.connect(str(path))
        client.sendall(b"SHUTDOWN NOSAVE\r\n")
        client.recv(100)


def redis_work(requests):
    """What keeps a redis-server busy: a fixed number of requests of each kind."""
    def busy(path):
        subprocess.run(programs.redis_benchmark(str(path), requests), check=True, stdout=subprocess.DEVNULL,
                       env=tools.clean_environment(), timeout=600, preexec_fn=stay_on(CLIENT))
    return busy


def run_program(bench, tool, program, size="long", wrap=(), timeout=300, said=None):
    stdin = program.stdin(size) if program.stdin else None
    server = redis_work(program.requests[size]) if program.requests else None
    return bench.run(tool, program.arguments(size), program.environment, stdin, program.own_allocator, server, timeout,
                     wrap, said)
