"""What tests of snapshots share: a program that does as it is told, and what is asked of it meanwhile."""

import json
import pathlib
import subprocess
import tempfile
import threading
import time

from weir_test import call_sites, clean_environment, library, program, run_weir

SECONDS_TO_ANSWER = 120
LOST = {"definite": 10, "indirect": 10}  # of what lose_first() and lose_second() leave behind


def said(result):
    return result.stderr.decode()


class Session:
    """tests/programs/command_snapshot.cpp under Weir; its reports and its control file lie below `folder`."""

    def __init__(self, test, argv=None, env=None, wrapper=(), **options):
        folder = tempfile.TemporaryDirectory(prefix="weir-snapshot-")
        test.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.runtime = self.folder / "run"
        self.runtime.mkdir(exist_ok=True)
        self.env = {"XDG_RUNTIME_DIR": str(self.runtime), "TMPDIR": None, **(env or {})}
        given = {**self.env, "LD_PRELOAD": library(), "WEIR_REPORT": self.folder / "out.json"}
        given.update({f"WEIR_{name}": value for name, value in options.items()})
        self.process = subprocess.Popen([*wrapper, *map(str, argv or [program("command_snapshot")])], env=clean_environment(given),
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        test.addCleanup(self.close)
        self.pid = self.process.pid
        if argv is None:
            self.expect("ready")

    def expect(self, wanted):
        killer = threading.Timer(SECONDS_TO_ANSWER, self.process.kill)
        killer.start()
        said = self.process.stdout.readline().rstrip("\n")
        killer.cancel()
        assert said == wanted, (wanted, said, self.process.poll())

    def wait_for_call(self, number):
        """Until the main thread waits in that system call: what was said before it is no sign of that."""
        while not pathlib.Path(f"/proc/{self.pid}/syscall").read_text().startswith(f"{number} "):
            time.sleep(0.001)

    def send(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def tell(self, *lines):
        for line in lines:
            self.send(line)
            self.expect(f"done {line}")

    def ask(self, *arguments, pid=None, wait="20", timeout=120):
        return run_weir(["snapshot", str(pid or self.pid), "--wait", wait, *arguments], env=self.env, timeout=timeout)

    def snapshot(self, *arguments, **others):
        """The finished report of a snapshot that works."""
        result = self.ask(*arguments, **others)
        assert (result.returncode, result.stderr) == (0, b""), result
        return json.loads(pathlib.Path(result.stdout.decode().rstrip("\n")).read_text())

    def files(self):
        return sorted(path.name for path in self.folder.iterdir() if path != self.runtime)

    def end(self):
        """What the process leaves: exit status, what it says on stderr, and its report."""
        self.process.stdin.close()
        status = self.process.wait(timeout=60)
        return status, self.process.stderr.read(), json.loads((self.folder / "out.json").read_text())

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()
        self.process.wait()


def classes(report, *functions):
    """{function: {class: blocks}} of a finished report's leaks, for those functions."""
    found = {name: {} for name in functions}
    for leak in report["leaks"]:
        for name in {site[0].rsplit("::", 1)[-1].split("(")[0] for site in call_sites(report, leak["stack"]) if site[0]} & set(functions):
            found[name][leak["kind"]] = found[name].get(leak["kind"], 0) + leak["count"]
    return found
