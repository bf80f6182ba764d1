"""How programs come to the driver's functions: by dlsym in all its forms, by linking, by weak references, through plugins and through
other preloads. Each program says facts, and must say the same without Weir, with a driver and without one."""

import pathlib
import re
import tempfile
import unittest

import weir_test

DRIVER = weir_test.simulated_driver()
HOOKED = "cuMemAlloc_v2"
NAMES = [HOOKED, "cuMemFree_v2", "cuGetProcAddress_v2", "cuInit", "cuMemAlloc_v9", "cuNone", "custom", "curl_easy_init", "cu", "c",
         "malloc_no"]
NOT_LOADED = 127  # a library that the program is linked with is not there
PLUGINS = ["plugin", "plugin_linked", "plugin_weak"]


def everywhere(handle=None):
    """The steps that ask for a few names in every way."""
    ways = ["default", "next", "self"] + ([] if handle is None else [str(handle)])
    return [f"{way} {name}" for way in ways for name in (HOOKED, "cuInit", HOOKED)]


def build(folder):
    def compile(target, *flags, source="asks"):
        weir_test.compile_c(f"look_up/{source}.c", folder / target, *flags)

    library = ["-shared", "-fPIC"]
    driver = ["-Wl,--no-as-needed", f"-L{DRIVER}", "-lcuda"]
    compile("answers.so", *library, source="answers")
    (folder / "versions.map").write_text("ANSWERS_1 { global: cuMemAlloc_v2; custom; };")
    compile("answers_versioned.so", *library, "-DVERSIONED", f"-Wl,--version-script={folder}/versions.map", source="answers")
    compile("plugin.so", *library, "-DLIBRARY")
    compile("plugin_linked.so", *library, "-DLIBRARY", "-DLINKED", *driver)
    compile("plugin_weak.so", *library, "-DLIBRARY", "-DWEAK")
    compile("plugins/plugin_by_origin.so", *library, "-DLIBRARY", "-Wl,--enable-new-dtags,-rpath,$ORIGIN/driver")
    (folder / "plugins" / "driver").mkdir()
    (folder / "plugins" / "driver" / "libcuda.so.1").symlink_to(DRIVER / "libcuda.so.1")
    compile("asks")
    compile("asks_old", "-DOLD_DLSYM")
    compile("asks_by_origin", "-Wl,--enable-new-dtags,-rpath,$ORIGIN/plugins")
    for kind, flags in (("pie", ["-fPIE", "-pie"]), ("fixed", ["-fno-pie", "-no-pie"])):
        compile(f"asks_linked_{kind}", "-DLINKED", *flags, *driver)
        compile(f"asks_weak_{kind}", "-DWEAK", *flags)
        compile(f"asks_weak_lazy_{kind}", "-DWEAK", *flags, "-Wl,-z,lazy")
        # As a program that is linked with a library of which it is not known that it brings the driver.
        compile(f"asks_weak_beside_{kind}", "-DWEAK", *flags, "-Wl,--no-as-needed,-rpath,$ORIGIN,--unresolved-symbols=ignore-all",
                folder / "plugin_linked.so")
        compile(f"asks_weak_with_{kind}", "-DWEAK", *flags, *driver)
    compile("races", source="races")
    compile("awkward", source="awkward")
    compile("begins.so", *library, "-pthread", *driver, source="begins_in_constructor")
    for name, flags in (("next", []), ("handle", ["-DBY_HANDLE"]), ("dlsym_old", ['-DOF_DLSYM="GLIBC_2.2.5"']),
                        ("dlsym_new", ['-DOF_DLSYM="GLIBC_2.34"']), ("silent", ["-DSILENT", '-DOF_DLSYM="GLIBC_2.34"'])):
        compile(f"between_{name}.so", *library, *flags, f'-DNAME="{name}"', source="stands_between")


def setUpModule():
    if DRIVER is None:
        raise unittest.SkipTest("no CUDA toolkit: there is no simulated driver")
    folder = tempfile.TemporaryDirectory(prefix="weir-look-up-")
    unittest.addModuleCleanup(folder.cleanup)
    LookUp.folder = pathlib.Path(folder.name)
    build(LookUp.folder)


