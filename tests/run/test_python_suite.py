"""Python's own tests (Debian's libpython3.11-testsuite) have the same outcomes under Weir as without, with PYTHONMALLOC=malloc."""

import re
import tempfile
import unittest

from weir_test import run_alone, run_under_weir, system_python

MODULES = ["test_dict", "test_list", "test_set", "test_json", "test_gc", "test_weakref", "test_struct", "test_array",
           "test_zlib", "test_thread", "test_fork1", "test_ctypes", "test_bytes", "test_threadsignals", "test_posix"]

# Debian ships the module _testcapi but not test_capi.py: this is what that file does with the module's own tests.
CAPI_SCRIPT = """
import _testcapi
for name in dir(_testcapi):
    test = getattr(_testcapi, name)
    if name.startswith("test_") and callable(test):
        try:
            test()
            print(name, "ok")
        except TypeError as error:  # one that wants arguments
            print(name, error)
"""

# One line per test case of the verbose runner, as "test_get (test.test_dict.DictTest.test_get) ... ok". What a test prints
# itself may stand between a name and its outcome.
STARTED = re.compile(rb"^(\w+ \([\w.]+\))(?:\n.*?)?? \.\.\. ", re.MULTILINE)
SUMMARY = re.compile(rb"^(Ran \d+ tests?|OK.*|FAILED.*)", re.MULTILINE)


class PythonSuite(unittest.TestCase):
    def outcome(self, run, module, folder, **kw):
        result = run([system_python(), "-X", "faulthandler", "-m", "test", "-v", "--timeout", "240", module],
                     env={"PYTHONMALLOC": "malloc", "PYTHONHASHSEED": "0", "TMPDIR": folder, "LC_ALL": "C.UTF-8"},
                     cwd=folder, timeout=300, **kw)
        cases = sorted(set(STARTED.findall(result.stdout)))
        summary = [re.sub(rb" in [\d.]+s", b"", line) for line in SUMMARY.findall(result.stdout)]
        return (result.returncode, summary, cases), result

    def check(self, module):
        with tempfile.TemporaryDirectory(prefix="weir-python-") as folder:
            alone, _ = self.outcome(run_alone, module, folder)
            self.assertEqual(alone[0], 0, f"{module} fails without Weir")
            self.assertGreater(len(alone[2]), 3, module)
            under, result = self.outcome(run_under_weir, module, folder, weir_options={"REPORT_IF": "always"})
        tail = (result.stdout[-3000:] + result.stderr[-3000:]).decode(errors="replace")
        self.assertEqual(under, alone, f"{module}\n{tail}")
        self.assertGreater(len(result.reports), 0, module)

    def test_capi(self):
        outcomes = []
        for run in (run_alone, run_under_weir):
            result = run([system_python(), "-c", CAPI_SCRIPT], env={"PYTHONMALLOC": "malloc"}, timeout=300)
            outcomes.append((result.returncode, result.stdout, result.stderr))
        self.assertEqual(outcomes[1], outcomes[0])
        self.assertEqual(outcomes[0][0], 0)
        self.assertGreater(outcomes[0][1].count(b" ok"), 50)


def add_tests():
    for module in MODULES:
        setattr(PythonSuite, module, lambda self, module=module: self.check(module))


add_tests()

if __name__ == "__main__":
    unittest.main(verbosity=2)
