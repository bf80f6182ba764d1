"""The programs tests/programs/leak_*: what their first lines expect, how they are built, and what Weir, Valgrind and LSan say of them.

Only blocks whose stack has a function named leak_, keep_ or maybe_ count; so those of the runtimes do not. docs/contributing.md has the
grammar of the first lines.
"""

import collections
import dataclasses
import pathlib
import re
import subprocess
import tempfile
import xml.etree.ElementTree

from weir_test import REPOSITORY, call_sites, run_alone, run_under_weir, simulated_driver, stack_frames, symbolise

CLASSES = ("definite", "indirect", "possible", "reachable")
LOST = ("definite", "indirect")
# What becomes of the blocks that a function allocates, by how its name begins.
MEANINGS = {"leak_": LOST, "keep_": ("reachable",), "maybe_": ("possible",)}
COMPILERS = {"c": ("gcc", "clang"), "cpp": ("g++", "clang++")}
LEVELS = ("-O0", "-O2")

AMOUNT = r"\d+ x \d+"
ONE_CLASS = rf"(?:{'|'.join(CLASSES)}) {AMOUNT}(?: \+ {AMOUNT})*"
EXPECTATION = re.compile(rf"(?:none|{ONE_CLASS}(?:, {ONE_CLASS})*)")
FIRST_LINE = re.compile(rf"// (?P<shows>.+): (?P<expected>{EXPECTATION.pattern})\.$")
KEY_LINE = re.compile(r"// (?P<key>[A-Z]\w+): (?P<value>.+)$")
KEYS = ("Weir", "Valgrind", "LSan", "Flags", "Compilers", "Ends", "Options", "Library", "Device")
NO_DEVICE = 77


class Malformed(Exception):
    """A program whose first lines do not follow the grammar."""


class Failed(Exception):
    """A program that did not build, or did not end as it says."""


def parse_classes(text):
    """"definite 1 x 16, indirect 2 x 16 + 1 x 8" -> {class: (count, bytes)}, without classes of nothing."""
    sums = {}
    for part in [] if text == "none" else text.split(", "):
        name, _, amounts = part.partition(" ")
        pairs = [tuple(map(int, amount.split(" x "))) for amount in amounts.split(" + ")]
        sums[name] = (sum(count for count, _ in pairs), sum(count * each for count, each in pairs))
    return sums


def show(classes, names=CLASSES):
    """The reverse, with sums: "definite 2 (40 bytes)"."""
    parts = [f"{name} {classes[name][0]:,} ({classes[name][1]:,} bytes)" for name in names if name in classes]
    return ", ".join(parts) or "none"


@dataclasses.dataclass
class Program:
    """A source and what its first lines say."""

    path: pathlib.Path
    shows: str
    expected: dict  # {class: (count, bytes)}
    keys: dict  # {key: text}

    @property
    def name(self):
        return self.path.stem

    @property
    def language(self):
        return self.path.suffix[1:]

    @property
    def compilers(self):
        only = self.keys.get("Compilers")
        return [compiler for compiler in COMPILERS[self.language] if only in (None, compiler)]

    @property
    def needs_device(self):
        return "Device" in self.keys

    @property
    def of_weir(self):
        """What Weir is known to say, which is what is expected but for limits that docs/limits.md names."""
        return parse_classes(self.keys["Weir"].partition(": ")[0]) if "Weir" in self.keys else self.expected

    @property
    def valgrinds(self):
        """(what Valgrind says where that differs or None where it is not compared, why)."""
        text = self.keys.get("Valgrind")
        if text is None:
            return self.expected, ""
        said, _, why = text.partition(": ")
        return (None if said == "not compared" else parse_classes(said)), why

    @property
    def return_code(self):
        """As subprocess has it: negative for a signal."""
        ends = self.keys.get("Ends", "0").split()
        return -int(ends[1]) if ends[0] == "signal" else int(ends[0])


