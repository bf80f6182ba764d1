"""weir ctl: speaks with running programs that use CUDA, says clearly why it cannot speak with others, and leaves nothing behind."""

import os
import pathlib
import re
import signal
import stat
import subprocess
import tempfile
import unittest

from weir_test import build_dir, clean_environment, library, program, run_alone, run_weir

SIMCUDA = build_dir() / "simcuda"
PROGRAM = program("cuda_control")
NOBODY = 65534


class Session:
    """A program under Weir that does what it is told; `runtime` is its XDG_RUNTIME_DIR."""

    def __init__(self, test, env=None, **options):
        folder = tempfile.TemporaryDirectory(prefix="weir-ctl-")
        test.addCleanup(folder.cleanup)
        self.runtime = pathlib.Path(folder.name)
        self.env = {"XDG_RUNTIME_DIR": str(self.runtime), "TMPDIR": None, **(env or {})}
        given = {**self.env, "LD_LIBRARY_PATH": SIMCUDA, "LD_PRELOAD": library(), "WEIR_REPORT": "off"}
        given.update({f"WEIR_{name}": value for name, value in options.items()})
        self.process = subprocess.Popen([PROGRAM], env=clean_environment(given), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        test.addCleanup(self.close)
        self.pid = int(self.process.stdout.readline())

    def tell(self, line, answer=None):
        self.send(line)
        said = self.process.stdout.readline().strip()
        assert said == (answer or f"done {line}"), (line, said, self.process.poll())

    def send(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def ctl(self, *arguments, pid=None, wait="0"):
        return run_weir(["ctl", str(pid or self.pid), *arguments, "--wait", wait], env=self.env)

    def control_files(self):
        return sorted(self.runtime.glob("weir-*/*.ctl"))

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def end(self):
        self.send("end")
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err


def said(result):
    return result.stderr.decode()


@unittest.skipUnless(PROGRAM.exists(), "no CUDA toolkit: there is no simulated driver")
class Control(unittest.TestCase):
    def start(self, *lines, env=None, **options):
        session = Session(self, env, **options)
        for line in lines:
            session.tell(line)
        return session

    def test_what_is_asked_of_a_busy_program_is_done_at_once(self):
        session = self.start("enter")
        session.tell("busy", "busy")
        for argument in ("off", "on", "vmm", "strict"):
            result = session.ctl("pool", argument, wait="20")
            self.assertEqual(result.returncode, 0, said(result))
            self.assertIn(f"the pool is {argument} from now on", result.stdout.decode())
            self.assertIn(f"WEIR_CUDA_POOL is {argument}", session.ctl("stats", wait="20").stdout.decode())
        for action in (["trim"], ["trim", "8MiB"], ["compact"]):
            result = session.ctl(*action, wait="20")
            self.assertEqual(result.returncode, 0, said(result))
            self.assertRegex(result.stdout.decode(), r"given back to CUDA's driver|had nothing to give back")
        session.tell("", "done busy")
        self.assertEqual(session.end(), (0, "", ""))

    def test_an_idle_program_does_it_at_its_next_call(self):
        session = self.start("enter", "use")
        result = session.ctl("pool", "off", wait="0.2")
        self.assertEqual((result.returncode, result.stdout), (1, b""))
        self.assertIn("is asked for, will be done at its next one", said(result))
        self.assertIn("WEIR_CUDA_POOL is strict", session.ctl("stats").stdout.decode())
        session.tell("use")
        self.assertIn("WEIR_CUDA_POOL is off", session.ctl("stats").stdout.decode())

    def test_figures_are_read_without_the_programs_help(self):
        session = self.start("enter", "use", "use")
        before = session.ctl("stats").stdout.decode()
        self.assertIn(f"process {session.pid} (cuda_control): WEIR_CUDA_POOL is strict", before)
        session.tell("use")  # makes the call that the question waits for
        answered = session.ctl("stats").stdout.decode()
        rows = {line.split("  ")[1].strip(): re.split(r"\s{2,}", line.strip()) for line in answered.splitlines()[1:]}
        self.assertIn("host", rows, answered)
        self.assertIn("device 0", rows)
        self.assertEqual(len(rows["pool"]), len(rows["device 0"]))
        self.assertNotEqual(rows["host"][1], "0 B")
        self.assertRegex(answered, r"device 0: \S+ \S+ of \S+ \S+ in use by all processes")

    def test_trim_gives_back_what_is_idle(self):
        session = self.start("enter", "use")
        session.ctl("trim")
        session.tell("use")  # the last free comes after the trim
        session.tell("busy", "busy")
        result = session.ctl("trim", wait="20")
        self.assertRegex(result.stdout.decode(), r"MiB given back to CUDA's driver")

    def test_the_file_is_the_users_own_and_goes_with_the_program(self):
        session = self.start("enter", "use")
        file, = session.control_files()
        self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(file.parent.stat().st_mode), 0o700)
        self.assertEqual(file.parent.name, f"weir-{os.geteuid()}")
        self.assertTrue(file.name.startswith(f"{session.pid}-"))
        open_files = [os.readlink(fd) for fd in pathlib.Path(f"/proc/{session.pid}/fd").iterdir()]
        self.assertEqual([name for name in open_files if "weir" in name], [])
        self.assertEqual(session.end(), (0, "", ""))
        self.assertEqual(list(session.runtime.iterdir()), [])

    def test_what_a_killed_program_left_is_removed(self):
        killed, alive = self.start("enter", "use"), None
        alive = self.start("enter", "use", env={"XDG_RUNTIME_DIR": str(killed.runtime)})
        killed.process.send_signal(signal.SIGKILL)
        killed.process.wait()
        self.assertEqual(len(killed.control_files()), 2)
        self.assertIn(f"there is no process {killed.pid}", said(killed.ctl("stats")))
        left, = killed.control_files()
        self.assertTrue(left.name.startswith(f"{alive.pid}-"))

    def test_a_forked_child_is_not_its_parent(self):
        session = self.start("enter", "use")
        session.send("fork")
        child = int(session.process.stdout.readline().split()[1])
        self.assertNotIn(".ctl", pathlib.Path(f"/proc/{child}/maps").read_text())
        self.assertIn(f"process {child} has made no call of CUDA's", said(session.ctl("stats", pid=child)))
        session.tell("", "done fork")
        self.assertEqual(len(session.control_files()), 1)
        self.assertEqual(session.ctl("stats").returncode, 0)
        self.assertEqual(session.end(), (0, "", ""))

    def test_a_cloned_child_does_not_answer_for_its_parent(self):
        session = self.start("enter", "use")
        session.ctl("pool", "off")
        session.tell("clone")
        self.assertIn("WEIR_CUDA_POOL is strict", session.ctl("stats").stdout.decode())
        session.tell("use")
        self.assertIn("WEIR_CUDA_POOL is off", session.ctl("stats").stdout.decode())

    def test_several_may_ask_at_once(self):
        session = self.start("enter")
        session.tell("busy", "busy")
        actions = [["trim"], ["stats"], ["compact"], ["pool", "on"], ["pool", "strict"], ["trim", "16MiB"]] * 4
        command = [build_dir() / "bin" / "weir", "ctl", str(session.pid)]
        asking = [subprocess.Popen([*command, *action, "--wait", "60"], env=clean_environment(session.env), stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE) for action in actions]
        self.assertEqual([(process.communicate()[1], process.returncode) for process in asking], [(b"", 0)] * len(actions))
        session.tell("", "done busy")
        self.assertEqual(session.end(), (0, "", ""))

    def test_a_confined_program_cannot_be_asked_and_lives(self):
        session = self.start("enter", "use", "confine")
        self.assertEqual(session.control_files(), [])
        self.assertIn("can no longer be asked", said(session.ctl("stats")))
        session.tell("use")
        self.assertEqual(session.end(), (0, "", ""))

    def test_a_folder_that_others_can_write_in_is_passed_by(self):
        for prepare in (lambda folder: folder.mkdir(), lambda folder: folder.symlink_to("/tmp"),
                        lambda folder: folder.write_text("")):
            with self.subTest(), tempfile.TemporaryDirectory(prefix="weir-ctl-") as other, \
                    tempfile.TemporaryDirectory(prefix="weir-ctl-") as bad:
                folder = pathlib.Path(bad, f"weir-{os.geteuid()}")
                prepare(folder)
                if folder.is_dir() and not folder.is_symlink():
                    folder.chmod(0o777)
                session = self.start("enter", "use", env={"XDG_RUNTIME_DIR": bad, "TMPDIR": other})
                self.assertEqual(len(list(pathlib.Path(other).glob("weir-*/*.ctl"))), 1)
                self.assertEqual(session.ctl("stats").returncode, 0)
                session.end()

    def test_switched_off_there_is_no_file(self):
        for options in ({"CTL": "off"}, {"CUDA": "off"}):
            with self.subTest(**options):
                session = self.start("enter", "use", **options)
                self.assertEqual(list(session.runtime.iterdir()), [])
                self.assertIn("no call of CUDA's yet that Weir sees", said(session.ctl("stats")))

    def test_before_the_first_call_there_is_nothing_to_ask(self):
        session = self.start()
        self.assertIn("no call of CUDA's yet", said(session.ctl("stats")))
        self.assertEqual(list(session.runtime.iterdir()), [])

    @unittest.skipUnless(os.geteuid() == 0, "only root can become another user")
    def test_another_users_process_is_named_as_that(self):
        session = self.start("enter", "use")
        result = run_alone(["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
                            build_dir() / "bin" / "weir", "ctl", session.pid, "stats"])
        self.assertEqual((result.returncode, said(result)), (1, f"weir: process {session.pid} belongs to another user\n"))


class WithoutCuda(unittest.TestCase):
    def ctl(self, *arguments):
        return run_weir(["ctl", *map(str, arguments)])

    def test_no_such_process(self):
        self.assertEqual(said(self.ctl(2 ** 22 + 7, "stats")), f"weir: there is no process {2 ** 22 + 7}\n")

    def test_not_under_weir(self):
        sleeper = subprocess.Popen(["sleep", "60"], env=clean_environment())
        self.addCleanup(sleeper.wait)
        self.addCleanup(sleeper.kill)
        result = self.ctl(sleeper.pid, "trim")
        self.assertEqual((result.returncode, said(result)), (1, f"weir: process {sleeper.pid} does not run under Weir\n"))

    def test_wrong_words_are_named(self):
        for arguments, part in (((1, "pool", "of"), "strict, on, off, vmm"), ((1, "trim", "12K"), "12K"), ((1, "stop"), "stop"),
                                ((1, "compact", "5"), "takes nothing more"), ((0, "stats"), "pid")):
            result = self.ctl(*arguments)
            self.assertEqual((result.returncode, result.stdout), (2, b""), arguments)
            self.assertIn(part, said(result))


if __name__ == "__main__":
    unittest.main()
