"""Symbolising against other tools: every call site of small programs by gcc and clang, -O0 to -O2, and its speed.

The reports here are made up from the programs' own call sites, so no run under the library is needed.
"""

import json
import os
import pathlib
import re
import resource
import shutil
import subprocess
import tempfile
import unittest

from weir_test import REPOSITORY, build_dir, command, program, run_weir

GOLDEN_RAW = REPOSITORY / "tests" / "golden" / "report_raw.json"
# Calls through inlining, templates, lambdas, exceptions, cold paths, local classes and another file's header.
SOURCE = r"""
#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

void* volatile sink;

namespace outer { namespace {
struct Node {
  Node* next;
  explicit Node(Node* n) : next(n) { sink = malloc(8); }
  ~Node() { free(sink); }
};
inline __attribute__((always_inline)) void* one(size_t n) { return malloc(n); }
inline __attribute__((always_inline)) void* two(size_t n) {
  if (n > 100) return one(n + 1);
  return one(n);
}
template <class T> T* make(int n) { return static_cast<T*>(two(sizeof(T) * n)); }
} }

__attribute__((noinline)) int throws(int n) {
  if (n > 1000) throw std::runtime_error("n is " + std::to_string(n));
  return n;
}

int main(int argc, char**) {
  sink = outer::make<int>(argc);
  sink = outer::make<double>(argc + 200);
  outer::Node node(nullptr);
  struct Local { static void* get(int n) { return outer::two(n); } };
  sink = Local::get(argc);
  std::map<std::string, std::vector<int>> map;
  auto fill = [&](int n) { for (int i = 0; i < n; ++i) map[std::to_string(i)].push_back(i); };
  fill(argc + 10);
  std::function<int(int)> twice = [](int n) { sink = malloc(n); return 2 * n; };
  std::vector<int> numbers(argc + 30, 4);
  std::transform(numbers.begin(), numbers.end(), numbers.begin(), twice);
  try { throws(argc); } catch (const std::exception& e) { sink = malloc(std::string(e.what()).size()); }
  return numbers[0] == 8 ? 0 : 1;
}
"""


def call_sites(path):
    """The return address of every call in a file, as objdump shows them."""
    text = subprocess.run(["objdump", "-d", "--no-show-raw-insn", path], capture_output=True, text=True, check=True).stdout
    sites, after_call = [], False
    for line in text.splitlines():
        match = re.match(r"\s*([0-9a-f]+):\s+(\S+)", line)
        if match:
            if after_call:
                sites.append(int(match[1], 16))
            after_call = match[2].startswith("call")
    return sites


def build_id(path):
    text = subprocess.run(["readelf", "-n", path], capture_output=True, text=True, check=True).stdout
    match = re.search(r"Build ID: ([0-9a-f]+)", text)
    return match[1] if match else None


def symbolised(path, addresses, folder):
    """weir's frames for return addresses in a file, and the CPU seconds it took: other tests share the machine."""
    report = json.loads(GOLDEN_RAW.read_text())
    report["modules"] = [{"path": str(path), "build_id": build_id(path), "base": "0x0", "loaded": True}]
    report["frames"] = [{"module": 0, "offset": address} for address in addresses]
    report["stacks"] = [list(range(len(addresses)))]
    for key in ("leaks", "peak", "hot_sites", "large"):
        report[key] = []
    file = os.path.join(folder, "made-up.json")
    pathlib.Path(file).write_text(json.dumps(report))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = run_weir(["symbolize", file])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    if result.returncode != 0:
        raise AssertionError(result.stderr)
    return json.loads(pathlib.Path(file).read_text())["frames"], seconds


def positions(frame):
    """[(file name, line)] innermost first."""
    places = [*(frame.get("inlined") or []), frame]
    return [(os.path.basename(place.get("file", "")), place.get("line", 0)) for place in places]


def expected_positions(path, addresses):
    """The same by the reference tool, one list for each address: llvm-symbolizer, or binutils' addr2line."""
    lines = "".join(f"{address - 1:#x}\n" for address in addresses)
    if shutil.which("llvm-symbolizer"):
        text = subprocess.run(["llvm-symbolizer", "--inlines", "-e", path], input=lines, capture_output=True, text=True).stdout
        groups = [group.splitlines()[1::2] for group in text.strip().split("\n\n")]
    else:
        text = subprocess.run(["addr2line", "-a", "-i", "-e", path], input=lines, capture_output=True, text=True).stdout
        groups = [group.splitlines()[1:] for group in re.split(r"(?m)^(?=0x)", text)[1:]]
    result = []
    for group in groups:
        places = []
        for place in group:
            match = re.match(r"(.*?):([0-9?]+)", place)
            name = os.path.basename(match[1])
            places.append((name if name != "??" else "", int(match[2]) if match[2].isdigit() else 0))
        result.append(places)
    return result


