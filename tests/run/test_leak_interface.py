"""What a program may say of its leaks and ask: LeakSanitizer's interface, and weir_check_leaks."""

import unittest

from weir_test import leaks_by_function, program, run_alone, run_under_weir, symbolise


def is_classified(report):
    return report["leak_check"].get("done", False)


class Excused(unittest.TestCase):
    def run_program(self, **options):
        result = run_under_weir([program("lsan_interface")], weir_options=options)
        self.assertEqual((result.returncode, result.stdout), (0, b""))
        return result

    def test_without_weir_there_is_no_interface(self):
        self.assertEqual(run_alone([program("lsan_interface")]).stdout, b"absent\n")

    def test_blocks_are_excused_as_long_as_they_live(self):
        for options in ({}, {"HOST_POOL": "off"}, {"DEBUG": "on"}):
            with self.subTest(**options):
                report = self.run_program(**options).report
                # Five by themselves, one of them by an address inside; of the scope 5, 1, the array and the one that realloc moved.
                by_themselves = 4 if "HOST_POOL" in options else 5
                self.assertEqual(report["leak_check"]["ignored_count"], by_themselves + 5 + 1 + 1 + 1)
                self.assertEqual(report["host"]["totals"]["double_free_count"], 0)
                self.assertEqual(report["host"]["totals"]["interior_free_count"], 0)

    def test_excused_blocks_are_no_leaks(self):
        result = self.run_program()
        report = symbolise(result.report_texts[0])
        if not is_classified(report):
            self.skipTest("blocks are not classified")
        report["leaks"] = [leak for leak in report["leaks"] if leak["kind"] in ("definite", "indirect")]
        found = leaks_by_function(report)
        count = {name: found.get(f"(anonymous namespace)::{name}", (0, 0))[1]
                 for name in ("ignored_block", "block_in_scope", "grown_block", "new_in_scope", "held_by_region", "lost_block",
                              "block_after_scope", "reused_address", "lost_holder", "block_of_other_thread")}
        self.assertEqual(count, {"ignored_block": 0, "block_in_scope": 0, "grown_block": 0, "new_in_scope": 0, "held_by_region": 0,
                                 "lost_block": 5, "block_after_scope": 5, "reused_address": 3, "lost_holder": 1,
                                 "block_of_other_thread": 1})
        self.assertEqual(result.stderr, b"leaks 1\n")

    def test_counts_are_those_of_a_program_that_excuses_nothing(self):
        totals = self.run_program().report["host"]["totals"]
        self.assertEqual(totals["alloc_count"] - totals["free_count"], totals["live_count"])


class Asked(unittest.TestCase):
    def test_each_place_that_holds_memory_is_told(self):
        for options in ({}, {"HOST_POOL": "off"}):
            result = run_under_weir([program("interface_check_leaks")], weir_options=options)
            self.assertEqual((result.returncode, result.stderr), (0, b""))
            self.assertEqual(result.stdout, b"memory host whole 1 stack 1 class 1\n"
                                            b"rows 1 ten 1 sorted 1 place 1 sample 1\n"
                                            b"stopped 1 calls 1 allocated 0 none -1\n")

    def test_checks_of_several_threads_among_running_ones(self):
        for options in ({}, {"HOST_POOL": "off"}):
            with self.subTest(**options):
                result = run_under_weir([program("lsan_threads")], weir_options=options)
                self.assertEqual((result.returncode, result.stderr), (0, b""))
                self.assertEqual(result.stdout, b"checks 60 lost 0 answers 0\n")

    def test_without_weir_nothing_is_told(self):
        self.assertEqual(run_alone([program("interface_check_leaks")]).stdout, b"absent -1\n")


if __name__ == "__main__":
    unittest.main()
