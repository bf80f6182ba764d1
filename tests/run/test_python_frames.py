"""Python frames in stacks (WEIR_PYTHON=on): the functions and lines that Python itself names, wherever native code and Python call each other."""

import os
import unittest

from python_scripts import PRELUDE, Scripts, planted, read_expected


class Forms:
    """Every form of code: its frames are those that Python itself lists."""

    def test_nested_functions(self):
        result = self.check_script("""
def inner(n):
    plant(here(n))
class Model:
    def forward(self, x):
        return [inner(v) for v in x]
def main():
    (lambda model: model.forward([200_001, 200_002]))(Model())
main()
""", 2)
        first = len(PRELUDE.splitlines()) + 1
        names = [(function, line - first) for function, _, line in planted(result.report)[200_001]
                 if not function.endswith("<listcomp>")]  # inlined from 3.12 on
        self.assertEqual(names, [("inner", 2), ("Model.forward", 5), ("main.<locals>.<lambda>", 7), ("main", 7), ("<module>", 8)])
        figures = result.report["host"]["capture"]["python"]
        self.assertTrue(figures["frames_read"])
        self.assertGreater(figures["captures"], figures["repeated"])
        self.assertEqual(figures["unmatched"], 0)

    def test_generators_comprehensions_and_class_bodies(self):
        self.check_script("""
def generate():
    yield plant(here(200_001))
    yield from (plant(here(n)) for n in (200_002,))
def delegate():
    received = yield from generate()
    return received
list(delegate())
{n: plant(here(n)) for n in (200_003,)}
{plant(here(n)) for n in (200_004,)}
class Outer:
    class Inner:
        plant(here(200_005))
        names = [plant(here(n)) for n in (200_006,)]
def with_close():
    try:
        yield
    finally:
        plant(here(200_007))
g = with_close(); next(g); g.close()
g = with_close(); next(g)
try:
    g.throw(ValueError)
except ValueError:
    plant(here(200_008))
""", 8)

    def test_async(self):
        self.check_script("""
import asyncio
async def leaf(n):
    await asyncio.sleep(0)
    plant(here(n))
async def numbers():
    for n in (200_001, 200_002):
        await asyncio.sleep(0)
        plant(here(n + 100))
        yield n
class Manager:
    async def __aenter__(self):
        plant(here(200_301))
    async def __aexit__(self, *exception):
        await leaf(200_302)
async def main():
    async with Manager():
        async for n in numbers():
            await leaf(n)
    await asyncio.gather(leaf(200_201), leaf(200_202))
asyncio.run(main())
""", 8)

    def test_decorators_descriptors_and_operators(self):
        self.check_script("""
import functools, contextlib
def decorate(function):
    plant(here(200_001))
    @functools.wraps(function)
    def wrapper(*arguments):
        return function(*arguments)
    return wrapper
@decorate
def decorated(n):
    plant(here(n))
decorated(200_002)
class Kind:
    def __init__(self): plant(here(200_003))
    @property
    def value(self): plant(here(200_004))
    def __getattr__(self, name): plant(here(200_005))
    def __add__(self, other): plant(here(200_006))
    def __iter__(self):
        plant(here(200_007))
        return iter(())
    def __bool__(self):
        plant(here(200_008))
        return True
    def __call__(self): plant(here(200_009))
    def __eq__(self, other):
        plant(here(200_010))
        return True
    def __hash__(self):
        plant(here(200_011))
        return 1
k = Kind(); k.value; k.missing; k + 1; list(k); bool(k); k(); [k == 1]; {k: 1}
@functools.lru_cache
def cached(n): plant(here(n))
cached(200_012)
@contextlib.contextmanager
def managed():
    plant(here(200_013))
    yield
    plant(here(200_014))
with managed(): plant(here(200_015))
class Meta(type):
    def __new__(meta, name, bases, space):
        plant(here(200_016))
        return super().__new__(meta, name, bases, space)
class Made(metaclass=Meta): pass
""", 16)

    def test_callbacks_through_native_code(self):
        self.check_script("""
import functools, re
def key(n):
    plant(here(n))
    return n
sorted([200_001, 200_002], key=key)
list(map(key, [200_003]))
functools.reduce(lambda a, b: key(b), [0, 200_004])
functools.partial(key, 200_005)()
re.sub("x", lambda match: str(key(200_006)), "x")
callback = CALLBACK(key)
lib.plant_through(callback, ctypes.c_size_t(200_007))
def again(n):
    lib.plant_through(callback, ctypes.c_size_t(n))
lib.plant_through(CALLBACK(again), ctypes.c_size_t(200_008))
lib.plant_below(CALLBACK(again), ctypes.c_size_t(200_009), 300)
""", 9)

    def test_deep_recursion(self):
        for calls in ("recurse(n - 1, bytes)", "max([0], key=lambda _: recurse(n - 1, bytes) or 0)"):
            with self.subTest(calls=calls):
                depth = 900 if calls.startswith("recurse") else 100
                result = self.check_script(f"""
def recurse(n, bytes):
    if n == 0:
        return plant(here(bytes))
    {calls}
recurse({depth}, 200_001)
""", 1)
                self.assertGreater(len(result.expected[200_001]), depth)

    def test_more_frames_than_are_kept(self):
        result = self.run_script("""
def recurse(n, bytes):
    if n == 0:
        return plant(here(bytes))
    recurse(n - 1, bytes)
recurse(100, 200_001)
""", STACK_DEPTH="50")
        stack = planted(result.report)[200_001]
        self.assertEqual(stack, result.expected[200_001][:50])
        frames = [result.report["frames"][i] for row in result.report["large"] if row["bytes"] == 200_001
                  for i in result.report["stacks"][row["stack"]]]
        self.assertTrue(frames[-1].get("truncated"))

    def test_same_address_other_code(self):
        # Each round's code object is likely where the one before was, under the same file name, and with lines of its own.
        self.check_script("""
for round in range(40):
    source = chr(10) * (round * 7 % 11) + f"def made{round % 3}():" + chr(10) * (1 + round % 5) + f" plant(here({200_000 + round}))"
    space = {"plant": plant, "here": here}
    exec(compile(source, "made.py", "exec"), space)
    space[f"made{round % 3}"]()
    del space, source
""", 40)

    def test_same_code_other_lines(self):
        self.check_script("""
def lines(n):
    for k in range(3):
        if k == 0:
            plant(here(n + k))
        elif k == 1:
            plant(
                here(n + k)) if False else plant(here(n + k))
        else:
            try:
                raise ValueError
            except ValueError:
                plant(here(n + k))
            finally:
                plant(here(n + 3))
for n in (200_001, 200_011):
    lines(n)
""", 8)

    def test_names_beyond_ascii(self):
        self.check_script("""
def füller(n): plant(here(n))
def 日本語(n): füller(n)
class Ϊ:
    def 𝒳y(self, n): 日本語(n)
Ϊ().𝒳y(200_001)
def renamed(n): plant(here(n))
renamed.__code__ = renamed.__code__.replace(co_qualname="a\\"b\\\\c\\n\U0001f600")
renamed(200_002)
exec(compile("plant(here(200_003))", "d\\u00e9/\\u65e5\\U0001f600.py", "exec"))
""", 3)

    def test_exceptions(self):
        self.check_script("""
def fail(n):
    plant(here(n))
    raise ValueError(n)
def clean(n):
    try:
        fail(n)
    except ValueError:
        plant(here(n + 1))
        try:
            fail(n + 2)
        except ValueError:
            pass
    finally:
        plant(here(n + 3))
clean(200_001)
import traceback
class Odd(Exception):
    def __str__(self):
        plant(here(200_010))
        return ""
str(Odd())
""", 5)

    def test_tracing(self):
        self.check_script("""
def trace(frame, event, argument):
    if event == "call" and frame.f_code.co_name == "traced":
        plant(here(200_001))
    if event == "line" and frame.f_code.co_name == "traced":
        plant(here(200_002))
    return trace
def traced():
    plant(here(200_003))
sys.settrace(trace)
traced()
sys.settrace(None)
def profile(frame, event, argument):
    if event == "return" and frame.f_code.co_name == "profiled":
        plant(here(200_004))
def profiled():
    return 1
sys.setprofile(profile)
profiled()
sys.setprofile(None)
""", 4)

    def test_finalizers_run_by_the_collector(self):
        self.check_script("""
import gc, weakref
class Dying:
    def __init__(self, n): self.n = n
    def __del__(self): plant(here(self.n))
def drop():
    d = Dying(200_001)
drop()
def cycle():
    d = Dying(200_002); d.d = d
cycle(); gc.collect()
def returned(): return Dying(200_003)
returned()
class Plain: pass
def gone(reference): plant(here(200_004))
p = Plain(); r = weakref.ref(p, gone); del p
def code_dies():
    source = compile("def f(): pass", "dying.py", "exec")
    space = {}
    exec(source, space)
    kept = weakref.ref(space["f"].__code__, lambda reference: plant(here(200_005)))
    del source, space
    gc.collect()
code_dies()
""", 5)