class LookUp(unittest.TestCase):
    def run_both(self, steps, program="asks", driver=True, before=(), after=(), env=None, escapes=False):
        """Runs the program without and with Weir, compares what it says, and returns the run with. escapes: some calls go past Weir."""
        libraries = {"LD_LIBRARY_PATH": DRIVER if driver else self.folder / "nothing"} | (env or {})
        before, after = ([name if ".so" in name else str(self.folder / f"{name}.so") for name in names] for names in (before, after))
        argv = [self.folder / program, *(step.replace("@/", f"{self.folder}/") for step in steps)]
        alone = weir_test.run_alone(argv, env=libraries | {"LD_PRELOAD": ":".join([*before, *after])})
        under = weir_test.run_under_weir(argv, env=libraries | {"LD_PRELOAD": ":".join(after)}, preloads_before=before)
        self.assertEqual(under.stdout.decode(), alone.stdout.decode(), f"{program} {steps}\n{under.stderr.decode()}")
        self.assertEqual(under.returncode, alone.returncode)
        if under.returncode == NOT_LOADED:
            return under
        self.assertEqual(len(under.reports), 1, under.stderr)
        if not escapes:
            self.assert_each_counted_once(under)
        return under

    def compare(self, steps, **how):
        """In each situation that a driver may be in."""
        for name, options in {"no driver": {"driver": False}, "driver": {}, "bound at once": {"env": {"LD_BIND_NOW": "1"}},
                              "bound at once, no driver": {"driver": False, "env": {"LD_BIND_NOW": "1"}}}.items():
            with self.subTest(name):
                self.run_both(steps, **(how | options))

    def assert_each_counted_once(self, under):
        text = under.stdout.decode()
        given = len(re.findall(rf"\b{HOOKED}: .*gives 0 and frees 0", text)) + len(re.findall(r"^proc cuMemAlloc: .*gives 0", text, re.M))
        counted = sum(device["kinds"].get("device", {}).get("alloc_count", 0) for device in under.report["devices"])
        self.assertEqual(counted, given, text)
        functions = set(re.findall(rf"^{HOOKED} in (.*)$", under.stderr.decode(), re.M))
        self.assertNotIn("libcuda.so.1", functions, "a function of the driver's that Weir stands before was given away")


class AwkwardPlaces(LookUp):
    """Nothing hangs that does not without Weir."""

    def test_a_constructor_that_waits_for_a_thread(self):
        self.assertEqual(self.run_both(["constructor", "@/begins.so"], "awkward", escapes=True).stdout, b"used 1\n")

    def test_a_handler_that_interrupts_weir(self):
        # The simulated driver's own lock is not for handlers: one that answers at once stands in for it.
        (self.folder / "answering").mkdir()
        weir_test.compile_c("look_up/answers_at_once.c", self.folder / "answering" / "libcuda.so.1", "-shared", "-fPIC",
                            "-Wl,-soname,libcuda.so.1")
        under = self.run_both(["handler"], "awkward", env={"LD_LIBRARY_PATH": self.folder / "answering"}, escapes=True)
        self.assertEqual(under.stdout, b"handled\n")


