"""Writes C++ programs that misuse the heap in known places, and their correct twins.

A program is a list of faults. Each allocates a block in a function of its own, may free it in another, and misuses it in a third, on
one line below a chain of callers of which some are always inlined, some never and some as the compiler likes. Compiled with
-DTWIN that line does what is right. The argument of the program says which faults it runs: `calls`, or `writes`, which change memory
that is not theirs and are found under WEIR_GUARD alone.
"""

import dataclasses
import random

from leak_generator import INLINING, Writer

VARIANTS = 20
SIZES = [1, 2, 7, 16, 24, 33, 100, 256, 1000, 1024, 1025, 4096, 10_000, 65_536, 131_072, 131_073, 1_000_000, 20 << 20, 33 << 20,
         100_000_000]
ALIGNMENTS = [32, 64, 128, 256, 1024, 4096]


@dataclasses.dataclass
class Fault:
    number: int
    kind: str  # as the report names it
    family: str  # of the allocation; empty: the pointer is no block's
    bytes: int
    form: str  # for messages
    writes: bool = False
    make_line: int = 0
    free_line: int = 0  # 0: it is not freed before
    line: int = 0
    other_thread: str = ""  # what another thread than main's does: make, free, wrong, or nothing
    chain: list = dataclasses.field(default_factory=list)  # (function, line), innermost first


@dataclasses.dataclass
class Program:
    source: str
    faults: list


HEAD = """#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <new>
#include <thread>
static volatile long ticks;
static char statics[4096];
static thread_local char thread_locals[4096];
// What the compiler knows of a pointer ends here.
static inline __attribute__((always_inline)) void* hide(void* p) { __asm__ volatile("" : "+r"(p) : : "memory"); return p; }
template <int N> struct Bytes { char bytes[N]; };
template <int N> struct Base { char bytes[N]; };
template <int N> struct Derived : Base<N> { char more[N + 1]; };
using Align = std::align_val_t;
"""

# family: how it is allocated with {n} bytes at {a}, and freed.
MALLOC = {
    "malloc": "malloc({n})",
    "calloc": "calloc(1, {n})",
    "realloc": "realloc(NULL, {n})",
    "realloc grown": "realloc(malloc({n} / 2 + 1), {n})",
    "realloc shrunk": "realloc(malloc({n} + 40), {n})",
    "aligned_alloc": "aligned_alloc({a}, {n})",
    "memalign": "memalign({a}, {n})",
}
NEW = {"new": "operator new({n})", "nothrow new": "operator new({n}, std::nothrow)", "new expression": "new Bytes<{n}>"}
ARRAY = {"new[]": "operator new[]({n})", "nothrow new[]": "operator new[]({n}, std::nothrow)", "new[] expression": "new char[{n}]"}
ALIGNED_NEW = {"aligned new": "operator new({n}, Align({a}))", "aligned nothrow new": "operator new({n}, Align({a}), std::nothrow)"}
ALIGNED_ARRAY = {"aligned new[]": "operator new[]({n}, Align({a}))"}
FAMILIES = {"malloc": MALLOC, "new": NEW, "new[]": ARRAY, "aligned new": ALIGNED_NEW, "aligned new[]": ALIGNED_ARRAY}
FREE = {"malloc": "free({p})", "new": "operator delete({p})", "new[]": "operator delete[]({p})",
        "aligned new": "operator delete({p}, Align({a}))", "aligned new[]": "operator delete[]({p}, Align({a}))"}
SIZED = {"new": "operator delete({p}, size_t({n}))", "new[]": "operator delete[]({p}, size_t({n}))",
         "aligned new": "operator delete({p}, size_t({n}), Align({a}))"}
NO_BLOCKS = {
    "stack": "char local[64] = {{1}}; char* bad = (char*)hide(local) + {offset};",
    "static": "char* bad = (char*)hide(statics) + {offset};",
    "thread-local": "char* bad = (char*)hide(thread_locals + 2048) + {offset};",
    "literal": "char* bad = (char*)hide((void*)\"some text that nobody may free, {n}\") + {offset} % 8;",
    "function": "char* bad = (char*)hide((void*)&printf) + {offset};",
    "mapping": "char* bad = (char*)mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) + {offset};",
    "wild": "char* bad = (char*)hide((void*)0x{n}000) + {offset};",
    "kernel": "char* bad = (char*)hide((void*)0xffff800000000000) + {offset};",
}


