"""What weir show says of the pools of CUDA's memory, beside the golden files of test_command_show: where the memory was, what each
pool did, and the options that it suggests."""

import json
import pathlib
import shutil
import tempfile
import unittest

from weir_test import REPOSITORY, run_weir

GOLDEN = REPOSITORY / "tests" / "golden" / "report_cuda.json"
MIB = 1 << 20
WIDEST = 100
SECOND_NS = 1_000_000_000


def pool_of(report, memory="device", device=0):
    return report["devices"][device]["pools"][memory]


class Shown(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="weir-test-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.report = json.loads(GOLDEN.read_text())
        self.report["process"]["duration_ns"] = SECOND_NS
        self.device = pool_of(self.report)
        self.pinned = pool_of(self.report, "pinned")

    def text(self, *arguments, reports=None):
        paths = []
        for i, report in enumerate(reports or [self.report]):
            paths.append(pathlib.Path(self.folder, f"{i}.json"))
            paths[i].write_text(json.dumps(report))
        result = run_weir(["show", *arguments, *map(str, paths)])
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        return result.stdout.decode()

    def part(self, heading, **named):
        """The lines under a heading."""
        lines = self.text(**named).split("\n")
        at = next((i for i, line in enumerate(lines) if line.startswith(heading)), None)
        return [] if at is None else lines[at:lines.index("", at)]

    def set_option(self, variable, value):
        self.report["options"][variable] = {"value": value, "default": False}


class MemoryTable(Shown):
    def rows(self):
        lines = self.part("Where the memory was at exit")
        self.assertEqual(lines[1].split(), ["in", "use", "live", "cached", "quarantine", "fragments", "other"])
        return {line[:12].strip(): [cell.strip() for cell in (line[i:i + 12] for i in range(12, len(line), 12))]
                for line in lines[2:-2]}

    def test_each_part_of_each_memory_has_its_place(self):
        self.report["devices"][0].update(live_bytes=5 * MIB)
        self.report["devices"][0]["driver"].update(driver_and_context_bytes=400 * MIB)
        self.device.update(live_bytes=3 * MIB, allocated_bytes=4 * MIB, cached_bytes=7 * MIB, quarantined_bytes=11 * MIB)
        self.report["devices"][0]["kinds"]["pinned"]["live_bytes"] = 2 * MIB
        self.pinned.update(live_bytes=2 * MIB, allocated_bytes=2 * MIB, cached_bytes=13 * MIB, quarantined_bytes=17 * MIB)
        host = self.report["host"]
        host["totals"]["live_bytes"] = MIB
        host["mmap"]["totals"]["resident_bytes"] = 2 * MIB
        host["pool"].update(active_bytes=5 * MIB, cached_bytes=6 * MIB)
        host["process_memory"]["rss_bytes"] = 20 * MIB
        self.assertEqual(self.rows(), {
            "host": ["20.0 MiB", "3.0 MiB", "6.0 MiB", "-", "4.0 MiB", "7.0 MiB"],
            "device 0": ["423 MiB", "5.0 MiB", "7.0 MiB", "11.0 MiB", "1.0 MiB", "399 MiB"],
            "pinned": ["32.0 MiB", "2.0 MiB", "13.0 MiB", "17.0 MiB", "-", "-"]})

    def test_without_a_pool_it_tells_the_rest(self):
        self.report["devices"][0]["pools"] = {}
        rows = self.rows()
        self.assertEqual(rows["device 0"], ["418 MiB", "4.1 MiB", "-", "-", "-", "414 MiB"])
        self.assertEqual(rows["pinned"], ["8.0 KiB", "8.0 KiB", "-", "-", "-", "-"])

    def test_what_is_not_tracked_is_known_by_the_pool(self):
        device = self.report["devices"][0]
        device.update(live_bytes=0, kinds={}, driver=None)
        self.device.update(live_bytes=3 * MIB, allocated_bytes=3 * MIB, cached_bytes=0)
        self.assertEqual(self.rows()["device 0"], ["3.0 MiB", "3.0 MiB", "-", "-", "-", "-"])

    def test_devices_have_rows_of_their_own_and_pinned_memory_one(self):
        second = json.loads(json.dumps(self.report["devices"][0]))
        second["index"] = 1
        self.report["devices"].append(second)
        self.report["devices"].append({**second, "index": None, "driver": None, "pools": {}, "live_bytes": 0,
                                       "kinds": {"pinned": second["kinds"]["pinned"]}})
        rows = self.rows()
        self.assertEqual(list(rows), ["host", "device 0", "device 1", "pinned"])
        self.assertEqual(rows["pinned"][:3], ["40.0 KiB", "24.0 KiB", "16.0 KiB"])

    def test_it_is_of_one_process_with_cuda_only(self):
        other = json.loads(json.dumps(self.report))
        self.assertEqual(self.part("Where the memory", reports=[self.report, other]), [])
        self.report["devices"] = []
        self.assertEqual(self.part("Where the memory"), [])


class Pools(Shown):
    def test_nothing_is_said_where_none_was_used(self):
        self.report["devices"][0]["pools"] = {}
        self.assertNotIn("CUDA pools", self.text())
        del self.report["devices"][0]["pools"], self.report["cuda"]["pool"]
        self.assertNotIn("CUDA pools", self.text())

    def test_mode_and_limitation_are_one_line(self):
        self.assertEqual(self.part("CUDA pools")[0], "CUDA pools: strict")
        self.report["cuda"]["pool"].update(mode="on", limitation="compute-sanitizer is present")
        self.assertEqual(self.part("CUDA pools")[0], "CUDA pools: on (limited: compute-sanitizer is present)")

    def test_what_keeps_them_from_being_used_is_told(self):
        self.report["cuda"]["pool"]["limitation"] = "compute-sanitizer is present"
        self.report["devices"][0]["pools"] = {}
        self.assertEqual(self.part("CUDA pools"), ["CUDA pools: not used (limited: compute-sanitizer is present)"])
        self.report["devices"] = []
        self.assertEqual(self.part("CUDA pools"), [])

    def test_a_pool_is_one_line_and_what_seldom_happens_another(self):
        for key in ("flush_count", "retry_count"):
            self.device[key] = 0
        self.device.update(hit_count=9_500, miss_count=500, saved_call_count=17_384, driver_ns=302_000)
        lines = self.part("CUDA pools")
        self.assertEqual(lines[1], "  device 0    10,000 allocations, hit rate 95 %; driver: 17,384 calls saved, 302 us spent")
        self.assertTrue(lines[2].startswith("  pinned  "))
        for hits, misses, percent in [(9_999, 1, 99), (29, 71, 29), (1, 0, 100), (0, 0, 0)]:
            self.device.update(hit_count=hits, miss_count=misses)
            self.assertIn(f", hit rate {percent} %; ", self.part("CUDA pools")[1])
        self.device.update(passed_count=3, trim_count=20, trimmed_bytes=2 * MIB, flush_count=1, retry_count=3, retry_saved_count=2)
        self.assertEqual(self.part("CUDA pools")[2].strip(),
                         "3 passed on; 20 trims of 2.0 MiB; 1 flush; 2 of 3 OOM retries served")

    def test_fragmentation_is_told_of_segments_only(self):
        self.device.update(cached_bytes=8 * MIB, largest_cached_bytes=2 * MIB)
        self.assertNotIn("fragmented", self.text())
        self.report["cuda"]["pool"]["mode"] = "vmm"
        self.assertIn("; idle memory 75 % fragmented\n", self.text())

    def test_several_processes_are_added_up(self):
        other = json.loads(json.dumps(self.report))
        other["process"]["pid"] += 1
        other["cuda"]["pool"]["mode"] = "on"
        pool_of(other)["driver_ns"] = 1_000_000
        lines = self.part("CUDA pools", reports=[self.report, other])
        self.assertEqual(lines[0], "CUDA pools: on, strict")
        self.assertEqual(lines[1], "  device 0    16 allocations, hit rate 25 %; driver: 4 calls saved, 1.4 ms spent")

    def test_lines_are_no_wider_than_a_terminal(self):
        for pool in (self.device, self.pinned):
            pool.update(hit_count=999_999, miss_count=9_999, saved_call_count=1_999_999, driver_ns=99_990_000_000, passed_count=999,
                        trim_count=999, trimmed_bytes=999 * MIB, flush_count=999, retry_count=999, retry_saved_count=999)
        for heading in ("CUDA pools", "Where the memory"):
            self.assertEqual([line for line in self.part(heading) if len(line) > WIDEST], [])

    def test_what_the_pools_warned_of_is_noted(self):
        text = "85 % of the memory of device 0 was in use: above WEIR_WARN_UTILIZATION"
        self.report["warnings"] = [{"text": text, "kind": "utilization", "device": 0, "ns": 5, "ratio": 0.85, "highest_ratio": 0.85,
                                    "count": 1}]
        self.assertEqual(self.part("Notes"), ["Notes", "  " + text])

    def test_the_page_of_the_pools_shows_what_is_shown(self):
        page = (REPOSITORY / "docs" / "cuda-pools.md").read_text()
        for heading in ("Where the memory was at exit", "CUDA pools: strict"):
            start = page.index("\n    " + heading) + 1
            shown = [line.removeprefix("    ") for line in page[start:page.index("\n\n", start)].split("\n")]
            self.assertIn("\n" + "\n".join(shown) + "\n\n", GOLDEN.with_name("show_cuda.txt").read_text())

    def test_damaged_figures_are_passed_by(self):
        for pools in ([], {"device": 7}, {"device": {"sizes": [1, None], "hit_count": "many"}}, {"pinned": {"sizes": {}}}):
            with self.subTest(pools=pools):
                self.report["devices"][0]["pools"] = pools
                self.text()


class Hints(Shown):
    HEADING = "Options that would make a difference"

    def setUp(self):
        super().setUp()
        # A program that has its memory from the pool, whose driver took a tenth of its time.
        for pool in (self.device, self.pinned):
            pool.update(hit_count=10_000, miss_count=0, synchronise_count=0, record_count=0, query_count=0, trim_count=0, sizes=[],
                        driver_ns=SECOND_NS // 10, reserved_peak_bytes=64 * MIB)
        for call in self.report["cuda"]["calls"]:
            call["failed_count"] = 0

    def hints(self):
        lines = self.part(self.HEADING)
        self.assertTrue(all(line.startswith("      ") for line in lines[2::2]), lines)
        return [line.strip() for line in lines[1::2]]

    def miss(self, *sizes):
        self.device["sizes"] = [{"block_bytes": size, "hit_count": 1, "miss_count": count, "cached_count": 0} for size, count in sizes]
        self.device["miss_count"] = sum(count for _, count in sizes)

    def test_none_without_a_reason(self):
        self.assertEqual(self.hints(), [])
        self.report["devices"][0]["pools"] = {}
        self.assertEqual(self.hints(), [])

    def test_sizes_that_are_often_missed_could_be_made_ready(self):
        self.miss((MIB, 100), (4096, 99))
        self.assertEqual(self.hints(), ["WEIR_CUDA_POOL_PREWARM=1MiB*64"])  # no more than was held at once
        self.miss((MIB, 50), (1536, 300), (4096, 200), (512, 100), (8192, 250))
        self.assertEqual(self.hints(), ["WEIR_CUDA_POOL_PREWARM=1536B*300,8KiB*250,4KiB*200"])

    def test_not_where_misses_took_little_time(self):
        self.miss((4096, 100))
        self.device["driver_ns"] = SECOND_NS // 100
        self.assertEqual(len(self.hints()), 1)
        self.device["driver_ns"] -= 1
        self.assertEqual(self.hints(), [])
        self.device.update(driver_ns=SECOND_NS // 10, record_count=100 * 9)  # a tenth of the calls
        self.assertEqual(len(self.hints()), 1)
        self.device["query_count"] = 1
        self.assertEqual(self.hints(), [])

    def test_not_what_is_done_already(self):
        self.miss((4096, 100))
        self.set_option("WEIR_CUDA_POOL_PREWARM", "4KiB*10")
        self.assertEqual(self.hints(), [])

    def test_a_limit_that_gives_back_what_is_asked_for_anew_could_be_higher(self):
        self.miss((MIB, 100))
        self.device.update(trim_count=16, reserved_peak_bytes=64 * MIB - 1)
        self.assertEqual(self.hints(), [])  # pressure, or asked for
        self.set_option("WEIR_CUDA_POOL_IDLE", "10s")
        self.assertEqual(self.hints(), ["WEIR_CUDA_POOL_IDLE longer than 10s"])
        self.report["devices"][0]["driver"]["total_bytes"] = 256 * MIB
        for limit, hinted in [("16MiB", True), ("64MiB", False), ("24%", True), ("25%", False), ("off", False), ("much", False)]:
            with self.subTest(limit=limit):
                self.set_option("WEIR_CUDA_POOL_CACHE", limit)
                self.assertEqual(self.hints()[0], "WEIR_CUDA_POOL_CACHE=64MiB" if hinted else "WEIR_CUDA_POOL_IDLE longer than 10s")
        self.report["devices"][0]["driver"] = None  # of what is not known no share can be told
        self.set_option("WEIR_CUDA_POOL_CACHE", "1%")
        self.assertEqual(self.hints(), ["WEIR_CUDA_POOL_IDLE longer than 10s"])
        self.device.update(trim_count=15, reserved_peak_bytes=64 * MIB)
        self.assertEqual(self.hints(), ["WEIR_CUDA_POOL_PREWARM=1MiB*64"])

    def test_frees_that_wait_could_go_on(self):
        self.device["synchronise_count"] = 1000
        self.assertEqual(self.hints(), ["WEIR_CUDA_POOL=on"])
        for change in ({"synchronise_count": 999}, {"driver_ns": SECOND_NS // 101}):
            with self.subTest(change):
                before = dict(self.device)
                self.device.update(change)
                self.assertEqual(self.hints(), [])
                self.device.update(before)
        self.report["cuda"]["pool"]["mode"] = "on"
        self.assertEqual(self.hints(), [])

    def test_a_program_whose_frees_return_errors_keeps_them(self):
        self.device["synchronise_count"] = 1000
        self.report["cuda"]["calls"].append({"name": "cuMemFree_v2", "count": 2, "failed_count": 1})
        self.assertEqual(self.hints(), [])

    def test_three_at_most_and_of_the_busiest_device(self):
        second = json.loads(json.dumps(self.report["devices"][0]))
        second["index"] = 1
        self.report["devices"].append(second)
        self.miss((4096, 100))  # of the device that is less busy
        busy = pool_of(self.report, device=1)
        busy.update(driver_ns=SECOND_NS // 2, miss_count=2000, trim_count=16, synchronise_count=2000)
        self.pinned.update(trim_count=16, miss_count=100)
        self.set_option("WEIR_CUDA_POOL_CACHE", "16MiB")
        self.set_option("WEIR_PINNED_POOL_MAX", "1MiB")
        self.assertEqual(self.hints(), ["WEIR_CUDA_POOL_CACHE=64MiB", "WEIR_CUDA_POOL=on", "WEIR_PINNED_POOL_MAX=64MiB"])


if __name__ == "__main__":
    unittest.main()
