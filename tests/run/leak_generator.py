"""Writes C and C++ programs that leak in known places.

A program is a list of plants. Each plant allocates `count` times `bytes_each` in a function of its own, on one line, below a
chain of callers of which some are always inlined, some never and some as the compiler likes. The logical stack is the same
in each case, so that is what a report must show.
"""

import dataclasses
import random

INLINING = ["__attribute__((noinline))", "inline __attribute__((always_inline))", ""]
DEPTHS = [0, 0, 1, 2, 3, 5, 8, 20, 60]


@dataclasses.dataclass
class Plant:
    number: int
    form: str  # the allocation function
    count: int
    total_bytes: int
    line: int = 0
    thread: int = 0  # 0: main's, else the number of a thread's function
    chain: list = dataclasses.field(default_factory=list)  # (function, line), innermost first, up to the group's function

    @property
    def function(self):
        return f"leak_{self.number}"


@dataclasses.dataclass
class Program:
    source: str
    plants: list
    thread_count: int


# form: (allocation with {n} bytes, multiple of n that is asked for, blocks per call). Each ends with p set.
C_FORMS = {
    "malloc": ("p = malloc({n});", 1, 1),
    "calloc": ("p = calloc(3, {n});", 3, 1),
    "realloc": ("p = realloc(NULL, {n});", 1, 1),
    "realloc grown": ("p = realloc(malloc(7), {n} + 5000);", "grown", 1),
    "reallocarray": ("p = reallocarray(NULL, 5, {n});", 5, 1),
    "posix_memalign": ("posix_memalign(&p, 256, {n});", 1, 1),
    "aligned_alloc": ("p = aligned_alloc(64, {n} * 64);", 64, 1),
    "memalign": ("p = memalign(32, {n});", 1, 1),
    "valloc": ("p = valloc({n});", 1, 1),
    "strdup": ("p = strdup(\"a string that is kept for ever, number {n}\");", "text", 1),
}

CPP_FORMS = {
    "new": ("p = new Sized<{n}>;", 1, 1),
    "new[]": ("p = new char[{n}];", 1, 1),
    "nothrow new": ("p = new (std::nothrow) Sized<{n}>;", 1, 1),
    "nothrow new[]": ("p = new (std::nothrow) short[{n}];", 2, 1),
    "aligned new": ("p = new Wide<{n}>;", 128, 1),
    "aligned new[]": ("p = new Wide<{n}>[3];", 384, 1),
    "operator new": ("p = ::operator new({n});", 1, 1),
    "malloc": ("p = std::malloc({n});", 1, 1),
    "vector": ("p = new std::vector<int>({n});", "vector", 2),
    "unique_ptr": ("p = std::make_unique<Sized<{n}>>().release();", 1, 1),
    "string": ("p = new std::string({n} + 100, 'x');", "string", 2),
}

C_HEAD = """#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static void* volatile kept[1000];
static volatile long ticks;
"""

CPP_HEAD = """#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>
static void* volatile kept[1000];
static volatile long ticks;
template <int N> struct Sized { char bytes[N]; };
template <int N> struct alignas(64) Wide { char bytes[128 * N]; };
"""


def bytes_of_call(form, multiple, n):
    if multiple == "text":
        return len(f"a string that is kept for ever, number {n}") + 1
    if multiple == "grown":
        return n + 5000
    if multiple == "vector":
        return 24 + 4 * n  # the vector itself and its elements
    if multiple == "string":
        return 32 + n + 100 + 1  # the string itself and its text
    return multiple * n


class Writer:
    """The source so far, one element per line, so that the next line's number is known."""

    def __init__(self, head):
        self.lines = head.splitlines()

    def add(self, line):
        """Adds a line and returns its number."""
        self.lines.append(line)
        return len(self.lines)


