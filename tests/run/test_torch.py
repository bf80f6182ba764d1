"""PyTorch under Weir (Debian's python3-torch, on the processor): DataLoader's workers by each start method, ranks as torchrun starts them, a
training loop. What the programs print is the same to the last bit; each process has its report; what one of them loses is found in that
one alone, and nothing is called lost that is not."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from python_scripts import python_stack
from weir_test import (call_sites, clean_environment, library, run_alone, run_under_weir, run_weir, symbolise, system_python)

PROGRAMS = pathlib.Path(__file__).resolve().parent / "torch_programs"
START_METHODS = ("fork", "spawn")
LOST = 654_321
KINDS_OF_LOSS = ("definite", "indirect")


def why_not():
    found = subprocess.run([system_python(), "-c", "import torch, torch.distributed as d; assert d.is_gloo_available()"], capture_output=True, text=True)
    return "" if found.returncode == 0 else "no python3-torch: " + (found.stderr.strip().splitlines() or ["?"])[-1]


WHY_NOT = why_not()


def python(program, *arguments):
    return [system_python(), "-B", PROGRAMS / f"{program}.py", *arguments]


def arguments_of(report):
    return " ".join(map(str, report["process"]["argv"] or []))


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@unittest.skipIf(WHY_NOT, WHY_NOT)
class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-torch-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def both(self, argv, **options):
        """What a program leaves under Weir; it must print and end as it does alone."""
        alone = run_alone(argv, timeout=300)
        self.assertEqual(alone.returncode, 0, alone.stderr)
        self.assertGreater(len(alone.stdout), 100)
        result = run_under_weir(argv, weir_options=options, timeout=300)
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, alone.stdout, alone.stderr))
        return result

    def lost(self, text):
        """Of a raw report's bytes what is lost and not known: (kind, bytes, functions)."""
        report = symbolise(text)
        self.assertTrue(report["leak_check"]["done"], report["leak_check"]["why_not"])
        return [(leak["kind"], leak["bytes"], [site[0] for site in call_sites(report, leak["stack"])][:12]) for leak in report["leaks"]
                if leak["kind"] in KINDS_OF_LOSS and not any(key in leak for key in ("runtime", "suppressed", "framework_cache"))]

    def losses(self, result):
        """{pid: what is lost} of the processes that lost something."""
        found = {report["process"]["pid"]: self.lost(text) for report, text in zip(result.reports, result.report_texts)}
        return {pid: lost for pid, lost in found.items() if lost}


