"""Options as a program's user meets them: what is said of wrong ones, where, and that the program does not notice."""

import unittest

from weir_test import program, run_under_weir

LEAKY = [program("command_leaky"), "3"]


def lines(text):
    return text.decode().splitlines()


class Options(unittest.TestCase):
    def run_with(self, **options):
        result = run_under_weir(LEAKY, weir_options=options)
        self.assertEqual((result.returncode, result.stdout), (3, b"on stdout\n"))
        return result

    def test_nothing_is_said_of_right_ones(self):
        result = self.run_with(LARGE="1 mib", OVERWRITE="yes", ON_SIGNAL="TERM,INT", HOST_POOL_PREWARM="64B*10, 1KiB")
        self.assertEqual(result.stderr, b"")
        self.assertEqual(result.report["options"]["WEIR_LARGE"], {"value": "1 mib", "default": False})
        self.assertEqual(result.report["options"]["WEIR_OVERWRITE"], {"value": "on", "default": False})

    def test_a_wrong_value_costs_one_line_and_the_default_holds(self):
        for name, value in (("LARGE", "lots"), ("STACK_DEPTH", "0"), ("HOST_MIN_ALIGN", "24"), ("TRACK", "disk"),
                            ("REPORT_IF", "never"), ("HOST_POOL", "perhaps"), ("HOST_POOL_GROWTH", "100"),
                            ("CUDA_POOL", "maybe"), ("CUDA_POOL_CACHE", "120%"), ("CUDA_POOL_FRACTION", "80"),
                            ("CUDA_POOL_IDLE", "30"), ("CUDA_POOL_PREWARM", "80%:1KiB*5")):
            with self.subTest(name=name):
                result = self.run_with(**{name: value})
                self.assertEqual(len(lines(result.stderr)), 1, result.stderr)
                line = lines(result.stderr)[0]
                for part in ("weir: ", f"WEIR_{name}={value}", "expected ", "using "):
                    self.assertIn(part, line)
                self.assertTrue(result.report["options"][f"WEIR_{name}"]["default"])

    def test_an_unknown_name_is_named_with_the_nearest(self):
        result = self.run_with(REPROT_IF="leaks")
        self.assertEqual(len(lines(result.stderr)), 1, result.stderr)
        self.assertIn("WEIR_REPROT_IF", lines(result.stderr)[0])
        self.assertIn("WEIR_REPORT_IF", lines(result.stderr)[0])

    def test_quiet_silences_all_of_it(self):
        result = self.run_with(LARGE="lots", NONSENSE="1", QUIET="on", HELP="1", VERBOSE="1")
        self.assertEqual(result.stderr, b"")
        self.assertEqual(run_under_weir(LEAKY, weir_options={"REPORT": "/proc/none.json", "QUIET": "1"}).stderr, b"")

    def test_help_prints_the_table_on_stderr(self):
        result = self.run_with(HELP="1")
        for variable in result.report["options"]:
            self.assertIn(f"{variable}=".encode(), result.stderr)

    def test_verbose_says_where_the_report_is(self):
        result = self.run_with(VERBOSE="on")
        self.assertEqual(len(lines(result.stderr)), 1, result.stderr)
        self.assertIn(result.report_names[0], lines(result.stderr)[0])

    def test_off_says_and_writes_nothing(self):
        result = self.run_with(WEIR="off", LARGE="lots")
        self.assertEqual((result.stderr, result.reports), (b"", []))


if __name__ == "__main__":
    unittest.main()