def read(path):
    """The Program of a source; raises Malformed."""
    lines = path.read_text().splitlines()
    first = FIRST_LINE.match(lines[0])
    if first is None:
        raise Malformed(f"{path.name}: the first line does not end with the classes expected: {lines[0]}")
    keys = {}
    for line in lines[1:]:
        if not line.startswith("//"):
            break
        match = KEY_LINE.match(line)
        if match and match["key"] in KEYS:
            keys[match["key"]] = match["value"]
        elif match and ":" in line and line.split()[1].endswith(":"):
            raise Malformed(f"{path.name}: no key {match['key']}: there are {', '.join(KEYS)}")
    for tool in ("Weir", "Valgrind"):
        if tool in keys and not re.match(rf"(not compared|{EXPECTATION.pattern}): \S", keys[tool]):
            raise Malformed(f"{path.name}: {tool}'s line has no classes, or no reason: {keys[tool]}")
    return Program(path, first["shows"], parse_classes(first["expected"]), keys)


def all_programs():
    """Every program, by name."""
    folder = REPOSITORY / "tests" / "programs"
    return [read(path) for path in sorted([*folder.glob("leak_*.c"), *folder.glob("leak_*.cpp")])]


def build(program, compiler, level, folder, extra=()):
    """Builds a program into `folder`; returns the words that run it. Raises Failed with what the compiler said."""
    folder.mkdir(parents=True, exist_ok=True)
    flags = [level, "-g", *common_flags(compiler), *program.keys.get("Flags", "").split(), *extra]
    flags += ["-std=c++17"] if program.language == "cpp" and "-std" not in program.keys.get("Flags", "") else []
    target, library = folder / program.name, folder / f"{program.name}.so"
    words, linked = [target], []
    if program.keys.get("Library"):
        compile_one([compiler, *flags, "-shared", "-fPIC", "-DLIBRARY", program.path, "-o", library])
        if program.keys["Library"] == "linked":
            linked = [library, f"-Wl,-rpath,{folder}"]
        else:
            words.append(library)
    compile_one([compiler, *flags, program.path, "-o", target, *linked, "-pthread", "-ldl"])
    return words


def common_flags(compiler):
    """Each call of malloc stays, and functions that do the same, of which gcc would make one, keep their names."""
    return ["-fno-builtin", "-w", *(["-fno-ipa-icf"] if compiler in ("gcc", "g++") else [])]


def compile_one(argv):
    said = subprocess.run([str(word) for word in argv], capture_output=True, text=True)
    if said.returncode != 0:
        raise Failed(f"{' '.join(map(str, argv))}: {said.stderr[-3000:]}")


def own_function(names):
    """The innermost function of a stack whose name says what becomes of its blocks, or None."""
    for name in names:
        plain = re.sub(r"[(.<@].*$", "", (name or "").strip()).split("::")[-1]
        if plain.startswith(tuple(MEANINGS)):
            return plain
    return None


class Found:
    """What a tool says of a program's own blocks: `classes` {class: (count, bytes)}, `functions` {function: {class}}."""

    def __init__(self):
        self.classes = {}
        self.functions = collections.defaultdict(set)

    def add(self, names, kind, count, bytes_):
        function = own_function(names)
        if function is None:
            return
        before = self.classes.get(kind, (0, 0))
        self.classes[kind] = (before[0] + count, before[1] + bytes_)
        self.functions[function].add(kind)

    def misnamed(self):
        """The functions whose blocks have a class that their name denies."""
        return [f"{function}: {', '.join(sorted(kinds))}" for function, kinds in self.functions.items()
                if not kinds <= set(next(classes for start, classes in MEANINGS.items() if function.startswith(start)))]


def environment(program):
    return {"LD_LIBRARY_PATH": simulated_driver()} if program.needs_device else {}


def check_end(program, result):
    if result.returncode != program.return_code:
        raise Failed(f"ended with {result.returncode}, not {program.return_code}: {result.stderr[-2000:]!r}")


def is_drivers(report, leak):
    """Whether the driver of the simulated device allocated a block of the heap for itself."""
    frames = stack_frames(report, leak["stack"])
    module = frames[0].get("module") if frames else None
    return leak["memory"] == "host" and module is not None and "/libcuda." in report["modules"][module]["path"]


