"""weir run, env and doctor: exit codes, signals, what is preloaded and what is not, where reports go."""

import json
import os
import pathlib
import shutil
import signal
import stat
import subprocess
import tempfile
import unittest

from weir_test import clean_environment, command, library, program, run_alone, run_weir


class CommandTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="weir-test-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def run_program(self, *words, options=(), env=None):
        return run_weir(["run", *options, "--", *words], env=env, cwd=self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def reports(self):
        return {str(p.relative_to(self.folder)): json.loads(p.read_text()) for p in pathlib.Path(self.folder).rglob("*.json")}

    def compile(self, name, *flags, compiler="cc", text="int main(void) { return 5; }\n"):
        source = self.path(name + ".c")
        pathlib.Path(source).write_text(text)
        subprocess.run([compiler, *flags, source, "-o", self.path(name)], check=True, capture_output=True)
        return self.path(name)

    def assert_steps_aside(self, path, why, code):
        result = self.run_program(path)
        self.assertEqual(result.returncode, code, result.stderr)
        lines = result.stderr.decode().splitlines()
        self.assertEqual(len(lines), 1, lines)
        self.assertIn(why, lines[0])
        self.assertEqual(self.reports(), {})


class OneProcess(CommandTest):
    def test_report_summary_and_exit_code(self):
        result = self.run_program(program("command_leaky"), "42")
        self.assertEqual(result.returncode, 42)
        self.assertEqual(result.stdout, b"on stdout\n")
        summary = result.stderr.decode()
        self.assertIn("Lost: 2.9 KiB in 3 blocks from 1 place\n", summary)
        self.assertIn("inlined_allocation (inlined)", summary)
        self.assertRegex(summary, r"leak_block\(\)  .*command_leaky\.cpp:11\n")
        self.assertNotIn("\033", summary)
        reports = self.reports()
        self.assertEqual(len(reports), 1)
        (name, report), = reports.items()
        self.assertEqual(name, f"weir.command_leaky.{report['process']['pid']}.json")
        self.assertTrue(summary.endswith(f"weir: report: {name}\n"), summary)
        self.assertEqual(os.listdir(self.folder), [name])
        self.assertEqual(stat.S_IMODE(os.stat(self.path(name)).st_mode), 0o600)
        functions = [frame.get("function") for frame in report["frames"]]
        self.assertIn("leak_block()", functions)

    def test_the_report_pattern_is_the_users(self):
        os.mkdir(self.path("sub"))
        result = self.run_program(program("command_leaky"), options=["--report", "sub/mine-100%%.json", "--no-summary"])
        self.assertEqual(result.stderr.decode(), "weir: report: sub/mine-100%.json\n")
        self.assertEqual(list(self.reports()), ["sub/mine-100%.json"])
        self.assertTrue(any("function" in frame for frame in self.reports()["sub/mine-100%.json"]["frames"]))
        again = self.run_program(program("command_leaky"), options=["--report", "sub/mine-100%%.json", "--no-summary"])
        self.assertEqual(again.stderr.decode(), "weir: report: sub/mine-100%.1.json\n")

    def test_a_folder_as_the_place_of_reports(self):
        result = self.run_program(program("command_leaky"), options=["--report", "new/", "--no-summary"])
        (name,) = self.reports()
        self.assertEqual(result.stderr.decode(), f"weir: report: {name}\n")
        self.assertRegex(name, r"^new/weir\.command_leaky\.\d+\.json$")

    def test_no_report_and_no_summary_when_off(self):
        result = self.run_program(program("command_leaky"), "9", env={"WEIR_REPORT": "off"})
        self.assertEqual((result.returncode, result.stderr), (9, b""))
        self.assertEqual(os.listdir(self.folder), [])

    def test_options_reach_the_library(self):
        self.run_program(program("command_leaky"), options=["--no-pool", "--stack-depth", "2"])
        (report,) = self.reports().values()
        self.assertFalse(report["host"]["pool"]["enabled"])
        self.assertEqual(report["options"]["WEIR_STACK_DEPTH"], {"value": "2", "default": False})

    def test_the_programs_own_options_stay_its_own(self):
        result = self.run_program("/bin/echo", "--top", "--", "-n", options=["--no-summary"])
        self.assertEqual(result.stdout, b"--top -- -n\n")
        result = run_weir(["run", "--no-summary", "/bin/echo", "--help-me"], cwd=self.folder)
        self.assertEqual(result.stdout, b"--help-me\n")

    def test_an_existing_preload_is_kept(self):
        other = self.compile("other.so", "-shared", "-fPIC", text="int other_was_loaded = 1;\n")
        result = self.run_program("/bin/sh", "-c", "echo $LD_PRELOAD", options=["--no-summary"], env={"LD_PRELOAD": other})
        self.assertEqual(result.stdout.decode(), f"{library()}:{other}\n")
        (report,) = self.reports().values()
        self.assertIn(report["process"]["end"], ("exit", "_exit"))

    def test_a_folder_that_cannot_be_written(self):
        os.mkdir(self.path("elsewhere"))
        result = run_weir(["run", "--no-summary", "--", program("command_leaky"), "4"], cwd="/proc",
                          env={"TMPDIR": self.path("elsewhere")})
        self.assertEqual(result.returncode, 4)
        self.assertEqual(len(self.reports()), 1, result.stderr)


class Missing(CommandTest):
    def test_codes_of_programs_that_cannot_run(self):
        text = self.path("text")
        pathlib.Path(text).write_text("not a program\n")
        for name, code, line in [("no-such-program-here", 127, "no-such-program-here: program not found"),
                                 (self.path("absent"), 127, "absent: program not found"),
                                 (text, 126, "text: not executable"), (self.folder, 126, ": not executable")]:
            with self.subTest(name=name):
                result = self.run_program(name)
                self.assertEqual(result.returncode, code)
                self.assertEqual(result.stderr.decode().count("\n"), 1)
                self.assertIn(line, result.stderr.decode())
        self.assertEqual(os.listdir(self.folder), ["text"])

    def test_an_interpreter_that_is_missing(self):
        script = self.path("script")
        pathlib.Path(script).write_text("#!/no/such/interpreter\n")
        os.chmod(script, 0o755)
        result = self.run_program(script)
        self.assertEqual(result.returncode, 127)
        self.assertEqual(result.stderr.decode().count("\n"), 1)
        self.assertEqual(os.listdir(self.folder), ["script"])

    def test_no_program_at_all(self):
        result = run_weir(["run", "--"], cwd=self.folder)
        self.assertEqual(result.returncode, 2)
        self.assertIn("no program to run", result.stderr.decode())

    def test_an_option_that_does_not_exist(self):
        result = run_weir(["run", "--tpo", "3", "--", "true"], cwd=self.folder)
        self.assertEqual(result.returncode, 2)
        self.assertIn("--tpo", result.stderr.decode())

    def test_a_library_that_is_missing(self):
        result = self.run_program("/bin/true", env={"WEIR_LIBRARY": "/no/libweir.so"})
        self.assertEqual(result.returncode, 125)
        self.assertEqual(result.stderr.decode(), "weir: WEIR_LIBRARY=/no/libweir.so does not exist\n")
        self.assertEqual(os.listdir(self.folder), [])


class Signals(CommandTest):
    def start(self, *words):
        process = subprocess.Popen([command(), "run", "--no-summary", "--", *map(str, words)], cwd=self.folder,
                                   env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   start_new_session=True)
        self.addCleanup(process.kill)
        self.assertEqual(process.stdout.readline(), b"ready\n")
        return process

    def finish(self, process):
        _, stderr = process.communicate(timeout=60)
        return process.returncode, stderr.decode()

    def test_a_signal_that_kills_is_passed_on_and_reported(self):
        for number, name in [(signal.SIGTERM, "TERM"), (signal.SIGINT, "INT")]:
            with self.subTest(signal=name):
                process = self.start(program("command_wait"))
                process.send_signal(number)
                code, stderr = self.finish(process)
                self.assertEqual(code, 128 + number, stderr)
                name_of_report = stderr.rsplit(" ", 1)[1].strip()
                report = json.loads(pathlib.Path(self.path(name_of_report)).read_text())
                self.assertEqual(report["process"]["end"], f"signal {name}")
                self.assertIn(321, [leak["bytes"] for leak in report["leaks"]])

    def test_a_signal_that_the_program_handles(self):
        process = self.start(program("command_wait"), "handle")
        process.send_signal(signal.SIGTERM)
        code, stderr = self.finish(process)
        self.assertEqual(code, 7, stderr)
        self.assertEqual(len(self.reports()), 1)

    def test_a_killed_program_leaves_no_report_and_one_line(self):
        result = self.run_program("/bin/sh", "-c", "kill -KILL $$")
        self.assertEqual(result.returncode, 128 + signal.SIGKILL)
        self.assertEqual(result.stderr.decode(), "weir: /bin/sh left no report\n")
        self.assertEqual(os.listdir(self.folder), [])

    def test_the_child_has_the_callers_signal_mask(self):
        result = self.run_program("/bin/grep", "-E", "^Sig(Blk|Ign):", "/proc/self/status", options=["--no-summary"])
        alone = run_alone(["/bin/grep", "-E", "^Sig(Blk|Ign):", "/proc/self/status"])
        self.assertEqual(result.stdout, alone.stdout)


class ManyProcesses(CommandTest):
    def test_make_gives_one_folder_and_one_summary(self):
        pathlib.Path(self.path("Makefile")).write_text(
            "all: a b c d\n" + "".join(f"{t}:\n\t@{program('command_leaky')} 0 >/dev/null\n" for t in "abcd"))
        result = self.run_program("make", "-s", "-j2")
        self.assertEqual(result.returncode, 0, result.stderr)
        summary = result.stderr.decode()
        folders = [name for name in os.listdir(self.folder) if name.startswith("weir.make.")]
        self.assertEqual(len(folders), 1)
        self.assertTrue(summary.endswith(f"weir: report: {folders[0]}\n"), summary)
        self.assertEqual(summary.count("Host memory, all processes"), 1)
        self.assertIn("11.7 KiB in 12 blocks  in 4 processes\n", summary)
        leaky = [r for r in self.reports().values() if r["process"]["exe"].endswith("command_leaky")]
        self.assertEqual(len(leaky), 4)
        again = run_weir(["show", self.path(folders[0])])
        self.assertIn("11.7 KiB in 12 blocks  in 4 processes\n", again.stdout.decode())


class StepsAside(CommandTest):
    def test_static(self):
        self.assert_steps_aside(self.compile("static", "-static"), "is statically linked", 5)

    def test_static_position_independent(self):
        self.assert_steps_aside(self.compile("static_pie", "-static-pie"), "is statically linked", 5)

    def test_sanitizers(self):
        for name, flag in [("asan", "-fsanitize=address"), ("tsan", "-fsanitize=thread")]:
            with self.subTest(sanitizer=name):
                self.assert_steps_aside(self.compile(name, flag), "is built with a sanitizer", 5)

    def test_undefined_behaviour_sanitizer_runs_under_weir(self):
        self.run_program(self.compile("ubsan", "-fsanitize=undefined"))
        self.assertEqual(len(self.reports()), 1)

    def test_setuid_and_setgid(self):
        for bit, why in [(stat.S_ISUID, "is setuid"), (stat.S_ISGID, "is setgid")]:
            with self.subTest(why=why):
                path = self.compile("privileged")
                os.chmod(path, 0o755 | bit)
                self.assert_steps_aside(path, why, 5)

    def test_another_architecture(self):
        path = self.path("foreign")
        header = bytearray(pathlib.Path("/bin/true").read_bytes())
        header[18:20] = (183).to_bytes(2, "little")  # e_machine: AArch64
        pathlib.Path(path).write_bytes(header)
        os.chmod(path, 0o755)
        result = self.run_program(path)
        self.assertEqual(result.returncode, 126)
        self.assertIn("is not an x86-64 program", result.stderr.decode())

    def test_another_loader(self):
        path = self.compile("musl", "-Wl,--dynamic-linker=/lib/ld-musl-x86_64.so.1")
        result = self.run_program(path)
        self.assertIn("is started by another loader (/lib/ld-musl-x86_64.so.1): running it without Weir", result.stderr.decode())

    def test_valgrind(self):
        if not shutil.which("valgrind"):
            self.skipTest("no valgrind here")
        result = self.run_program("valgrind", "-q", "/bin/true")
        self.assertEqual((result.returncode, result.stderr.decode().count("\n")), (0, 1))
        self.assertEqual(self.reports(), {})

    def test_a_script_stands_for_its_interpreter(self):
        static = self.compile("static", "-static")
        script = self.path("script")
        for line in (f"#!{static}", f"#!/usr/bin/env {static}"):
            with self.subTest(line=line):
                pathlib.Path(script).write_text(line + "\n")
                os.chmod(script, 0o755)
                self.assert_steps_aside(script, "is statically linked", 5)


class Scripts(CommandTest):
    def script(self, text):
        path = self.path("script")
        pathlib.Path(path).write_text(text)
        os.chmod(path, 0o755)
        return path

    def test_with_an_interpreter_line(self):
        result = self.run_program(self.script("#!/bin/sh\necho from the script $1\nexit 6\n"), "x")
        self.assertEqual((result.returncode, result.stdout), (6, b"from the script x\n"))
        self.assertEqual(len(self.reports()), 1)

    def test_without_one_a_shell_runs_it(self):
        result = self.run_program(self.script("echo from the script $1\nexit 6\n"), "x")
        self.assertEqual((result.returncode, result.stdout), (6, b"from the script x\n"))


class OtherTools(CommandTest):
    def test_under_strace_and_gdb_the_program_is_still_reported(self):
        for words in (["strace", "-f", "-o", "/dev/null"], ["gdb", "-q", "-batch", "-ex", "run", "--args"]):
            with self.subTest(tool=words[0]):
                if not shutil.which(words[0]):
                    self.skipTest(f"no {words[0]} here")
                folder = self.path("reports." + words[0])
                result = self.run_program(*words, program("command_leaky"), options=["--report", folder + "/%e.%p.json"])
                self.assertEqual(result.returncode, 0, result.stderr)
                leaky = [n for n in os.listdir(folder) if n.startswith("command_leaky.")]
                self.assertEqual(len(leaky), 1, os.listdir(folder))


class Env(CommandTest):
    def test_the_exports_put_a_shell_under_weir(self):
        pattern = self.path("it's $HOME `x` \\ %e.%p.json")
        exports = run_weir(["env", "--report", pattern, "--large", "1kB"]).stdout.decode()
        result = run_alone(["/bin/sh", "-c", exports + f'"{program("command_leaky")}"; true'], cwd=self.folder)
        self.assertEqual(result.stdout, b"on stdout\n")
        (report,) = [r for r in self.reports().values() if r["process"]["exe"].endswith("command_leaky")]
        self.assertEqual(report["options"]["WEIR_REPORT"]["value"], pattern)
        self.assertEqual([block["bytes"] for block in report["large"] if block["family"] == "malloc"][-3:], [1000] * 3)

    def test_unset_takes_them_back(self):
        exports = run_weir(["env", "--large", "1kB"]).stdout.decode()
        text = exports + f'eval "$({command()} env --unset)"; echo "[$LD_PRELOAD$WEIR_LARGE]"'
        result = run_alone(["/bin/sh", "-c", text], env={"WEIR_REPORT": "off"}, cwd=self.folder)
        self.assertEqual(result.stdout, b"[]\n")

    def test_other_shells_quote_their_own_way(self):
        fish = run_weir(["env", "--shell", "fish", "--report", "a'b\\c"]).stdout.decode()
        self.assertIn("set -gx WEIR_REPORT 'a\\'b\\\\c';\n", fish)
        csh = run_weir(["env", "--shell", "csh", "--report", "a'b!c"]).stdout.decode()
        self.assertIn("setenv WEIR_REPORT 'a'\\''b\\!c';\n", csh)


class Doctor(CommandTest):
    def test_all_is_well(self):
        result = run_weir(["doctor", "--", program("command_leaky")], cwd=self.folder)
        self.assertEqual(result.returncode, 0, result.stdout)
        lines = result.stdout.decode().splitlines()
        self.assertTrue(all(line[:4] in ("ok  ", "warn") for line in lines), lines)
        self.assertIn(f"ok    library {library()}", lines)
        self.assertIn(f"ok    {program('command_leaky')} can run under Weir", lines)

    def test_a_library_that_cannot_be_loaded(self):
        broken = self.path("libweir.so")
        pathlib.Path(broken).write_text("no library\n")
        result = run_weir(["doctor"], env={"WEIR_LIBRARY": broken}, cwd=self.folder)
        self.assertEqual(result.returncode, 1)
        self.assertIn("fail  /bin/true does not run with it preloaded", result.stdout.decode())

    def test_what_has_no_effect_is_named(self):
        result = run_weir(["doctor"], cwd=self.folder, env={"MALLOC_ARENA_MAX": "1", "MIMALLOC_VERBOSE": "0",
                                                           "GLIBC_TUNABLES": "glibc.malloc.check=3"})
        text = result.stdout.decode()
        for name in ("MALLOC_ARENA_MAX", "MIMALLOC_VERBOSE", "GLIBC_TUNABLES"):
            self.assertRegex(text, f"warn  .*{name}.*no effect")

    def test_a_program_that_weir_steps_aside_for(self):
        static = self.compile("static", "-static")
        for words in (["--", static], [static], ["--color", "never", static, "--its", "own"]):
            result = run_weir(["doctor", *words], cwd=self.folder)
            self.assertEqual((result.returncode, result.stderr), (0, b""))
            self.assertRegex(result.stdout.decode(), "warn  .*is statically linked")


if __name__ == "__main__":
    unittest.main()