def write_plant(writer, chance, plant, statement, decoy, cpp):
    """The allocating function and its callers; returns the outermost function's name."""
    kind = chance.choice(INLINING)
    function = plant.function
    if cpp and chance.random() < 0.3:
        writer.add(f"template <class T> static {kind} void {function}(T seed) {{")
        call = f"{function}<int>(1);"
    else:
        writer.add(f"static {kind} void {function}(int seed) {{")
        call = f"{function}(1);"
    writer.add("  void* p = NULL;")
    plant.line = writer.add(f"  {statement}")
    if decoy:
        writer.add(f"  void* volatile decoy = malloc({chance.randrange(1, 3000)}); free(decoy);")
    writer.add(f"  kept[{plant.number}] = p; ticks = ticks + seed + {plant.number};")
    writer.add("}")
    plant.chain.append((function, plant.line))

    depth = chance.choice(DEPTHS)
    if depth >= 20 and chance.random() < 0.5:
        return write_recursion(writer, plant, call, depth)
    for level in range(depth):
        name = f"level_{plant.number}_{level}"
        writer.add(f"static {chance.choice(INLINING)} void {name}(int seed) {{")
        line = writer.add(f"  {call}")
        writer.add(f"  ticks = ticks + seed + {plant.number * 100 + level};")
        writer.add("}")
        plant.chain.append((name, line))
        call = f"{name}({level + 2});"
    return call


def write_recursion(writer, plant, call, depth):
    name = f"recurse_{plant.number}"
    writer.add(f"static void {name}(int left) {{")
    writer.add("  if (left > 0)")
    inner = writer.add(f"    {name}(left - 1);")
    writer.add("  else")
    last = writer.add(f"    {call}")
    writer.add(f"  ticks = ticks + left + {plant.number};")
    writer.add("}")
    plant.chain += [(name, last)] + [(name, inner)] * depth
    return f"{name}({depth});"


def generate(seed, cpp, plant_count=24, thread_count=3):
    """A program for the seed; the same seed gives the same program."""
    chance = random.Random(f"{seed} {cpp}")
    forms = CPP_FORMS if cpp else C_FORMS
    writer = Writer(CPP_HEAD if cpp else C_HEAD)
    names = list(forms) + [chance.choice(list(forms)) for _ in range(plant_count)]
    plants, calls = [], []
    for number, form in enumerate(names[:plant_count], 1):
        template, multiple, _ = forms[form]
        n = chance.randrange(1, 3000 if chance.random() < 0.9 else 300_000)
        if "Sized" in template or "Wide" in template:
            n = chance.randrange(1, 400)
        count = chance.choice([1, 1, 2, 7, 50, chance.randrange(1, 400)])
        plant = Plant(number, form, count * forms[form][2], count * bytes_of_call(form, multiple, n),
                      thread=chance.randrange(thread_count + 1))
        call = write_plant(writer, chance, plant, template.format(n=n), chance.random() < 0.5, cpp)
        plants.append(plant)
        calls.append((call, count))
    write_groups(writer, plants, calls, thread_count, cpp)
    write_main(writer, thread_count, cpp)
    return Program("\n".join(writer.lines) + "\n", plants, thread_count)


def write_groups(writer, plants, calls, thread_count, cpp):
    for group in range(thread_count + 1):
        writer.add(f"static __attribute__((noinline)) void group_{group}(void) {{")
        for plant, (call, count) in zip(plants, calls):
            if plant.thread == group:
                line = writer.add(f"  for (int i = 0; i < {count}; ++i) {call}")
                plant.chain.append((f"group_{group}", line))
        writer.add(f"  ticks = ticks + {group};")
        writer.add("}")
        if group > 0 and not cpp:
            writer.add(f"static void* thread_{group}(void* unused) {{ group_{group}(); return unused; }}")


def write_main(writer, thread_count, cpp):
    writer.add("int main(void) {" if not cpp else "int main() {")
    for group in range(1, thread_count + 1):
        if cpp:
            writer.add(f"  std::thread thread_{group}(group_{group});")
        else:
            writer.add(f"  pthread_t id_{group}; pthread_create(&id_{group}, NULL, thread_{group}, NULL);")
    writer.add("  group_0();")
    for group in range(1, thread_count + 1):
        writer.add(f"  thread_{group}.join();" if cpp else f"  pthread_join(id_{group}, NULL);")
    writer.add('  printf("planted\\n");')
    writer.add("  return 0;")
    writer.add("}")