class Surroundings:
    """What happens around Python: threads, signals, processes, its end."""

    def test_threads(self):
        self.check_script("""
import threading
def work(n):
    for k in range(50):
        plant(here(n + k))
threads = [threading.Thread(target=work, args=(200_000 + 100 * i,)) for i in range(4)]
for t in threads: t.start()
for t in threads: t.join()
""", 200)

    def test_threads_without_the_lock(self):
        # zlib and hashlib let go of the interpreter's lock and allocate; ctypes lets go of it for each call.
        result = self.check_script("""
import hashlib, threading, zlib
data = os.urandom(300_000)
def work(n):
    for k in range(20):
        zlib.compress(data, 1)
        hashlib.sha256(data).digest()
        plant(here(n + k))
threads = [threading.Thread(target=work, args=(200_000 + 100 * i,)) for i in range(3)]
for t in threads: t.start()
work(201_000)
for t in threads: t.join()
""", 80)
        functions = [{result.report["frames"][i].get("function") for i in stack} for stack in result.report["stacks"]]
        self.assertTrue(any("work" in names for names in functions))

    def test_a_thread_that_python_does_not_know(self):
        result = self.run_script("lib.plant_in_own_thread(ctypes.c_size_t(200_001))")
        self.assertEqual(planted(result.report), {200_001: []})

    def test_signal_handlers(self):
        self.check_script("""
import signal
def handler(number, frame): plant(here(200_001))
signal.signal(signal.SIGUSR2, handler)
def interrupted(): os.kill(os.getpid(), signal.SIGUSR2); return sum(range(10))
interrupted()
""", 1)

    def test_a_handler_written_in_c_has_no_python_frames(self):
        # It may have interrupted the interpreter while it linked a frame.
        result = self.run_script("lib.plant_in_handler(ctypes.c_size_t(200_001))")
        self.assertEqual(planted(result.report), {200_001: []})

    def test_fork(self):
        result = self.run_script("""
def before(n): plant(here(n))
before(200_001)
def in_child(n):
    plant(here(n))
pid = os.fork()
if pid == 0:
    expected.clear()
    in_child(200_002); in_child(200_003)
    write_expected(os.environ["EXPECTED"] + ".child")
    sys.exit(0)
os.waitpid(pid, 0)
before(200_004)
""")
        child_expected = read_expected(self.folder / "expected.json.child")
        stacks = [planted(report) for report in result.reports]
        self.assertIn(result.expected, stacks)
        self.assertEqual(len(child_expected), 2)
        self.assertIn(child_expected, [{k: v for k, v in s.items() if k in child_expected} for s in stacks])

    def test_fork_while_threads_work(self):
        result = self.run_script("""
import threading
stop = False
def busy(n):
    while not stop:
        exec(compile("x = [1] * 1000", f"file{n}.py", "exec"), {})
threads = [threading.Thread(target=busy, args=(i,)) for i in range(3)]
for t in threads: t.start()
for i in range(30):
    pid = os.fork()
    if pid == 0:
        plant(here(200_000 + i))
        exec(compile("y = 1", "child.py", "exec"), {})
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
stop = True
for t in threads: t.join()
expected.clear()
""")
        self.assertEqual(len(result.reports), 31)

    def test_multiprocessing_spawn(self):
        result = self.run_script("""
import multiprocessing
def child(n):
    expected.clear()
    plant(here(n))
    write_expected(os.environ["EXPECTED"] + ".spawn")
if __name__ == "__main__":
    process = multiprocessing.get_context("spawn").Process(target=child, args=(200_001,))
    process.start(); process.join()
    assert process.exitcode == 0
else:
    write_expected = lambda path=None, write=write_expected: write(path) if path else None
""")
        expected = read_expected(self.folder / "expected.json.spawn")
        self.assertEqual(len(expected), 1)
        self.assertIn(expected, [planted(report) for report in result.reports])

    def test_the_end_of_the_interpreter(self):
        # When the last of them die, there is little left of Python to say where it is.
        result = self.run_script("""
import atexit
class Late:
    def __init__(self, n): self.n = n
    def __del__(self, plant=plant): plant(self.n)
late = Late(200_001); late.itself = late
simple = Late(200_002)
sys.late = Late(200_003)
atexit.register(lambda: plant(200_004))
""")
        first = len(PRELUDE.splitlines()) + 1
        dying, at_exit = [["Late.__del__", "script.py", first + 4]], [["<lambda>", "script.py", first + 8]]
        self.assertEqual(planted(result.report), {200_001: dying, 200_002: dying, 200_003: dying, 200_004: at_exit})

    def test_daemon_threads_that_outlive_the_interpreter(self):
        # They go on without the interpreter's lock while it frees their states.
        for _ in range(10):
            self.run_script("""
import threading
for i in range(4):
    threading.Thread(target=lib.churn, daemon=True).start()
import time
time.sleep(0.02)
""")

    def test_subinterpreters(self):
        result = self.run_script("""
try:
    import _xxsubinterpreters as interpreters
except ImportError:
    import _interpreters as interpreters
def outer():
    id = interpreters.create()
    interpreters.run_string(id, "x = [i for i in range(1000)]\\nclass A: pass\\nb = bytearray(200_001)\\n")
    plant(here(200_002))
    interpreters.destroy(id)
outer()
""")
        self.assertEqual(planted(result.report), result.expected)


class OfSystem(Forms, Surroundings, Scripts):
    """The distribution's interpreter, linked statically."""


def more_interpreters():
    """Those of WEIR_TEST_PYTHONS, a list separated by colons."""
    return [path for path in os.environ.get("WEIR_TEST_PYTHONS", "").split(":") if path]


class OfOthers(Forms, Surroundings, Scripts):
    """The first of WEIR_TEST_PYTHONS; further ones have classes of their own below."""

    @classmethod
    def setUpClass(cls):
        if not more_interpreters():
            raise unittest.SkipTest("WEIR_TEST_PYTHONS names no further interpreter")
        cls.interpreter = more_interpreters()[0]
        super().setUpClass()


for _number, _path in enumerate(more_interpreters()[1:], 2):
    globals()[f"OfOthers{_number}"] = type(f"OfOthers{_number}", (Forms, Surroundings, Scripts), {"interpreter": _path})


if __name__ == "__main__":
    unittest.main()
