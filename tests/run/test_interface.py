"""The optional interface of include/weir/weir.h: what it answers with Weir and without, with CUDA and without."""

import os
import unittest

from weir_test import build_dir, program, run_alone, run_under_weir

SIMCUDA = build_dir() / "simcuda"
CUDA_PROGRAM = program("cuda_pool_interface")


class Case(unittest.TestCase):
    def lines_of(self, argv, **arguments):
        result = run_under_weir(argv, **arguments)
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        self.report = result.report
        return result.stdout.decode().splitlines()


class WithoutCuda(Case):
    def test_without_weir_everything_is_refused(self):
        self.assertEqual(run_alone([program("interface_pools")]).stdout, b"absent 0 0 -1 -1\n")
        self.assertEqual(run_alone([program("interface_pinned")]).stdout, b"stack 0 static 0\nabsent 1 -1\n")

    def test_switched_off_what_needs_tracking_is_refused(self):
        result = run_under_weir([program("interface_pools")], weir_options={"WEIR": "off"})
        self.assertEqual(result.returncode, 0)
        self.assertIn(b"no cuda: 0 0 0 0\n", result.stdout)
        self.assertIn(b"set: -1 -1 -1 -1\n", result.stdout)

    def test_figures_of_the_host_move_with_its_blocks(self):
        self.assertEqual(self.lines_of([program("interface_pools")]), [
            "requested 3000000 live 1000 allocs 1000 frees 0",
            "requested 0 live 0 allocs 1000 frees 1000",
            "ordered 1 ratios 1 peak 1",
            "older 0 16 untouched 1",
            "too small -1 none -1",
            "no cuda: 1 1 0 0",
            "no pool: 0 0",
            "set: 0 -1 -1 -1"])

    def test_buffers_that_mlock_holds(self):
        limits = "unlimited" if os.geteuid() == 0 else "limited 1"
        self.assertEqual(self.lines_of([program("interface_pinned")], report=False), [
            "stack 0 static 0",
            "zero 1 aligned 1 locked 12",
            "first 1 last 1 before 0",
            "inside -1",
            "freed 0",
            "again -1",
            "none 0 locked 0",
            "child: locked 0 freed 0",
            "parent: locked 1",
            f"none 1 all 1 {limits}"])


@unittest.skipUnless(CUDA_PROGRAM.exists(), "no CUDA toolkit: there is no simulated driver")
class OfCuda(Case):
    def run_case(self, case, **options):
        return self.lines_of([CUDA_PROGRAM, case], env={"LD_LIBRARY_PATH": SIMCUDA}, weir_options=options)

    def test_idle_memory_is_given_back_as_far_as_asked(self):
        self.assertEqual(self.run_case("trim"), [
            "freed two of three: allocated 8 live 1 cached 16 reserved 24 allocs 3 frees 2 hits 0 misses 3",
            "trimmed 8",
            "trimmed to one: allocated 8 live 1 cached 8 reserved 16 allocs 3 frees 2 hits 0 misses 3",
            "taken again: allocated 16 live 2 cached 0 reserved 16 allocs 4 frees 2 hits 1 misses 3",
            "compacted 8",
            "compacted: allocated 8 live 1 cached 0 reserved 8 allocs 4 frees 3 hits 1 misses 3",
            "device 1 peak 24 hit rate 0.25"])

    def test_without_the_pool_the_figures_are_those_of_what_is_tracked(self):
        lines = self.run_case("trim", CUDA_POOL="off")
        self.assertEqual(lines[1:2] + lines[4:5], ["trimmed 0", "compacted 0"])
        for line in (lines[0], lines[2]):
            self.assertIn("allocated 8 live 1 cached 0 reserved 8 allocs 3 frees 2 hits 0", line)

    def test_the_mode_changes_while_blocks_are_live(self):
        self.assertEqual([line for line in self.run_case("modes") if not line.startswith("off at last")],
                         ["on: 0 1", "off: 0 1", "strict: 0 1", "vmm: 0 1", "off: 0 1"])

    def test_a_host_block_that_is_pinned_for_its_copies(self):
        expected = ["pinned 0", "live: trimmed 0", "freed: trimmed 8", "again: trimmed 0"]
        self.assertEqual(self.run_case("host blocks", HOST_PIN_ABOVE="1MiB"), expected)
        self.assertEqual(self.report["cuda"]["pool"]["host_pins"]["unregister_count"], 1)

    def test_what_is_pinned(self):
        for options in ({}, {"TRACK": "host"}, {"CUDA": "off"}, {"PINNED_POOL": "off"}):
            with self.subTest(**options):
                self.assertEqual(self.run_case("pinned", **options), [
                    "before 1 given 1 registered 1 asked 1 zero 1",
                    "device 0 managed 0 pageable 0",
                    "the driver's own 1",
                    "pageable freed -1",
                    "asked freed 0",
                    "before freed 0",
                    "registered no more: 0"])
                self.assertEqual([leak for leak in self.report["leaks"] if leak["memory"] not in ("host", "mmap")], [])


if __name__ == "__main__":
    unittest.main()