class Loader(Case):
    def processes(self, result, start_method):
        """(main's report, workers' reports) by what they were started as; each has its own file."""
        main = [report for report in result.reports if "loader.py" in arguments_of(report) and report["process"]["end"] == "exit"]
        self.assertEqual(len(main), 1)
        others = [report for report in result.reports if report is not main[0]]
        if start_method == "fork":
            workers = [report for report in others if report["process"]["ppid"] == main[0]["process"]["pid"]]
        else:
            workers = [report for report in others if "spawn_main" in arguments_of(report)]  # Python's resource tracker is there too
        self.assertEqual(len({report["process"]["pid"] for report in result.reports}), len(result.reports))
        for report in result.reports:
            self.assertEqual(report["errors"], [])
            self.assertEqual(report["warnings"], [])
        return main[0], workers

    def check_plain(self, start_method, *words):
        result = self.both(python("loader", start_method, *words))
        _, workers = self.processes(result, start_method)
        self.assertEqual(len(workers), 2 if "persistent" in words else 4)
        self.assertEqual(self.losses(result), {})

    def check_planted(self, start_method):
        result = self.both(python("loader", start_method, "persistent", f"lose={LOST}"))
        _, workers = self.processes(result, start_method)
        losses = self.losses(result)
        self.assertEqual([[(kind, size) for kind, size, _ in lost] for lost in losses.values()], [[("definite", LOST)]])
        self.assertIn(next(iter(losses)), [report["process"]["pid"] for report in workers])

    def test_fork(self):
        self.check_plain("fork")

    def test_spawn(self):
        self.check_plain("spawn")

    def test_what_a_worker_loses_is_found_in_its_report_alone(self):
        for start_method in START_METHODS:
            with self.subTest(start_method):
                self.check_planted(start_method)

    def test_what_a_worker_loses_names_the_users_own_functions(self):
        for start_method in START_METHODS:
            with self.subTest(start_method):
                result = self.both(python("loader", start_method, "persistent", f"lose={LOST}"), PYTHON="on")
                rows = [(report, leak) for report in result.reports for leak in report["leaks"] if (leak["kind"], leak["bytes"]) == ("definite", LOST)]
                self.assertEqual(len(rows), 1)
                report, leak = rows[0]
                stack = python_stack(report, leak["stack"])
                self.assertEqual([site[:2] for site in stack[:2]], [["lose", "losing.py"], ["Squares.__getitem__", "loader.py"]])
                functions = [function for function, _, _ in stack]
                self.assertIn("_worker_loop", functions)
                self.assertIn("main" if start_method == "fork" else "spawn_main", functions)

    def test_names_of_reports_do_not_clash(self):
        report = self.folder / "run.json"
        result = run_under_weir(python("loader", "fork"), weir_options={"REPORT": report}, timeout=300)
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        names = sorted(path.name for path in self.folder.iterdir())
        self.assertEqual((names[-1], len(names)), ("run.json", 5))
        self.assertRegex(" ".join(names[:-1]), r"^(run\.\d+\.json ?){4}$")
        self.assertEqual(result.reports, [])


class Training(Case):
    def test_the_same_to_the_last_bit(self):
        for options in ({}, {"HOST_POOL": "off"}, {"SAMPLE": "64KiB"}):
            with self.subTest(options):
                result = self.both(python("training"), **options)
                self.assertEqual(result.report["process"]["end"], "exit")
                self.assertEqual(result.report["errors"], [])
                if not options:
                    self.assertEqual(self.losses(result), {})

    def test_it_ends_well_each_time_with_threads(self):
        for _ in range(3):
            result = run_under_weir(python("training", "threads=2"), timeout=300)
            self.assertEqual((result.returncode, result.stderr), (0, b""))
            self.assertEqual((result.report["process"]["end"], result.report["process"]["exit_status"]), ("exit", 0))