def under_weir(program, words, options=None):
    """(Found, reports): what Weir's reports of all its processes say."""
    own = dict(option.split("=", 1) for option in program.keys.get("Options", "").split())
    result = run_under_weir(words, env=environment(program), weir_options=own | (options or {}))
    check_end(program, result)
    if result.stderr:
        unexpected = result.stderr.decode(errors="replace")
        if "terminate called" not in unexpected:
            raise Failed(f"said on stderr: {unexpected[:2000]}")
    found, reports = Found(), []
    for text in result.report_texts:
        report = symbolise(text)
        reports.append(report)
        for leak in report["leaks"]:
            if leak["memory"] != "mmap" and not is_drivers(report, leak):
                names = [site[0] for site in call_sites(report, leak["stack"])]
                found.add(names, leak["kind"], leak["count"], leak["bytes"])
    if not reports:
        raise Failed("left no report")
    return found, reports


# By default Valgrind puts the heap at some 77 MB, where a number, such as the inode that the loader keeps of each library, holds a block
# of megabytes by chance: on one machine always, on another never. Above 4 GiB no number of 32 bits does.
VALGRIND = ("valgrind", "--leak-check=full", "--show-leak-kinds=all", "--show-below-main=yes", "--xml=yes", "--num-callers=60", "-q",
            "--aspace-minaddr=0x100000000")
VALGRIND_KINDS = {"Leak_DefinitelyLost": "definite", "Leak_IndirectlyLost": "indirect", "Leak_PossiblyLost": "possible",
                  "Leak_StillReachable": "reachable"}


def valgrind_leaks(argv, env=None, cwd=None, input=None, timeout=300, options=()):
    """(result, [(class, count, bytes, frames)]) of argv under Valgrind; frames, innermost first: (function, object, address) or None each.

    The bytes of a definite leak are its own: what hangs from it comes as indirect.
    """
    with tempfile.TemporaryDirectory(prefix="weir-valgrind-") as folder:
        words = [*VALGRIND, f"--xml-file={folder}/%p.xml", "--keep-debuginfo=yes", *options, *argv]
        result = run_alone(words, env=env, cwd=cwd, input=input, timeout=timeout)
        leaks = []
        for path in sorted(pathlib.Path(folder).iterdir()):
            leaks += leaks_of_xml(path)
    return result, leaks


def leaks_of_xml(path):
    try:
        root = xml.etree.ElementTree.parse(path).getroot()
    except xml.etree.ElementTree.ParseError:
        # A process that became another program, or was killed, leaves a part.
        return []
    leaks = []
    for error in root.findall("error"):
        kind = VALGRIND_KINDS.get(error.findtext("kind"))
        if kind is None:
            continue
        what = error.find("xwhat")
        bytes_ = int(what.findtext("leakedbytes"))
        direct = re.search(r"\(([\d,]+) direct, [\d,]+ indirect\)", what.findtext("text"))
        if direct:
            bytes_ = int(direct[1].replace(",", ""))
        frames = [(frame.findtext("fn"), frame.findtext("obj"), int(frame.findtext("ip"), 16))
                  for frame in error.find("stack").findall("frame")]
        leaks.append((kind, int(what.findtext("leakedblocks")), bytes_, frames))
    return leaks


def under_valgrind(program, words, env=None):
    """Found: what Valgrind says, of all the program's processes."""
    result, leaks = valgrind_leaks(words, env=environment(program) | (env or {}))
    check_end(program, result)
    found = Found()
    for kind, count, bytes_, frames in leaks:
        found.add([function for function, _, _ in frames], kind, count, bytes_)
    return found


def under_lsan(program, compiler, level, folder):
    """Found: what LSan says, which is of lost blocks only."""
    words = build(program, compiler, level, folder, ["-fsanitize=leak"])
    with tempfile.TemporaryDirectory(prefix="weir-lsan-") as logs:
        result = run_alone(words, timeout=300, env=environment(program) | {
            "LSAN_OPTIONS": f"exitcode=0:fast_unwind_on_malloc=0:malloc_context_size=100:log_path={logs}/log"})
        check_end(program, result)
        found = Found()
        for path in pathlib.Path(logs).iterdir():
            for leak in re.finditer(r"^(Direct|Indirect) leak of (\d+) byte\(s\) in (\d+) object\(s\).*\n((?: +#.*\n)*)",
                                    path.read_text(), re.MULTILINE):
                names = re.findall(r"^ +#\d+ 0x\w+ in (\S.*?)(?: \S*:\d+| \(\S+\))*$", leak[4], re.MULTILINE)
                found.add(names, "definite" if leak[1] == "Direct" else "indirect", int(leak[3]), int(leak[2]))
    return found
