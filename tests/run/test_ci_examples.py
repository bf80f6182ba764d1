"""docs/ci.md's examples as they stand in docs/examples: a CTest project, a pytest folder and the steps of a GitHub Actions workflow. Each is
green, red where the leak is planted, and green again; parallel tests do not clash in names."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree as ET

from weir_test import REPOSITORY, build_dir, clean_environment, command, system_python

EXAMPLES = REPOSITORY / "docs" / "examples"
FREE = "  free(table->rows);  // the marked line\n"
JUNIT = REPOSITORY / "tests" / "golden" / "junit.xsd"


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-ci-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.source = self.folder / "ctest" / "table.c"
        for name in ("ctest", "pytest"):
            shutil.copytree(EXAMPLES / name, self.folder / name)
        self.right = self.source.read_text()
        self.assertEqual(self.right.count(FREE), 1)

    def plant(self):
        self.source.write_text(self.right.replace(FREE, ""))

    def fix(self):
        self.source.write_text(self.right)

    def run_here(self, *argv, cwd=None, env=None):
        path = f"{command().parent}:{os.environ['PATH']}"
        return subprocess.run(list(map(str, argv)), cwd=cwd or self.folder, env=clean_environment({"PATH": path, "CCACHE_DISABLE": "1", **(env or {})}),
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)

    def assert_red_and_green(self, run):
        """run() gives (whether it was green, what it printed)."""
        for change, expected in ((self.fix, True), (self.plant, False), (self.fix, True)):
            change()
            green, text = run()
            self.assertEqual(green, expected, text)
            if not expected:
                self.assertIn("table_open", text)

    def assert_valid_junit(self, path, failures):
        result = self.run_here("xmllint", "--noout", "--schema", JUNIT, path)
        self.assertEqual(result.returncode, 0, result.stdout)
        self.assertEqual(len(list(ET.parse(path).getroot().iter("failure"))), failures)


class CTest(Case):
    def build(self):
        for step in (["cmake", "-S", "ctest", "-B", "build", f"-DWEIR={command()}"], ["cmake", "--build", "build"]):
            result = self.run_here(*step)
            self.assertEqual(result.returncode, 0, result.stdout)

    def ctest(self, *arguments):
        self.build()
        result = self.run_here("ctest", "--test-dir", "build", "--output-on-failure", *arguments)
        return result.returncode == 0, result.stdout

    def test_one_after_another(self):
        self.assert_red_and_green(lambda: self.ctest())

    def test_all_at_once(self):
        self.assert_red_and_green(lambda: self.ctest("-j", "8"))
        self.assert_valid_junit(self.folder / "build" / "weir.xml", 0)

    def test_only_the_check_is_red_and_its_forms_are_written(self):
        self.plant()
        _, text = self.ctest("-j", "8")
        self.assertRegex(text, r"1 tests? failed out of 6")
        self.assertRegex(text, r"weir\.check \.+\*\*\*Failed")
        self.assert_valid_junit(self.folder / "build" / "weir.xml", 4)
        run = json.loads((self.folder / "build" / "weir.sarif").read_text())["runs"][0]
        self.assertEqual(run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"], {"uri": "table.c", "uriBaseId": "SRCROOT"})

    def test_a_test_that_leaves_no_report_is_red(self):
        listing = self.folder / "ctest" / "CMakeLists.txt"
        text = listing.read_text()
        self.assertIn("--expect 4", text)
        listing.write_text(text.replace("--expect 4", "--expect 5"))
        green, text = self.ctest()
        self.assertFalse(green)
        self.assertIn("5 reports expected, 4 found", text)


class Pytest(Case):
    def pytest(self, *arguments):
        build = self.run_here("cc", "-g", self.source, "-o", "table")
        self.assertEqual(build.returncode, 0, build.stdout)
        result = self.pytest_alone(*arguments, env={"TABLE": self.folder / "table"})
        self.assertIn("4 passed", result.stdout)
        return result.returncode == 0, result.stdout

    def test_one_after_another(self):
        self.assert_red_and_green(lambda: self.pytest())
        self.assert_valid_junit(self.folder / "pytest" / "weir.xml", 0)

    def test_all_at_once(self):
        self.assert_red_and_green(lambda: self.pytest("-n", "4"))
        self.assertEqual(len(list((self.folder / "pytest" / "weir").glob("*.json"))), 4)

    def pytest_alone(self, *arguments, env=None):
        return self.run_here(system_python(), "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments, "pytest", env=env)

    def test_where_no_program_was_run_nothing_is_judged(self):
        no_tests_collected = 5
        (self.folder / "pytest" / "test_plain.py").write_text("def test_plain():\n    pass\n")
        for arguments, code in (["-k", "nothing"], no_tests_collected), (["--collect-only"], 0), (["-k", "plain"], 0), (["-k", "plain", "-n", "2"], 0):
            result = self.pytest_alone(*arguments)
            self.assertEqual(result.returncode, code, result.stdout)
            self.assertNotIn("weir", result.stdout)

    def test_a_program_that_leaves_no_report_is_red(self):
        script = self.folder / "weir-check-only"
        script.write_text(f'#!/bin/sh\n[ "$1" != check ] || exec {command()} "$@"\n')
        script.chmod(0o755)
        result = self.pytest_alone(env={"TABLE": self.folder / "table", "WEIR": script})
        self.assertEqual(result.returncode, 1, result.stdout)
        self.assertRegex(result.stdout, "weir: .*report")


class GitHubActions(Case):
    def workflow_steps(self):
        import yaml
        workflow = yaml.safe_load((EXAMPLES / "github-actions.yml").read_text())
        self.assertEqual(workflow["jobs"]["weir"]["runs-on"], "ubuntu-latest")
        return workflow["jobs"]["weir"]["steps"]

    def steps(self):
        return {step["name"]: step["run"] for step in self.workflow_steps() if "name" in step}

    def run_steps(self):
        """Those behind the installation, in a project that knows nothing of Weir."""
        (self.folder / "ctest" / "CMakeLists.txt").write_text(
            "cmake_minimum_required(VERSION 3.16)\nproject(table C)\nenable_testing()\nadd_executable(table table.c)\n"
            "foreach(rows 1 10 100 1000)\n  add_test(NAME table.${rows} COMMAND table ${rows})\nendforeach()\n")
        steps, text = self.steps(), ""
        self.assertEqual(list(steps), ["Git", "Install", "Build", "Test", "Check"])
        for name in ("Build", "Test", "Check"):
            result = self.run_here("bash", "-eo", "pipefail", "-c", steps[name], cwd=self.folder / "ctest")
            text += result.stdout
            if result.returncode != 0:
                self.assertEqual(name, "Check", text)
                return False, text
        return True, text

    def test_git_is_there_before_the_checkout_that_needs_it(self):
        git, checkout, install = self.workflow_steps()[:3]
        self.assertIn("install -y git", git["run"])
        self.assertTrue(checkout["uses"].startswith("actions/checkout@") and checkout["with"]["submodules"])
        self.assertEqual(install["name"], "Install")

    def test_steps(self):
        self.assert_red_and_green(self.run_steps)
        self.assert_valid_junit(self.folder / "ctest" / "weir.xml", 0)


class Documentation(unittest.TestCase):
    def test_the_page_has_the_examples_as_they_are(self):
        page = (REPOSITORY / "docs" / "ci.md").read_text()
        for name in ("ctest/CMakeLists.txt", "pytest/conftest.py", "github-actions.yml"):
            lines = (EXAMPLES / name).read_text().splitlines()
            self.assertIn("\n".join("    " + line if line else "" for line in lines), page, name)


if __name__ == "__main__":
    unittest.main()