class Ranks(Case):
    SIZE = 3

    def environment(self, rank, port, **options):
        return clean_environment({"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": self.SIZE, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port,
                                  "LD_PRELOAD": library(), "WEIR_REPORT": self.folder / "rank%r.json",
                                  **{f"WEIR_{name}": value for name, value in options.items()}})

    def start(self, *words, **options):
        port = free_port()
        ranks = []
        for rank in range(self.SIZE):
            process = subprocess.Popen(list(map(str, python("rank", *words))), env=self.environment(rank, port, **options), stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE)
            self.addCleanup(process.communicate)
            self.addCleanup(process.kill)
            ranks.append(process)
        return ranks

    def end(self, ranks, expected=0):
        for rank, process in enumerate(ranks):
            stdout, stderr = process.communicate(timeout=300)
            self.assertEqual((process.returncode, stderr), (expected, b""), rank)
            self.assertEqual(stdout, b"sum 486.0 486.0\n" if rank == 0 else b"")  # (1 + 2 + 3) * 3 ** 4

    def merged(self):
        merged = self.folder / "merged.json"
        paths = sorted(self.folder.glob("rank*.json"))
        result = run_weir(["merge", *map(str, paths), "-o", str(merged)], timeout=300)
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        shown = run_weir(["show", str(merged)], timeout=300)
        self.assertEqual((shown.returncode, shown.stderr), (0, b""))
        return symbolise(merged), shown.stdout.decode()

    def test_ranks_are_named_and_merged(self):
        self.end(self.start(f"lose={LOST}"))
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()), [f"rank{rank}.json" for rank in range(self.SIZE)])
        report, text = self.merged()
        self.assertEqual([process["rank"] for process in report["processes"]], ["0", "1", "2"])
        for rank in range(self.SIZE):
            self.assertRegex(text, rf"\n +{rank} +\d+ +[\d,]+ +\d")
            lost = self.lost((self.folder / f"rank{rank}.json").read_bytes())
            self.assertEqual([(kind, size) for kind, size, _ in lost], [("definite", LOST)] if rank == self.SIZE - 1 else [])
        row = [leak for leak in report["leaks"] if leak["bytes"] == LOST]
        self.assertEqual([(leak["kind"], leak["process_count"], leak["most_process"]) for leak in row], [("definite", 1, self.SIZE - 1)])
        check = run_weir(["check", "--max-definite", "0", *map(str, sorted(self.folder.glob("rank?.json")))], timeout=300)
        self.assertEqual(check.returncode, 1)
        red = [line for line in check.stdout.decode().splitlines() if line.startswith("red  ") and ".json: " in line]
        self.assertEqual([f"rank{self.SIZE - 1}.json: definitely lost: 639 KiB" in line for line in red], [True])

    def test_a_killed_rank_leaves_its_last_report(self):
        mark = self.folder / "summed"
        ranks = self.start(f"wait={mark}", REPORT_EVERY="1s")
        deadline = time.monotonic() + 240
        wanted = [pathlib.Path(f"{mark}.{rank}") for rank in range(self.SIZE)]
        while not all(path.exists() for path in wanted) and time.monotonic() < deadline:
            time.sleep(0.1)
        begun = time.time()
        victim = self.folder / "rank1.json"
        while (not victim.exists() or victim.stat().st_mtime < begun) and time.monotonic() < deadline:
            time.sleep(0.1)
        for process in ranks:
            process.send_signal(signal.SIGKILL)
        self.end(ranks, expected=-signal.SIGKILL)
        report = symbolise(victim)
        self.assertEqual((report["process"]["end"], report["process"]["rank"]), ("snapshot", "1"))
        self.assertGreater(report["host"]["totals"]["alloc_count"], 100_000)

    def test_torchrun_itself(self):
        # tee and redirects: torchrun 1.13 falls over its default of them under Python 3.11, with and without Weir.
        words = ["-m", "torch.distributed.run", "--tee=1", "--redirects=1", "--nproc_per_node=2", "--nnodes=1", "--master_addr=127.0.0.1", f"--master_port={free_port()}"]
        result = run_under_weir([system_python(), "-B", *words, PROGRAMS / "rank.py", f"lose={LOST}"], timeout=300, env={"OMP_NUM_THREADS": "1"},
                                weir_options={"REPORT": self.folder / "rank%r.%p.json"})
        self.assertEqual((result.returncode, result.stdout), (0, b"[default0]:sum 48.0 48.0\n"), result.stderr[-2000:])  # (1 + 2) * 2 ** 4
        ranks = {}
        for path in self.folder.iterdir():
            report = symbolise(path)
            if "rank.py" in arguments_of(report) and "torch.distributed.run" not in arguments_of(report):
                ranks[report["process"]["rank"]] = [size for kind, size, _ in self.lost(path.read_bytes())]
        self.assertEqual(ranks, {"0": [], "1": [LOST]})

    def test_only_the_programs_that_are_wanted(self):
        result = run_under_weir(["/bin/sh", "-c", f"/bin/true; exec {system_python()} -B {PROGRAMS / 'training.py'}"],
                                weir_options={"ONLY": "python3*"}, timeout=300)
        self.assertEqual(result.returncode, 0)
        self.assertEqual([os.path.basename(report["process"]["exe"]) for report in result.reports], ["python3.11"])


if __name__ == "__main__":
    unittest.main()