class AgainstOtherTools(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="weir-test-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.source = os.path.join(self.folder, "planted.cpp")
        pathlib.Path(self.source).write_text(SOURCE)

    def check(self, *compiler):
        path = os.path.join(self.folder, "planted")
        subprocess.run([*compiler, "-std=c++17", self.source, "-o", path], check=True, capture_output=True)
        addresses = call_sites(path)
        frames, _ = symbolised(path, addresses, self.folder)
        # Start-up code of the C library: of no interest, and addr2line has names of files for it.
        pairs = [(f, e, a) for f, e, a in zip(frames, expected_positions(path, addresses), addresses) if e[-1][1] != 0]
        self.assertGreater(len(pairs), 40)
        self.assertTrue(any(f.get("inlined") for f, _, _ in pairs), "no inlined call: the check would show nothing")
        for frame, expected, address in pairs:
            self.assertEqual(positions(frame), expected, f"{' '.join(compiler)}: {address:#x}")
            self.assertTrue(all(p.get("function") for p in [frame, *(frame.get("inlined") or [])]), frame)

    def test_gcc(self):
        for flags in (["-O0"], ["-O1"], ["-O2"], ["-O2", "-gdwarf-4"], ["-O2", "-g1"], ["-O2", "-flto"], ["-O2", "-fno-pie", "-no-pie"]):
            with self.subTest(flags=flags):
                self.check("g++", "-g", *flags)

    def test_clang(self):
        if not shutil.which("clang++"):
            self.skipTest("no clang++ here")
        for flags in (["-O0"], ["-O1"], ["-O2"], ["-O2", "-gdwarf-4"], ["-O2", "-gline-tables-only"]):
            with self.subTest(flags=flags):
                self.check("clang++", "-g", *flags)

    def test_split_debug_information(self):
        self.check("g++", "-g", "-O2", "-gsplit-dwarf")


class PlantedLines(unittest.TestCase):
    def test_the_functions_and_lines_of_a_known_program(self):
        path = program("command_leaky")
        folder = tempfile.mkdtemp(prefix="weir-test-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        frames, _ = symbolised(path, call_sites(path), folder)
        source = (REPOSITORY / "tests" / "programs" / "command_leaky.cpp").read_text().splitlines()
        planted = next(i for i, line in enumerate(source, 1) if "the planted line" in line)
        through = next(i for i, line in enumerate(source, 1) if "void leak_block()" in line)
        found = [f for f in frames if f.get("function") == "leak_block()"]
        self.assertEqual(len(found), 1)
        self.assertEqual(found[0]["line"], through)
        self.assertEqual([(p["function"], p["line"]) for p in found[0]["inlined"]], [("inlined_allocation", planted)])


class Speed(unittest.TestCase):
    FRAMES = 10_000
    SECONDS = 2
    ROUNDS = 3  # of which the quickest counts: what shares a core with others takes longer, of processor time as well

    def quickest(self, path, addresses):
        """symbolised() of the quickest round; of the first that is quick enough."""
        folder = tempfile.mkdtemp(prefix="weir-test-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        for _ in range(self.ROUNDS):
            frames, seconds = symbolised(path, addresses, folder)
            print(f"{len(addresses)} distinct frames of {path.name}: {seconds:.2f} s")
            if seconds < self.SECONDS:
                break
        return frames, seconds

    def test_many_distinct_frames(self):
        addresses = call_sites(command())[:self.FRAMES]
        self.assertEqual(len(addresses), self.FRAMES)
        frames, seconds = self.quickest(pathlib.Path(command()), addresses)
        self.assertLess(seconds, self.SECONDS)
        self.assertGreater(sum("line" in frame for frame in frames), self.FRAMES // 2)

    def test_many_functions_without_linkage_names(self):
        """Their scopes make up their names: a look through the whole unit for each name would take a hundred times as long."""
        path = build_dir() / "bench" / "many_frames"
        frames, seconds = self.quickest(path, call_sites(path)[:self.FRAMES])
        self.assertLess(seconds, self.SECONDS)
        names = {frame.get("function", "") for frame in frames}
        named = [name for name in names if re.search(r"\(anonymous namespace\)::place<\d+>", name)]
        self.assertGreater(len(named), self.FRAMES // 2)


if __name__ == "__main__":
    unittest.main()