class Program(LookUp):
    def test_asks_for_any_name_in_any_way(self):
        asked = [f"{way} {name}" for way in ("default", "next", "self") for name in NAMES]
        for program in ("asks", "asks_old"):
            self.compare(asked, program=program)
            for how in ("local", "global"):
                steps = [f"open libcuda.so.1 {how}", "context", *asked, *[f"0 {name}" for name in NAMES]]
                self.compare(steps, program=program)

    def test_names_that_are_not_the_drivers(self):
        names = ("custom", "curl_easy_init", "cuMemAlloc_v9", HOOKED)
        asked = [f"{way} {name}" for way in ("default", "next", "self", "0") for name in names]
        for how in ("local", "global"):
            self.compare([f"open @/answers.so {how}", *asked])

    def test_another_library_has_a_name_of_the_drivers(self):
        asked = [f"{way} {name}" for way in ("default", "next", "self", "0") for name in (HOOKED, "custom")]
        for how in ("local", "global"):
            for order in (["@/answers_versioned.so", "libcuda.so.1"], ["libcuda.so.1", "@/answers_versioned.so"]):
                steps = [f"open {order[0]} {how}", f"open {order[1]} {how}", *asked, f"1 {HOOKED}", "context", *asked]
                for driver in (True, False):
                    with self.subTest(how=how, order=order, driver=driver):
                        self.run_both(steps, driver=driver)

    def test_versions(self):
        asked = [f"{way} {name}" for way in ("default", "next", "self", "0", "1")
                 for name in (f"{HOOKED}@ANSWERS_1", f"{HOOKED}@ANSWERS_2", "custom@ANSWERS_1", "custom@NONE", "cuInit@NONE",
                              "cuGetProcAddress_v2@GLIBC_2.2.5", HOOKED)]
        for program in ("asks", "asks_old"):
            for how in ("local", "global"):
                self.compare([f"open libcuda.so.1 {how}", f"open @/answers_versioned.so {how}", *asked, "context", *asked], program=program)

    def test_linked_with_the_driver(self):
        for kind in ("pie", "fixed"):
            steps = ["context", f"linked {HOOKED}", f"taken {HOOKED}", "linked cuInit", *everywhere(), "open libcuda.so.1",
                     *everywhere(0), "proc cuMemAlloc", "proc cuInit", "open @/plugin_linked.so",
                     *[f"in 1 {step}" for step in everywhere()], f"in 1 linked {HOOKED}", f"in 1 taken {HOOKED}"]
            self.compare(steps, program=f"asks_linked_{kind}")

    def test_one_address_however_come_to(self):
        under = self.run_both(["context", f"linked {HOOKED}", f"taken {HOOKED}", f"default {HOOKED}", f"next {HOOKED}", f"self {HOOKED}",
                               "open libcuda.so.1", f"0 {HOOKED}", "proc cuMemAlloc"], program="asks_linked_pie")
        self.assertEqual(under.stdout.count(b"the same one, of libcuda.so.1, gives 0"), 6, under.stdout)

    def test_closes_the_driver_and_opens_it_elsewhere(self):
        def used(handle):
            return ["context", *[f"{handle} {name}" for name in (HOOKED, "cuInit", HOOKED)], f"next {HOOKED}", f"self {HOOKED}"]

        # Not by RTLD_DEFAULT: for that the loader keeps the library loaded.
        steps = ["open libcuda.so.1 global", *used(0), "elsewhere 0", "open libcuda.so.1 there", f"self {HOOKED}",
                 "open libcuda.so.1 global", *used(2), "elsewhere 2", "open libcuda.so.1 local", *used(3), "elsewhere 3", f"default {HOOKED}"]
        under = self.run_both(steps, escapes=True)
        self.assertEqual(under.stdout.count(b": gone"), 3, "the driver stayed")
        self.assert_each_counted_once(under)


class WeakReferences(LookUp):
    STEPS = ["context", f"weak {HOOKED}", f"taken {HOOKED}", "weak cuInit", "taken cuInit", *everywhere()]

    def test_of_a_program(self):
        for kind in ("pie", "fixed"):
            for how in ("", "lazy_", "beside_", "with_"):
                with self.subTest(kind=kind, how=how):
                    self.compare(self.STEPS, program=f"asks_weak_{how}{kind}")

    def test_of_a_program_that_loads_the_driver_later(self):
        for kind in ("pie", "fixed"):
            for how in ("local", "global"):
                self.compare([*self.STEPS, f"open libcuda.so.1 {how}", *self.STEPS], program=f"asks_weak_{kind}")

    def test_of_a_program_with_a_preloaded_driver(self):
        for kind in ("pie", "fixed"):
            self.run_both(self.STEPS, program=f"asks_weak_{kind}", after=["libcuda.so.1"])

    def test_of_a_library(self):
        for how in ("lazy", "now", "global"):
            steps = ["open libcuda.so.1 global", f"open @/plugin_weak.so {how}", *[f"in 1 {step}" for step in self.STEPS]]
            self.run_both(steps)
            self.run_both([f"open @/plugin_weak.so {how}", *[f"in 0 {step}" for step in self.STEPS if HOOKED not in step]])

    def test_of_a_library_that_is_opened_without_a_driver(self):
        # Its references are not null, which docs/limits.md says; a call says that there is no driver.
        under = weir_test.run_under_weir([self.folder / "asks", f"open {self.folder}/plugin_weak.so", f"in 0 weak {HOOKED}"])
        self.assertIn(b"gives 3", under.stdout)
        self.assertEqual(under.returncode, 5)

    def test_of_a_preload(self):
        for side in ("before", "after"):
            self.compare(["default do_step"] + self.STEPS, program="asks_weak_pie", **{side: ["plugin_weak"]})


