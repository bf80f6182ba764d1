"""The heap under the real preload: what is tracked of every function, exact counts, the pool's options, misuse."""

import os
import unittest

import real_inputs
from weir_test import build_dir, program, run_alone, run_under_weir

KIB = 1 << 10
MIB = 1 << 20


def totals(result):
    return result.report["host"]["totals"]


class Heap(unittest.TestCase):
    def run_program(self, name, *arguments, **options):
        result = run_under_weir([program(name), *arguments], weir_options=options)
        self.assertEqual((result.returncode, result.stderr), (0, b""), (name, options))
        self.assertIsNotNone(result.report)
        return result

    def test_every_function_is_tracked_with_its_size_and_family(self):
        for pool in ("on", "off"):
            report = self.run_program("heap_families", HOST_POOL=pool).report
            found = {(s["bytes"], s["family"]) for leak in report["leaks"] for s in leak["samples"]}
            malloc_sizes = [1001, 1010, 1021, 1031, 1033]
            aligned_sizes = [1041, 1051, 1061, 1071, 8192]
            for size in malloc_sizes:
                self.assertIn((size, "malloc"), found, pool)
            sizes = {bytes_ for bytes_, _ in found}
            for size in aligned_sizes:
                self.assertIn(size, sizes, pool)
            for size in (2001, 2021):
                self.assertIn((size, "new"), found, pool)
            for size in (2011, 2031):
                self.assertIn((size, "new[]"), found, pool)
            for size in (2041, 2051, 2061, 2071):
                self.assertIn(size, sizes, pool)
            self.assertFalse([s for s in sizes if s == 31], "a released block is still listed")

    def test_aligned_blocks_are_apart_and_all_found_again(self):
        for options in ({}, {"HOST_POOL": "off"}, {"HOST_MIN_ALIGN": "64"}):
            result = self.run_program("heap_aligned", **options)
            self.assertEqual(result.stdout, b"4680 pieces\n")
            for count in ("double_free_count", "interior_free_count", "foreign_free_count", "untracked_count"):
                self.assertEqual(totals(result)[count], 0, (count, options))
            self.assertLess(totals(result)["live_bytes"], 200 * KIB, options)

    def test_calloc_clears_what_was_just_freed(self):
        for pool in ("on", "off"):
            self.assertEqual(self.run_program("heap_calloc_reused", HOST_POOL=pool).stdout, b"0 dirty\n")

    def test_free_of_nothing_in_a_forked_child(self):
        self.assertEqual(run_under_weir([program("heap_fork_free_null")]).stdout, b"untouched\n")

    def test_a_forked_child_does_not_count_the_free_of_its_parents_last_block(self):
        result = run_under_weir([program("heap_fork_free_last")])
        self.assertEqual(result.returncode, 0)
        child = next(report for report in result.reports if report["process"]["end"] == "_exit")
        for key, expected in (("alloc_count", 1), ("free_count", 0), ("temporary_count", 0), ("live_bytes", 100)):
            self.assertEqual(child["host"]["totals"][key], expected, key)

    def test_stacks_in_a_library_at_the_address_of_a_closed_one(self):
        modules = [str(build_dir() / "tests" / "programs" / "modules" / f"capture_module_{name}.so")
                   for name in ("small", "large")]
        result = self.run_program("heap_reloaded_library", *modules)
        self.assertEqual(result.stdout, b"0 loads elsewhere\n", "proves nothing where the loader moves them")
        report = result.report
        counts = {module: 0 for module in modules}
        for site in report["hot_sites"]:
            frames = [report["frames"][i] for i in report["stacks"][site["stack"]]]
            paths = [report["modules"][frame["module"]]["path"] if frame.get("module") is not None else None
                     for frame in frames]
            if paths and paths[0] in counts:
                counts[paths[0]] += site["alloc_count"]
                self.assertEqual(paths[1:3], [paths[0], str(program("heap_reloaded_library"))])
                self.assertFalse([frame for frame in frames if frame.get("truncated")])
        self.assertEqual(counts, {module: 500 for module in modules})

    def test_counts_are_exact(self):
        few = totals(self.run_program("heap_counts", "0"))
        many = totals(self.run_program("heap_counts", "1000"))
        grown = {name: many[name] - few[name] for name in many if isinstance(many[name], int)}
        self.assertEqual(grown["alloc_count"], 3000)
        self.assertEqual(grown["alloc_bytes"], 350_000 + 8000)
        self.assertEqual(grown["free_count"], 2000)
        self.assertEqual(grown["live_count"], 1000)
        self.assertEqual(grown["live_bytes"], 50_000)
        self.assertEqual(grown["temporary_count"], 1000)
        # At the peak: the table, all late blocks, all leaks, and no temporary one.
        self.assertEqual(grown["peak_bytes"], 8000 + 250_000)

    def test_peak_by_stack_adds_up_to_the_peak(self):
        report = self.run_program("heap_counts", "1000").report
        self.assertEqual(sum(part["bytes"] for part in report["peak"] if part.get("memory", "host") == "host"),
                         report["host"]["totals"]["peak_bytes"])

    def test_classes_add_up_to_the_totals(self):
        host = self.run_program("heap_counts", "1000").report["host"]
        for name in ("alloc_count", "alloc_bytes", "free_count"):
            self.assertEqual(sum(row[name] for row in host["powers_of_two"]), host["totals"][name], name)
        self.assertLessEqual(sum(row["alloc_count"] for row in host["size_classes"]), host["totals"]["alloc_count"])

    def test_a_moved_block_is_never_lost_to_the_reuse_race(self):
        for pool in ("on", "off"):
            result = self.run_program("heap_realloc_race", HOST_POOL=pool)
            self.assertEqual(result.stdout, b"done\n")
            for count in ("double_free_count", "interior_free_count", "foreign_free_count", "failed_count"):
                self.assertEqual(totals(result)[count], 0, (count, pool))
            sizes = [s["bytes"] for leak in result.report["leaks"] for s in leak["samples"]]
            self.assertFalse([s for s in sizes if s == 64 or 4000 <= s < 4064], (pool, sizes))

    def test_misuse_is_counted_and_harmless(self):
        result = self.run_program("heap_misuse")
        self.assertEqual(result.stdout, b"alive\n")
        self.assertEqual(totals(result)["double_free_count"], 1)
        self.assertEqual(totals(result)["interior_free_count"], 1)

    def test_what_the_program_protects_of_its_blocks_stays_so(self):
        words = [program("heap_protected")]
        alone = run_alone(words)
        self.assertEqual(alone.stdout, b"60 of 60 pages still protected\n")
        self.assertEqual(self.run_program("heap_protected").stdout, alone.stdout)

    @unittest.skipIf(os.environ.get("WEIR_DEBUG"), "the handler may leave while the comparison holds libunwind's lock")
    def test_tracking_goes_on_after_a_handler_left_an_allocation(self):
        # One handler in some 15,000 leaves while a lock of Weir's is held, which costs the report (docs/limits.md).
        for _ in range(5):
            result = run_under_weir([program("heap_longjmp")])
            self.assertEqual((result.returncode, result.stdout), (0, b"still tracked\n"))
            if result.stderr != b"weir: no report: the process ended in a signal handler that had interrupted Weir\n":
                break
        self.assertEqual(result.stderr, b"")
        found = [leak["count"] for leak in result.report["leaks"] if leak["bytes"] == leak["count"] * 12_345]
        self.assertEqual(sum(found), 1000)

    def test_a_thread_that_left_a_realloc_is_known_again_at_its_next_call(self):
        for call in ("malloc", "malloc_usable_size"):
            with self.subTest(call):
                result = self.run_program("heap_longjmp_realloc", call)
                self.assertEqual(result.stdout, b"left\n")
                check = result.report["leak_check"]
                self.assertIsNone(check["in_doubt"])
                self.assertEqual(check["kinds"]["definite"], {"count": 10, "bytes": 9 * 40 + 12_345})

    def test_blocks_beyond_segments(self):
        for pool in ("on", "off"):
            report = self.run_program("heap_large", HOST_POOL=pool, LARGE="50MiB").report
            self.assertEqual([block["bytes"] for block in report["large"]], [5 << 30, 60 * MIB], pool)
            self.assertGreaterEqual(report["host"]["totals"]["peak_bytes"], (5 << 30) + 80 * MIB)

    def test_questions_about_the_heap(self):
        self.assertEqual(run_alone([program("heap_questions")]).returncode, 0)
        self.assertEqual(self.run_program("heap_questions").stdout, b"answered\n")

    def test_pool_options(self):
        plain = self.run_program("heap_counts", "10").report["host"]["pool"]
        self.assertTrue(plain["enabled"])
        initial = self.run_program("heap_counts", "10", HOST_POOL_INITIAL="256MiB").report["host"]["pool"]
        self.assertGreaterEqual(initial["reserved_bytes"], 256 * MIB)
        self.assertEqual(initial["initial_bytes"], 256 * MIB)
        self.assertLess(plain["reserved_bytes"], 256 * MIB)
        warm = self.run_program("heap_counts", "10", HOST_POOL_PREWARM="64B*1000,4KiB*100").report["host"]["pool"]
        self.assertEqual(warm["prewarm_count"], 1100)
        off = self.run_program("heap_counts", "10", HOST_POOL="off").report["host"]
        self.assertFalse(off["pool"]["enabled"])
        self.assertEqual(off["pool"]["reserved_bytes"], 0)

    def test_a_program_reserves_by_the_interface(self):
        self.assertEqual(run_alone([program("heap_reserve")]).stdout, b"absent -1\n")
        result = self.run_program("heap_reserve")
        self.assertEqual(result.stdout, b"present 0\n")
        self.assertGreaterEqual(result.report["host"]["pool"]["reserved_bytes"], 512 * MIB)
        self.assertEqual(self.run_program("heap_reserve", HOST_POOL="off").stdout, b"present -1\n")

    def test_growth_makes_each_reservation_larger(self):
        sizes = []
        for ratio in ("1", "4"):
            report = self.run_program("leaks_million", HOST_POOL_INITIAL="32MiB", HOST_POOL_GROWTH=ratio).report
            sizes.append(report["host"]["pool"]["reserved_bytes"])
        self.assertGreater(sizes[1], sizes[0])

    def test_numa_nodes_hold_the_pools_memory(self):
        pool = self.run_program("leaks_million").report["host"]["pool"]
        nodes = pool["numa_nodes"]
        if not nodes:
            self.skipTest("this kernel does not tell memory by node")
        resident = sum(node["bytes"] for node in nodes)
        self.assertGreater(resident, pool["allocated_bytes"] // 2)
        self.assertLessEqual(resident, pool["reserved_bytes"])

    def test_the_plain_and_the_general_way_count_alike(self):
        # WEIR_DEBUG takes every event by the general way. Perl's own allocations depend on the environment's size.
        for argv, script, in_place in ((["/usr/bin/perl", "-e", real_inputs.PERL_SCRIPT], None, 100),
                                       (["/usr/bin/sqlite3", ":memory:"], real_inputs.SQLITE_SCRIPT.encode(), 0)):
            env = {"PERL_HASH_SEED": "0", "LC_ALL": "C.UTF-8"}
            plain, general = (run_under_weir(argv, env=env, input=script, weir_options={"DEBUG": debug}).report
                              for debug in ("0", "1"))
            # Times differ, and the pool keeps other pages where blocks come back in another order.
            by_way = [{key: value for key, value in report["host"]["totals"].items() if key != "peak_ns"}
                      for report in (plain, general)]
            self.assertEqual(by_way[0], by_way[1], argv[0])
            self.assertGreater(by_way[0]["realloc_count"], 1000, argv[0])
            self.assertGreaterEqual(by_way[0]["realloc_in_place_count"], in_place, argv[0])
            self.assertEqual(plain["host"]["powers_of_two"], general["host"]["powers_of_two"], argv[0])
            for section, figures in (("peak", ("bytes", "count")),
                                     ("hot_sites", ("alloc_bytes", "alloc_count", "temporary_count"))):
                rows = [sorted(tuple(row[key] for key in figures) for row in report[section])
                        for report in (plain, general)]
                self.assertEqual(rows[0], rows[1], argv[0] + " " + section)


if __name__ == "__main__":
    unittest.main(verbosity=2)
