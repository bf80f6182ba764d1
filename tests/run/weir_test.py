"""What every test under tests/run shares: where the build is, how a program is run under Weir, and how its reports are read.

Nothing here decides what is right: that is the tests' part. WEIR_BUILD names the build tree (default: build/ beside tests/).
"""

import dataclasses
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


def build_dir():
    """The build tree under test, absolute."""
    return pathlib.Path(os.environ.get("WEIR_BUILD") or REPOSITORY / "build").resolve()


def library():
    return build_dir() / "lib" / "libweir.so"


def command():
    """The `weir` command."""
    return build_dir() / "bin" / "weir"


def program(name):
    """A program of tests/programs, by its source file's name without the ending."""
    return build_dir() / "tests" / "programs" / name


def simulated_driver():
    """The folder of the simulated CUDA driver; None where it was not built."""
    folder = build_dir() / "simcuda"
    return folder if (folder / "libcuda.so.1").exists() else None


def configured(*names):
    """{name: value} of those of CMake's variables that the build tree has."""
    lines = (build_dir() / "CMakeCache.txt").read_text().splitlines()
    pairs = [re.match(r"(\w+):\w+=(.*)", line) for line in lines]
    return {pair[1]: pair[2] for pair in pairs if pair and pair[1] in names}


def compile_c(source, target, *flags):
    """Builds a source of tests/programs in a way of the test's own."""
    pathlib.Path(target).parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cc", "-O1", "-g", "-fno-builtin", "-w", REPOSITORY / "tests" / "programs" / source, *flags, "-o", target], check=True)
    return target


def system_python():
    """The distribution's own interpreter: one found on PATH may be another build with other libraries."""
    return "/usr/bin/python3"


@dataclasses.dataclass
class Result:
    """What a run left behind. returncode is negative for a death by signal, as subprocess has it."""

    returncode: int
    stdout: bytes
    stderr: bytes
    reports: list = dataclasses.field(default_factory=list)  # parsed, by ascending pid
    report_texts: list = dataclasses.field(default_factory=list)  # the same ones' bytes, in the same order
    report_names: list = dataclasses.field(default_factory=list)  # file names, in the same order
    other_files: list = dataclasses.field(default_factory=list)  # names of what else lies in the report folder

    @property
    def report(self):
        """The one report, or None where there is not exactly one."""
        return self.reports[0] if len(self.reports) == 1 else None

    def report_of(self, executable):
        """The only report whose executable has this base name; None where there is none or more than one."""
        found = [r for r in self.reports if os.path.basename(r["process"]["exe"]) == executable]
        return found[0] if len(found) == 1 else None