class Plugins(LookUp):
    def test_ask_in_every_way(self):
        for name in PLUGINS:
            for how in ("local", "global"):
                with self.subTest(name=name, how=how):
                    asked = [f"{where}{step}" for where in ("", "in 0 ") for step in everywhere()]
                    self.compare([f"open @/{name}.so {how}", "context", *asked, "open libcuda.so.1", "context", *asked,
                                  *everywhere(0), *everywhere(1)])

    def test_bring_the_driver_for_themselves(self):
        self.compare(["open @/plugin.so", "open @/plugin_linked.so local", "context", *everywhere(),
                      *[f"in 0 {step}" for step in everywhere(1)], *[f"in 1 {step}" for step in everywhere(0)],
                      f"in 1 linked {HOOKED}", f"in 1 taken {HOOKED}", "in 1 proc cuMemAlloc"])

    def test_open_the_driver_by_their_own_path(self):
        steps = ["open plugin_by_origin.so local", "in 0 open libcuda.so.1 local", "context", *everywhere(1),
                 *[f"in 0 {step}" for step in everywhere(1)], "open libcuda.so.1 there", "close 1", "open libcuda.so.1"]
        under = self.run_both(steps, program="asks_by_origin", driver=False)
        self.assertIn(b"gives 0 and frees 0", under.stdout)
        self.run_both([step.replace("plugin_by_origin", "@/plugins/plugin_by_origin") for step in steps], driver=False)

    def test_bound_deeply(self):
        # What such a library calls goes past Weir: docs/limits.md. It works all the same.
        asked = [f"in 0 {step}" for step in (f"linked {HOOKED}", *everywhere(), f"linked {HOOKED}")]
        self.run_both(["open @/plugin_linked.so deepbind", "context", *asked, f"default {HOOKED}"], escapes=True)
        for driver in (True, False):
            self.run_both(["open @/plugin.so deepbind", "in 0 open libcuda.so.1", "context", *[f"in 0 {step}" for step in everywhere(1)]],
                          driver=driver, escapes=True)

    def test_in_a_namespace_of_their_own(self):
        for name in ("plugin", "plugin_linked"):
            asked = [f"in 0 {step}" for step in everywhere(0)]
            for driver in (True, False):
                self.run_both([f"open @/{name}.so fresh", *everywhere(), *asked], driver=driver, escapes=True)
        self.run_both(["open libcuda.so.1 fresh", f"0 {HOOKED}", "open libcuda.so.1", "context", f"0 {HOOKED}", f"1 {HOOKED}"],
                      escapes=True)


class OtherPreloads(LookUp):
    def test_count_the_same_calls(self):
        for name in ("next", "handle", "dlsym_old", "dlsym_new"):
            for side in ("before", "after"):
                for program in ("asks", "asks_linked_pie", "asks_linked_fixed"):
                    linked = [f"linked {HOOKED}"] * 3 if program != "asks" else []
                    steps = ["open libcuda.so.1", "context", *linked, *everywhere(0), "proc cuMemAlloc", "open @/plugin_linked.so local",
                             f"in 1 linked {HOOKED}", *[f"in 1 {step}" for step in everywhere(0)]]
                    with self.subTest(name=name, side=side, program=program):
                        self.run_both(steps, program=program, **{side: [f"between_{name}"]})

    def test_count_none_without_a_driver(self):
        for name in ("next", "handle", "dlsym_old", "dlsym_new"):
            for side in ("before", "after"):
                with self.subTest(name=name, side=side):
                    self.run_both(["open @/plugin.so", *everywhere(), *[f"in 0 {step}" for step in everywhere()]], driver=False,
                                  **{side: [f"between_{name}"]})

    def test_on_both_sides(self):
        steps = ["open libcuda.so.1", "context", f"linked {HOOKED}", *everywhere(0), "proc cuMemAlloc"]
        for before, after in (("next", "handle"), ("handle", "next"), ("next", "dlsym_new")):
            with self.subTest(before=before, after=after):
                self.run_both(steps, program="asks_linked_pie", before=[f"between_{before}"], after=[f"between_{after}"])


class Threads(LookUp):
    def test_look_up_while_the_driver_comes_and_goes(self):
        for preloads in ({}, {"before": ["between_silent"]}, {"after": ["between_silent"]}):
            with self.subTest(preloads=preloads):
                self.run_both(["3"], program="races", escapes=True, **preloads)


if __name__ == "__main__":
    unittest.main()