def family_of(name):
    return name.removeprefix("aligned ")


class Maker:
    """The faults of one seed."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.writer = Writer(HEAD)
        self.faults = []
        self.ticks = 0

    def program(self):
        for kind in ("double_free", "realloc_freed", "foreign_free", "interior_free", "mismatched_free", "wrong_size",
                     "wrong_alignment", "use_after_free"):
            for variant in range(VARIANTS):
                getattr(self, kind)(SIZES[variant % len(SIZES)])
        for kind in ("overflow", "late_write"):
            for variant in range(VARIANTS):
                getattr(self, kind)(SIZES[variant % len(SIZES)])
        self.write_main()
        return Program("\n".join(self.writer.lines) + "\n", self.faults)

    # ---- The kinds ----

    def some_family(self, *families):
        family = self.chance.choice(families or list(FAMILIES))
        return family, self.chance.choice(list(FAMILIES[family]))

    def double_free(self, n):
        family, form = self.some_family()
        self.add("double_free", family, form, n, wrong=FREE[family], right="(void)0", freed=True)

    def realloc_freed(self, n):
        family, form = self.some_family("malloc")
        self.add("realloc_freed", family, form, n, wrong="realloc({p}, {n} + 13)", right="(void)0", freed=True)

    def use_after_free(self, n):
        family, form = self.some_family("malloc")
        self.add("use_after_free", family, form, n, wrong="malloc_usable_size({p})", right="(void)0", freed=True)

    def foreign_free(self, n):
        form = self.chance.choice(list(NO_BLOCKS))
        fault = self.new_fault("foreign_free", "", form, n)
        offset = self.chance.choice([0, 16, 32, 8, 1])
        call = self.chance.choice(["free({p})", "operator delete({p})", "operator delete[]({p})", "realloc({p}, 100)"])
        setup = NO_BLOCKS[form].format(offset=offset, n=self.chance.randrange(1, 9))
        self.write_wrong(fault, setup, call.format(p="bad"), "(void)bad", "", "")

    def interior_free(self, n):
        n = max(n, 2)
        family, form = self.some_family()
        offset = self.chance.choice([1, n - 1, n // 2] + ([8, 16] if n > 16 else []))
        call = FREE[self.chance.choice(["malloc", family])].replace("{p}", f"(char*){{p}} + {offset}")
        self.add("interior_free", family, form, n, wrong=call, right="(void)0", then=FREE[family])

    def mismatched_free(self, n):
        family, form = self.some_family()
        calls = [FREE[other] for other in FREE if other != family]
        if family == "aligned new[]":
            calls.append(FREE["new[]"])
        if family != "malloc":
            calls.append("free(realloc({p}, {n} + 1))")
        self.add("mismatched_free", family, form, n, wrong=self.chance.choice(calls), right=FREE[family])

    def wrong_size(self, n):
        family, form = self.some_family("new", "new[]", "aligned new")
        wrong = SIZED[family].replace("{n}", self.chance.choice(["{n} + 1", "{n} - 1", "{n} * 2", "0", "{n} + 0x100000000"]))
        right = SIZED[family]
        if family == "new" and self.chance.random() < 0.4:  # through a base class without a virtual destructor
            n = max(n // 2, 1)
            form, wrong, right = "derived class", "delete (Base<{n}>*){p}", "delete (Derived<{n}>*){p}"
            self.add("wrong_size", family, form, n, wrong=wrong, right=right, make="new Derived<{n}>", bytes_=2 * n + 1)
        else:
            self.add("wrong_size", family, form, n, wrong=wrong, right=right)

    def wrong_alignment(self, n):
        family, form = self.some_family("aligned new", "aligned new[]")
        wrong = FREE[family].replace("{a}", self.chance.choice(["{a} * 2", "{a} * 8"]))
        self.add("wrong_alignment", family, form, n, wrong=wrong, right=FREE[family])

    def overflow(self, n):
        family, form = self.some_family()
        at = self.chance.choice([f"{n}", f"{n} + 7", "-1", "-8", f"{n} + 15"])
        is_freed = self.chance.random() < 0.6
        self.add("overflow", family, form, n, wrong=f"((volatile char*){{p}})[{at}] = 0", right="((volatile char*){p})[0] = 0",
                 then=FREE[family] if is_freed else "", writes=True)

    def late_write(self, n):
        family, form = self.some_family()
        at = self.chance.choice(["0", f"{n - 1}", f"{n // 2}"])
        self.add("use_after_free", family, form, n, wrong=f"((volatile char*){{p}})[{at}] = 0", right="(void)0", freed=True,
                 writes=True)

    # ---- Writing them ----

    def next_tick(self):
        """Another number each time: the compiler would make one of functions that are alike."""
        self.ticks += 1
        return self.ticks

    def new_fault(self, kind, family, form, n, writes=False):
        fault = Fault(len(self.faults) + 1, kind, family_of(family), n, form, writes)
        self.faults.append(fault)
        return fault

    def add(self, kind, family, form, n, wrong, right, freed=False, then="", make=None, bytes_=None, writes=False):
        fault = self.new_fault(kind, family, form, bytes_ or n, writes)
        alignment = self.chance.choice(ALIGNMENTS)
        fault.form += f" of {n} at {alignment}" if "{a}" in FAMILIES[family].get(form, "") else f" of {n}"

        def text(template, p="p"):
            return template.format(p=p, n=n, a=alignment)

        number, inlining = fault.number, self.chance.choice(INLINING)
        self.writer.add(f"static {inlining} void* make_{number}() {{")
        fault.make_line = self.writer.add(f"  void* p = {text(make or FAMILIES[family][form])};")
        self.writer.add(f"  ticks = ticks + {self.next_tick()}; return hide(p); }}")
        if freed:
            self.writer.add(f"static {self.chance.choice(INLINING)} void free_{number}(void* p) {{")
            fault.free_line = self.writer.add(f"  {text(FREE[family])};")
            self.writer.add(f"  ticks = ticks + {self.next_tick()}; }}")
        self.write_wrong(fault, "", text(wrong), text(right), self.before(fault, freed), text(then))

    def before(self, fault, freed):
        """Makes the block, and frees it, in this thread or in another."""
        fault.other_thread = self.chance.choice(["", "", "make", "free" if freed else ""])
        make, free = f"p = make_{fault.number}();", f"free_{fault.number}(p);" if freed else ""
        if fault.other_thread == "make":
            make = f"std::thread([&] {{ {make} }}).join();"
        if fault.other_thread == "free":
            free = f"std::thread([&] {{ {free} }}).join();"
        return f"void* p = NULL; {make} {free}"

    def write_wrong(self, fault, setup, wrong, right, before, then):
        """The function with the fault, its callers, and fault_N(), which runs it all."""
        number = fault.number
        self.writer.add(f"static {self.chance.choice(INLINING)} void wrong_{number}(void* p) {{")
        if setup:
            self.writer.add(f"  {setup}")
        self.writer.add("#ifdef TWIN")
        self.writer.add(f"  {right};")
        self.writer.add("#else")
        fault.line = self.writer.add(f"  {wrong};")
        self.writer.add("#endif")
        self.writer.add(f"  ticks = ticks + {self.next_tick()}; }}")
        fault.chain.append((f"wrong_{number}", fault.line))
        call = f"wrong_{number}(p);"
        for level in range(self.chance.choice([0, 0, 1, 2, 5])):
            name = f"level_{number}_{level}"
            self.writer.add(f"static {self.chance.choice(INLINING)} void {name}(void* p) {{")
            line = self.writer.add(f"  {call}")
            self.writer.add(f"  ticks = ticks + {self.next_tick()}; }}")
            fault.chain.append((name, line))
            call = f"{name}(p);"
        # Not of a freed block: making the thread takes memory, which may be that block's.
        in_thread = self.chance.random() < 0.2 and not fault.other_thread and not fault.free_line
        fault.other_thread = "wrong" if in_thread else fault.other_thread
        call = f"std::thread([&] {{ {call} ticks = ticks + 1; }}).join();" if in_thread else call
        self.writer.add(f"static __attribute__((noinline)) void fault_{number}() {{")
        self.writer.add(f"  {before or 'void* p = NULL;'} p = hide(p);")
        self.writer.add(f"  {call}")
        self.writer.add(f"  {then}; ticks = ticks + 1; }}")

    def write_main(self):
        self.writer.add("int main(int argc, char** argv) {")
        self.writer.add("  const bool writes = argc > 1 && strcmp(argv[1], \"writes\") == 0;")
        for fault in self.faults:
            self.writer.add(f"  if (writes == {'true' if fault.writes else 'false'}) fault_{fault.number}();")
        self.writer.add("  puts(\"done\");")
        self.writer.add("  return 0; }")


def generate(seed):
    return Maker(seed).program()
