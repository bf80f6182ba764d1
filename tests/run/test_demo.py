"""scripts/demo, in a tree of links where nothing is to be built: what it shows with a CUDA toolkit and without."""

import dataclasses
import json
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import weir_test
from html_browser import why_no_page
from no_network import WHY_NOT, forbid_network, is_killed

EXAMPLE = "example_leak_cuda"
NO_GPU = {"CUDA_VISIBLE_DEVICES": ""}
HAS_EXAMPLE = weir_test.program(EXAMPLE).exists() and (weir_test.build_dir() / "simcuda").exists()


@dataclasses.dataclass
class Shown:
    returncode: int
    stdout: str
    stderr: str
    reports: dict  # by the file's name without the ending
    pages: dict  # the same


def show(links=("bin", "lib", "tests", "simcuda"), variables=NO_GPU, before=None):
    """Runs the script with a build tree that has these parts of the real one. before: is called in the new process."""
    with tempfile.TemporaryDirectory(prefix="weir-test-") as folder:
        scripts, build = pathlib.Path(folder, "scripts"), pathlib.Path(folder, "build")
        scripts.mkdir()
        shutil.copy(weir_test.REPOSITORY / "scripts" / "demo", scripts)
        (scripts / "build").write_text("#!/bin/sh\n")
        (scripts / "build").chmod(0o755)
        for link in links:
            (build / link).parent.mkdir(parents=True, exist_ok=True)
            (build / link).symlink_to(weir_test.build_dir() / link)
        done = subprocess.run([scripts / "demo"], env=weir_test.clean_environment(variables), capture_output=True, text=True,
                              timeout=300, preexec_fn=before)
        reports = {file.stem: json.loads(file.read_text()) for file in (build / "demo").glob("*.json")}
        pages = {file.stem: file.read_text() for file in (build / "demo").glob("*.html")}
        return Shown(done.returncode, done.stdout, done.stderr, reports, pages)


class Demo(unittest.TestCase):
    def check_host_part(self, shown):
        self.assertEqual(shown.returncode, 0, shown.stdout + shown.stderr)
        self.assertIn("50000|tributary 9999\n", shown.stdout)
        self.assertIn("Mill::fill_bucket", shown.stderr)
        self.assertIn("sqlite3", shown.reports)
        self.assertIn("example_leak", shown.reports)

    def check_page(self, shown):
        if why_no_page():
            self.assertIn("built without the page", shown.stderr)
            self.assertIn("\n== Left out: the page\n", shown.stdout)
        else:
            self.assertEqual(list(shown.pages), ["example_leak"])
            self.assertIn("Mill::fill_bucket", shown.pages["example_leak"])
            self.assertRegex(shown.stdout, r"\nIn a browser: +\S+/demo/example_leak\.html\n")

    @unittest.skipIf(WHY_NOT, WHY_NOT)
    def test_opens_no_network(self):
        self.assertEqual([is_killed(family) for family in ("AF_INET", "AF_INET6", "AF_NETLINK", "AF_UNIX")], [True, True, True, False])
        shown = show(before=forbid_network)
        self.check_host_part(shown)
        self.check_page(shown)

    def test_without_nvcc_says_so_and_shows_the_rest(self):
        shown = show(links=("bin", "lib", "tests/programs/example_leak"))
        self.check_host_part(shown)
        self.assertIn(f"== Left out: a CUDA program that leaks, tests/programs/{EXAMPLE}.cu: there is no nvcc", shown.stdout)
        self.assertNotIn(EXAMPLE, shown.reports)
        self.check_page(shown)

    @unittest.skipUnless(HAS_EXAMPLE, "no CUDA toolkit: no CUDA example, or no simulated device")
    def test_without_a_device_says_so_and_shows_the_rest(self):
        shown = show(links=("bin", "lib", "tests"))
        self.check_host_part(shown)
        self.assertIn("it can use no GPU here", shown.stdout)
        self.assertNotIn(EXAMPLE, shown.reports)


@unittest.skipUnless(HAS_EXAMPLE, "no CUDA toolkit: no CUDA example, or no simulated device")
class CudaExample(unittest.TestCase):
    def check_leaks(self, shown):
        self.assertEqual(shown.returncode, 0, shown.stdout + shown.stderr)
        self.assertIn("converted 8388608 river levels, the highest is 30.18 m\n", shown.stdout)
        report = shown.reports[EXAMPLE]
        for memory, function, bytes_ in (("host", "read_levels", 32 << 20), ("pinned", "make_staging_buffer", 8 << 20),
                                         ("device", "make_device_buffer", 32 << 20)):
            with self.subTest(memory):
                places = [(leak["bytes"], site) for leak in report["leaks"] if leak["memory"] == memory
                          for site in weir_test.call_sites(report, leak["stack"]) if site[0] and function in site[0]]
                self.assertEqual([(size, pathlib.Path(file).name) for size, (_, file, _) in places], [(bytes_, f"{EXAMPLE}.cu")])
                self.assertGreater(places[0][1][2], 0)
                self.assertIn(f"::{function}()", shown.stderr.split(EXAMPLE + "  pid")[1])
        self.assertEqual(report["errors"], [])
        self.assertEqual(report["host"]["totals"]["double_free_count"], 0)

    def test_leaks_of_three_kinds_are_shown_where_it_runs(self):
        self.check_leaks(show(variables={}))

    def test_without_a_gpu_it_runs_on_the_simulated_device(self):
        shown = show()
        self.assertIn("so it runs on Weir's simulated device (tests/simcuda).\n", shown.stdout)
        self.check_leaks(shown)


if __name__ == "__main__":
    unittest.main()