def clean_environment(env=None):
    """This process's environment without what would steer Weir or a preload, plus `env` (a value of None removes one)."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("WEIR") and k != "LD_PRELOAD"}
    if os.environ.get("WEIR_DEBUG"):  # scripts/test --debug runs every test with the self-checks on
        kept["WEIR_DEBUG"] = os.environ["WEIR_DEBUG"]
    for name, value in (env or {}).items():
        if value is None:
            kept.pop(name, None)
        else:
            kept[name] = str(value)
    return kept


def _run(argv, environment, cwd, input, timeout):
    """Runs argv in a process group of its own, which is killed as a whole when time is up."""
    process = subprocess.Popen([str(a) for a in argv], env=environment, cwd=cwd, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, stdin=subprocess.PIPE if input is not None else subprocess.DEVNULL,
                               start_new_session=True)
    try:
        stdout, stderr = process.communicate(input, timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        stdout, stderr = process.communicate()
        raise AssertionError(f"{argv[0]} ran past {timeout} s\nstdout: {stdout[-2000:]!r}\nstderr: {stderr[-2000:]!r}")
    return Result(process.returncode, stdout, stderr)


def run_alone(argv, env=None, cwd=None, input=None, timeout=120):
    """Runs argv without Weir."""
    return _run(argv, clean_environment(env), cwd, input, timeout)


def run_under_weir(argv, env=None, cwd=None, input=None, timeout=120, weir_options=None, report=True, preloads_before=()):
    """Runs argv with libweir.so preloaded, and reads what reports it leaves.

    weir_options: options by name, with or without the WEIR_ prefix ({"LARGE": "1MiB"}); they win over the defaults here.
    report: False runs with WEIR_REPORT=off. Reports go to a fresh folder, are read, and the folder is removed; a REPORT
    given in weir_options or env is respected, and what is written there is the caller's to read.
    preloads_before: libraries that stand before Weir; those of env's LD_PRELOAD stand behind.
    """
    folder = tempfile.mkdtemp(prefix="weir-test-")
    try:
        environment = clean_environment(env)
        preloads = [*map(str, preloads_before), str(library())] + [p for p in (environment.get("LD_PRELOAD"),) if p]
        environment["LD_PRELOAD"] = ":".join(preloads)
        environment.setdefault("WEIR_REPORT", os.path.join(folder, "%e.%p.json") if report else "off")
        for name, value in (weir_options or {}).items():
            environment[name if name.startswith("WEIR") else "WEIR_" + name] = str(value)
        result = _run(argv, environment, cwd, input, timeout)
        _read_reports(result, folder)
        return result
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _read_reports(result, folder):
    found = []
    for name in sorted(os.listdir(folder)):
        if not name.endswith(".json"):
            result.other_files.append(name)
            continue
        text = pathlib.Path(folder, name).read_bytes()
        found.append((json.loads(text), text, name))
    found.sort(key=lambda item: (item[0]["process"]["pid"], item[2]))
    for report, text, name in found:
        result.reports.append(report)
        result.report_texts.append(text)
        result.report_names.append(name)


def run_weir(arguments, env=None, cwd=None, input=None, timeout=120):
    """Runs the `weir` command itself."""
    return run_alone([command(), *arguments], env=env, cwd=cwd, input=input, timeout=timeout)


def symbolise(report_text):
    """A raw report's bytes (or a path to it) -> the report with function, file and line filled in, parsed."""
    if isinstance(report_text, (str, os.PathLike)):
        report_text = pathlib.Path(report_text).read_bytes()
    with tempfile.NamedTemporaryFile(prefix="weir-test-", suffix=".json") as file:
        file.write(report_text)
        file.flush()
        result = run_weir(["show", "--json", file.name], timeout=300)
    if result.returncode != 0:
        raise AssertionError(f"weir show --json failed: {result.stderr.decode(errors='replace')}")
    return json.loads(result.stdout)


def make_git_repository(folder):
    """A git repository with some history, for git to read."""
    environment = {**os.environ, "HOME": folder, "GIT_CONFIG_NOSYSTEM": "1"}

    def git(*arguments):
        subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments], cwd=folder,
                       env=environment, check=True, stdout=subprocess.DEVNULL)

    git("init", "-q")
    for number in range(30):
        for name in range(5):
            lines = [f"line {line} of file {name}, change {number if line % 7 == number % 7 else 0}\n" for line in range(200)]
            pathlib.Path(folder, f"file{name}.txt").write_text("".join(lines))
        git("add", ".")
        git("commit", "-q", "-m", f"Change {number}")


def stack_frames(report, stack):
    """The frame objects of a stack, innermost first. `stack` is a stack's index, or a list of frame indices."""
    if isinstance(stack, int):
        stack = report["stacks"][stack]
    if isinstance(stack, dict):
        stack = stack["frames"]
    return [report["frames"][i] if isinstance(i, int) else i for i in stack]


def call_sites(report, stack):
    """(function, file, line) of every frame of a symbolised stack, innermost first, inlined frames in their places."""
    sites = []
    for frame in stack_frames(report, stack):
        for inlined in frame.get("inlined") or []:
            sites.append((inlined.get("function"), inlined.get("file"), inlined.get("line")))
        sites.append((frame.get("function"), frame.get("file"), frame.get("line")))
    return sites


def leaks_by_function(report):
    """{function: (bytes, count)} over a symbolised report's leaks; a leak counts once for each function on its stack."""
    sums = {}
    for leak in report["leaks"]:
        for function in {site[0] for site in call_sites(report, leak["stack"]) if site[0]}:
            bytes_, count = sums.get(function, (0, 0))
            sums[function] = (bytes_ + leak["bytes"], count + leak["count"])
    return sums
