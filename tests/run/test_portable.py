"""Reports that are finished on another machine: by debug files and build ids, by a debuginfod server; and --confidential, before they are
given away."""

import http.server
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import unittest

import jsonschema

from weir_test import REPOSITORY, call_sites, compile_c, run_under_weir, run_weir

SCHEMA = jsonschema.Draft202012Validator(json.loads((REPOSITORY / "docs" / "report.schema.json").read_text()))
PROGRAM = "suppress_places.c"
SERVER = shutil.which("debuginfod")


def build_id_of(path):
    said = subprocess.run(["readelf", "-n", path], check=True, capture_output=True, text=True).stdout
    return said.split("Build ID: ")[1].split()[0]


class Elsewhere(unittest.TestCase):
    """A stripped program's report, and the debug file; the program itself has gone, as on another machine."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="weir-portable-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.program = compile_c(PROGRAM, self.folder / "there" / "program", "-Wl,--build-id")
        self.whole = self.folder / "whole" / "program"
        self.whole.parent.mkdir()
        shutil.copy(self.program, self.whole)
        self.debug = self.folder / "program.debug"
        subprocess.run(["objcopy", "--only-keep-debug", self.program, self.debug], check=True)
        subprocess.run(["strip", self.program], check=True)
        result = run_under_weir([self.program, "a secret word"])
        self.report = self.folder / "report.json"
        self.report.write_bytes(result.report_texts[0])

    def leave(self):
        shutil.rmtree(self.program.parent)

    def debug_folder(self):
        build_id = build_id_of(self.debug)
        target = self.folder / "debug" / ".build-id" / build_id[:2] / f"{build_id[2:]}.debug"
        target.parent.mkdir(parents=True)
        shutil.copy(self.debug, target)
        return self.folder / "debug"

    def functions(self, *arguments, env=None, report=None):
        result = run_weir([*arguments, "show", "--json", report or self.report], env=env)
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        shown = json.loads(result.stdout)
        self.assertEqual([error.message[:300] for error in SCHEMA.iter_errors(shown)], [])
        return {frame.get("function") for frame in shown["frames"]}, shown

    def assert_found(self, *arguments, **others):
        functions, shown = self.functions(*arguments, **others)
        self.assertIn("main", functions)
        self.assertTrue([frame for frame in shown["frames"] if (frame.get("file") or "").endswith(PROGRAM) and frame.get("line")])
        self.assertEqual([w["text"] for w in shown["warnings"] if "/program:" in w["text"] or " program:" in w["text"]], [])
        return shown


class Folders(Elsewhere):
    def test_where_there_are_none_it_says_so(self):
        self.leave()
        functions, shown = self.functions()
        self.assertNotIn("main", functions)
        self.assertIn(f"no functions and lines for {self.program}: it is not on this machine", [w["text"] for w in shown["warnings"]])

    def test_by_build_id(self):
        folder = self.debug_folder()
        self.leave()
        self.assert_found("--debug-dir", folder)

    def test_of_a_stripped_program_that_is_here(self):
        self.assertNotIn("main", self.functions()[0])
        self.assert_found("--debug-dir", self.debug_folder())

    def test_by_name(self):
        self.leave()
        self.assert_found("--debug-dir", self.whole.parent)

    def test_in_a_copy_of_the_machines_root(self):
        self.leave()
        root = self.folder / "root"
        (root / str(self.program.parent)[1:]).mkdir(parents=True)
        shutil.copy(self.whole, root / str(self.program)[1:])
        self.assert_found("--debug-dir", self.debug_folder().parent, "--debug-dir", root)

    def test_another_build_is_not_taken(self):
        self.leave()
        other = compile_c(PROGRAM, self.folder / "other" / "program", "-Wl,--build-id", "-O0")
        self.assertNotEqual(build_id_of(other), build_id_of(self.debug))
        self.assertNotIn("main", self.functions("--debug-dir", other.parent)[0])

    def test_what_was_finished_without_them_is_finished_again(self):
        self.assertEqual(run_weir(["symbolize", self.report]).returncode, 0)
        before = json.loads(self.report.read_text())
        self.assertNotIn("main", self.functions()[0])
        self.assertEqual(json.loads(self.report.read_text()), before)
        folder = self.debug_folder()
        self.leave()
        self.assertEqual(run_weir(["symbolize", "--debug-dir", folder, self.report]).returncode, 0)
        shown = self.assert_found()
        self.assertEqual([m["symbols"] for m in shown["modules"] if m["path"] == str(self.program)], ["debug_info"])
        for key in ("leaks", "stacks", "leak_check"):
            self.assertEqual(len(shown[key]), len(before[key]), key)

    def test_every_command_that_names_functions_searches_there(self):
        folder = self.debug_folder()
        self.leave()
        page = self.folder / "page.html"
        for command in (["show"], ["html", "-o", page], ["diff", self.report], ["export", "--format", "collapsed", "-o", "-"],
                        ["suppress"]):
            with self.subTest(command=command[0]):
                result = run_weir([command[0], "--debug-dir", folder, *command[1:], self.report])
                self.assertEqual(result.returncode, 0, result.stderr)
                text = page.read_bytes() if command[0] == "html" else result.stdout
                if command[0] != "diff":
                    self.assertIn(b"lose_alone", text)

    def test_a_folder_that_is_not_there(self):
        result = run_weir(["--debug-dir", "/nowhere", "show", self.report])
        self.assertEqual((result.returncode, result.stdout), (2, b""))
        self.assertEqual(result.stderr.count(b"\n"), 1)
        self.assertIn(b"--debug-dir", result.stderr)
        self.assertIn(b"/nowhere", result.stderr)


class Listener:
    """Counts who asks it."""

    def __init__(self, test):
        asked = self.asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                self.send_error(404)

            def log_message(self, *_):
                pass

        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        test.addCleanup(self.server.server_close)
        test.addCleanup(self.server.shutdown)


class Debuginfod(Elsewhere):
    def environment(self, url):
        return {"DEBUGINFOD_URLS": url, "DEBUGINFOD_CACHE_PATH": str(self.folder / "cache"), "HOME": str(self.folder)}

    def test_nobody_is_asked_unless_that_is_wanted(self):
        listener = Listener(self)
        for leave in (False, True):
            if leave:
                self.leave()
            self.functions(env=self.environment(listener.url))
            self.assertEqual(listener.asked, [])
        self.functions("--debuginfod", env=self.environment(listener.url))
        self.assertIn(f"/buildid/{build_id_of(self.debug)}/debuginfo", listener.asked)

    def test_without_servers_it_says_what_is_missing(self):
        result = run_weir(["--debuginfod", "show", self.report], env={"DEBUGINFOD_URLS": ""})
        self.assertEqual((result.returncode, result.stdout), (2, b""))
        self.assertEqual(result.stderr, b"weir: --debuginfod: expected the servers to ask in DEBUGINFOD_URLS\n")

    @unittest.skipUnless(SERVER, "debuginfod is not installed")
    def test_a_server_of_debian(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = subprocess.Popen([SERVER, "-F", self.whole.parent, "-p", str(port), "-d", self.folder / "index.sqlite"],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ, HOME=str(self.folder)))
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        self.leave()
        url, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 60
        environment = self.environment(url)
        while True:
            shutil.rmtree(self.folder / "cache", ignore_errors=True)  # what was not there yet is remembered
            if "main" in self.functions("--debuginfod", env=environment)[0] or time.monotonic() > deadline:
                break
            time.sleep(0.2)
        self.assert_found("--debuginfod", env=environment)


class Confidential(Elsewhere):
    PLACES = ("function", "start", "address", "base", "schema")

    def texts(self, value, key=""):
        if isinstance(value, dict):
            for name, inner in value.items():
                yield from self.texts(inner, name)
        elif isinstance(value, list):
            for inner in value:
                yield from self.texts(inner, key)
        elif isinstance(value, str) and key not in self.PLACES:
            yield value

    def assert_hidden(self, report):
        self.assertIs(report["confidential"], True)
        self.assertEqual((report["process"]["argv"], report["process"]["host"], report["process"]["exe"]), ([], None, "program"))
        self.assertEqual([text for text in self.texts(report) if "/" in text], [])
        text = json.dumps(report)
        for secret in ("a secret word", str(self.folder), socket.gethostname()):
            self.assertNotIn(secret, text)
        self.assertEqual([error.message[:300] for error in SCHEMA.iter_errors(report)], [])

    def show(self, *arguments):
        result = run_weir(["show", "--json", *arguments, self.report])
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        return json.loads(result.stdout)

    def test_of_a_finished_report_functions_and_figures_are_left(self):
        open_report, hidden = self.show(), self.show("--confidential")
        self.assert_hidden(hidden)
        for key in ("leaks", "stacks", "peak"):
            self.assertEqual(hidden[key], open_report[key], key)
        self.assertEqual(hidden["host"]["totals"], open_report["host"]["totals"])
        self.assertEqual([frame.get("function") for frame in hidden["frames"]], [frame.get("function") for frame in open_report["frames"]])
        self.assertEqual([module["build_id"] for module in hidden["modules"]], [module["build_id"] for module in open_report["modules"]])

    def test_it_is_finished_elsewhere_and_stays_so(self):
        folder = self.debug_folder()
        self.leave()
        self.assertEqual(run_weir(["symbolize", "--confidential", self.report]).returncode, 0)
        self.assert_hidden(json.loads(self.report.read_text()))
        shown = run_weir(["show", "--debug-dir", folder, self.report]).stdout.decode()
        self.assertRegex(shown, rf"main  {re.escape(PROGRAM)}:\d")
        self.assertEqual(run_weir(["symbolize", "--debug-dir", folder, self.report]).returncode, 0)
        finished = json.loads(self.report.read_text())
        self.assert_hidden(finished)
        self.assertIn("main", {frame.get("function") for frame in finished["frames"]})
        self.assertIn(PROGRAM, {frame.get("file") for frame in finished["frames"]})
        page = self.folder / "page.html"
        self.assertEqual(run_weir(["html", "--debug-dir", folder, "-o", page, self.report]).returncode, 0)
        self.assertNotIn(str(REPOSITORY), page.read_text())

    def test_it_goes_with_json_alone(self):
        result = run_weir(["show", "--confidential", self.report])
        self.assertEqual((result.returncode, result.stdout, result.stderr.count(b"\n")), (2, b"", 1))
        self.assertIn(b"--json", result.stderr)


if __name__ == "__main__":
    unittest.main()
