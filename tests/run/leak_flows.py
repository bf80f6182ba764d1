"""Writes C and C++ programs whose blocks take known ways: through globals, threads, containers, callbacks and the like, kept or lost.

A program is a list of plants. Plant N allocates in the function made_N, `count` blocks of `bytes` each, and hands them on by one of
FLOWS, which says what each of them is when the program ends. Callers of made_N are inlined or not, as chance has it.
"""

import dataclasses
import random
import string

import leak_graphs

INLINING = ["__attribute__((noinline)) ", "inline __attribute__((always_inline)) ", ""]


@dataclasses.dataclass(frozen=True)
class Flow:
    """A way that blocks take. In the texts $N is the plant's number, $k its count, $n its bytes, take_$N() gives a block.

    gives: what becomes of them: (class, count, bytes of each) by expressions of k and n.
    top: declarations; body: what the plant does when it is its turn. cpp: whether C++ is needed.
    place: where the body runs: main; finished, running: a thread that ends, or waits; stack: with the process ended by a call below
    (there the body ends with NEXT, the next such plant's call, or exit); exit: an exit function too, which `late` is.
    """

    name: str
    way: str
    gives: tuple
    body: str
    top: str = ""
    late: str = ""
    place: str = "main"
    cpp: bool = False


KEPT = (("reachable", "k", "n"),)
LOST = (("definite", "k", "n"),)
FREED = ()
EACH = "for (int i = 0; i < $k; ++i) "
SLOTS = "static void* volatile slots_$N[$k];"
FILL = EACH + "slots_$N[i] = take_$N();"
CLEAR = EACH + "slots_$N[i] = NULL;"
FREE = EACH + "drop_$N(slots_$N[i]);"
OWN = "void* volatile own[$k]; " + EACH + "own[i] = take_$N(); use((void*)own); "
# A list through the blocks' first words.
CHAIN = ("struct node* head = NULL; " + EACH + "{ struct node* node = (struct node*)take_$N(); node->next = head; "
         "node->other = NULL; head = node; }")
RING = ("struct node* first = (struct node*)take_$N(); struct node* last = first; first->other = NULL; "
        "for (int i = 1; i < $k; ++i) { last->next = (struct node*)take_$N(); last = last->next; last->other = NULL; } "
        "last->next = first;")
LEADER = (("definite", "1", "n"), ("indirect", "k - 1", "n"))
HEAD = "static struct node* volatile head_$N;"
CALLBACKS = "static struct { void (*run)(void*); void* volatile context; } calls_$N[$k]; static void run_$N(void* block) { use(block); }"
REGISTER = EACH + "{ calls_$N[i].run = run_$N; calls_$N[i].context = take_$N(); }"
CALL = EACH + "calls_$N[i].run(calls_$N[i].context);"
UNREGISTER = EACH + "calls_$N[i].context = NULL;"
CLOSURE = "struct closure_$N { void (*run)(void*); void* context; }; static struct closure_$N* volatile closure_$N;"
ENCLOSE = ("struct closure_$N* made = (struct closure_$N*)calloc(1, sizeof *made); void** contexts = (void**)calloc($k, sizeof(void*)); " +
           EACH + "contexts[i] = take_$N(); made->context = contexts;")
JUMP = ("static jmp_buf back_$N; static OWN_FRAME void risk_$N(void* block) { use(block); if (block != NULL) longjmp(back_$N, 1); "
        "drop_$N(block); }")


def container(kind, declare, fill, empty, none):
    """A C++ container's flows: in the heap, emptied before it goes, and destroyed at the end. none: how its elements forget.

    Where a container may be followed by others its elements forget first: a freed block keeps its bytes, and the next block in its place
    may have words that nobody writes, such as the first of a std::map unless it is made with ().
    Vectors have an odd number of words: a block that fills its place ends where the next begins, and the vector's own pointer to its end
    would hold that one (tests/programs/leak_vector_end.cpp).
    """
    top = f"static {declare}* volatile box_$N;"
    start = f"box_$N = new {declare}(); auto& box = *box_$N; {fill}"
    return [Flow("container", f"{kind} held", KEPT, start, top, cpp=True),
            Flow("container", f"{kind} emptied", LOST, f"{start} {none} {empty}", top, cpp=True),
            Flow("container", f"{kind} of a function's own", LOST, f"{declare} box; {fill} {none}", cpp=True),
            Flow("container", f"{kind} destroyed at the end", LOST, f"auto& box = global_$N; {fill}",
                 f"static {declare} global_$N;", cpp=True)]


def containers():
    number = EACH + "box[i * 37] = take_$N();"
    forget_values = "for (auto& item : box) item.second = nullptr;"
    forget = "for (auto& item : box) item = nullptr;"
    return [
        *container("vector", "std::vector<void*>", "box.assign($k | 1, nullptr); " + EACH + "box[i] = take_$N();",
                   "std::vector<void*>().swap(box);", forget),
        *container("list", "std::list<void*>", EACH + "box.push_back(take_$N());", "box.clear();", forget),
        *container("forward list", "std::forward_list<void*>", EACH + "box.push_front(take_$N());", "box.clear();", forget),
        *container("map", "std::map<int, void*>", number, "box.clear();", forget_values),
        *container("unordered map", "std::unordered_map<int, void*>", number, "box.clear();", forget_values),
        *container("map by text", "std::map<std::string, void*>",
                   EACH + 'box["a key that needs a block of its own " + std::to_string(i)] = take_$N();', "box.clear();",
                   forget_values),
    ]


FLOWS = [
    Flow("global", "held", KEPT, FILL, SLOTS),
    Flow("global", "forgotten", LOST, FILL + CLEAR, SLOTS),
    Flow("global", "freed", FREED, FILL + FREE + CLEAR, SLOTS),
    Flow("global", "overwritten", (("definite", "k - 1", "n"), ("reachable", "1", "n")), EACH + "slot_$N = take_$N();",
         "static void* volatile slot_$N;"),
    Flow("global", "never stored", LOST, EACH + "use(take_$N());"),
    Flow("global", "forgotten by an exit function", LOST, FILL, SLOTS, CLEAR, "exit"),
    Flow("global", "freed by an exit function", FREED, FILL, SLOTS, FREE, "exit"),
    Flow("static local", "held", KEPT, "static void* volatile own[$k]; " + EACH + "own[i] = take_$N();"),
    Flow("static local", "forgotten", LOST,
         "static void* volatile own[$k]; " + EACH + "own[i] = take_$N(); " + EACH + "own[i] = NULL;"),
    Flow("static local", "an object made once", KEPT,
         "static auto* all = [] { auto* made = new std::vector<void*>($k | 1); " + EACH + "(*made)[i] = take_$N(); return made; }(); "
         "use(all);", cpp=True),

    Flow("TLS", "of main", KEPT, EACH + "slots_$N[i] = take_$N();", "static __thread void* volatile slots_$N[$k];"),
    Flow("TLS", "of main, forgotten", LOST, FILL + CLEAR, "static __thread void* volatile slots_$N[$k];"),
    Flow("TLS", "of a running thread", KEPT, FILL, "static __thread void* volatile slots_$N[$k];", place="running"),
    Flow("TLS", "of a finished thread", LOST, FILL, "static __thread void* volatile slots_$N[$k];", place="finished"),

    Flow("cycle", "held", KEPT, RING + "head_$N = first;", HEAD),
    Flow("cycle", "lost", LEADER, RING + "use(first);"),
    Flow("cycle", "held and lost", LEADER, RING + "head_$N = first; use(first); head_$N = NULL;", HEAD),
    Flow("linked structure", "list held", KEPT, CHAIN + "head_$N = head;", HEAD),
    Flow("linked structure", "list lost", LEADER, CHAIN + "use(head);"),
    Flow("linked structure", "list freed", FREED,
         CHAIN + "while (head != NULL) { struct node* next = head->next; head->next = NULL; drop_$N(head); head = next; }"),
    Flow("linked structure", "list of which the first was freed", (("definite", "min(k - 1, 1)", "n"), ("indirect", "max(k - 2, 0)", "n")),
         CHAIN + "struct node* next = head->next; head->next = NULL; drop_$N(head); use(next);"),

    Flow("thread", "running holds", KEPT, OWN + "WAIT use((void*)own);", place="running"),
    Flow("thread", "finished held", LOST, OWN + "use((void*)own);", place="finished"),
    Flow("thread", "finished stored", KEPT, FILL, SLOTS, place="finished"),
    Flow("thread", "running lost", LOST, EACH + "use(take_$N());", place="running"),
    Flow("thread", "running forgot", LOST, FILL + CLEAR, SLOTS, place="running"),

    Flow("callback", "held", KEPT, REGISTER + CALL, CALLBACKS),
    Flow("callback", "forgotten", LOST, REGISTER + CALL + UNREGISTER, CALLBACKS),
    Flow("callback", "freed", FREED, REGISTER + CALL + EACH + "drop_$N(calls_$N[i].context);" + UNREGISTER, CALLBACKS),
    Flow("callback", "forgotten at the end", LOST, REGISTER, CALLBACKS, CALL + UNREGISTER, "exit"),
    Flow("callback", "closure held", KEPT, ENCLOSE + "closure_$N = made;", CLOSURE),
    Flow("callback", "closure lost", (("indirect", "k", "n"),), ENCLOSE + "use(made);", CLOSURE),

    Flow("realloc", "held", KEPT, EACH + "slots_$N[i] = grown_$N();", SLOTS),
    Flow("realloc", "lost", LOST, EACH + "use(grown_$N());"),
    Flow("realloc", "freed", FREED, EACH + "free(grown_$N());"),

    Flow("stack", "of a call that is going on", KEPT, OWN + "NEXT use((void*)own);", place="stack"),
    Flow("stack", "of a call that returned", LOST, OWN + "use((void*)own);"),
    Flow("stack", "alloca of a call that is going on", KEPT,
         "void* volatile* own = (void* volatile*)__builtin_alloca($k * sizeof(void*)); " + EACH +
         "own[i] = take_$N(); use((void*)own); NEXT use((void*)own);", place="stack"),

    Flow("exception", "longjmp over the owner", LOST, EACH + "if (setjmp(back_$N) == 0) risk_$N(take_$N());", JUMP),
    Flow("exception", "longjmp, stored before", KEPT,
         "static int i; for (i = 0; i < $k; ++i) { slots_$N[i] = take_$N(); if (setjmp(back_$N) == 0) risk_$N(slots_$N[i]); }", SLOTS + JUMP),
    Flow("exception", "thrown over the owner", LOST, EACH + "try { risk_$N(take_$N()); } catch (int) { }",
         "static OWN_FRAME void risk_$N(void* block) { use(block); if (block != nullptr) throw $N; drop_$N(block); }", cpp=True),
    Flow("exception", "thrown, with an owner", FREED, EACH + "try { risk_$N(take_$N()); } catch (const std::string&) { }",
         "struct Owner_$N { void* block; ~Owner_$N() { drop_$N(block); } }; static OWN_FRAME void risk_$N(void* block) { "
         "Owner_$N owner{block}; use(block); throw std::string(100, 'x'); }", cpp=True),
    Flow("exception", "thrown, stored before", KEPT,
         EACH + "try { slots_$N[i] = take_$N(); risk_$N(slots_$N[i]); } catch (int) { }",
         SLOTS + "static OWN_FRAME void risk_$N(void* block) { use(block); throw $N; }", cpp=True),

    Flow("library", "held by its data", KEPT, EACH + "hold_open($N % 100 * 10 + i % 10, take_$N());"),
    Flow("library", "closed since", LOST, EACH + "hold_closed($N % 100 * 10 + i % 10, take_$N());"),

    Flow("function", "captured, held", KEPT, EACH + "calls_$N[i].make() = captured_$N();",
         "static Kept<std::function<long()>> calls_$N[$k];", cpp=True),
    Flow("function", "captured, lost", (("definite", "k", "40"), ("indirect", "k", "n")),
         EACH + "{ auto* call = lost_$N(); *call = captured_$N(); use(call); }", cpp=True),
    Flow("function", "captured, destroyed", FREED, EACH + "{ auto call = captured_$N(); use(&call); }", cpp=True),
    Flow("function", "captured pointer, held", KEPT,
         EACH + "{ void* block = take_$N(); calls_$N[i].make() = [block] { return (long)(block != nullptr); }; }",
         "static Kept<std::function<long()>> calls_$N[$k];", cpp=True),
    Flow("function", "captured pointer, destroyed", LOST,
         EACH + "{ void* block = take_$N(); std::function<long()> call = [block] { return (long)(block != nullptr); }; use(&call); }",
         cpp=True),

    Flow("interior", "pointer into the block", (("possible", "k", "n"),), EACH + "slots_$N[i] = (char*)take_$N() + 1 + i * 7 % ($n - 1);",
         SLOTS),
    Flow("interior", "pointer to its last byte", (("possible", "k", "n"),), EACH + "slots_$N[i] = (char*)take_$N() + $n - 1;", SLOTS),
    Flow("interior", "pointers into the block and to its start", KEPT,
         EACH + "{ void* block = take_$N(); inside_$N[i] = (char*)block + $n / 2; slots_$N[i] = block; }",
         SLOTS + "static void* volatile inside_$N[$k];"),
    Flow("interior", "marked and masked", LOST, EACH + "bits_$N[i] = (uintptr_t)take_$N() | (uintptr_t)1 << 62;",
         "static volatile uintptr_t bits_$N[$k];"),

    Flow("mapping", "held", KEPT,
         "void** area = (void**)mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); " + EACH +
         "area[4000 + i] = take_$N();"),
    Flow("mapping", "unmapped", LOST,
         "void** area = (void**)mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); " + EACH +
         "area[4000 + i] = take_$N(); munmap(area, 65536);"),
    *containers(),
]

C_FORMS = {"malloc($n)": "free", "calloc(1, $n)": "free", "realloc(NULL, $n)": "free", "aligned_alloc(64, $n)": "free",
           "reallocarray(NULL, 1, $n)": "free"}
CPP_FORMS = C_FORMS | {"::operator new($n)": "::operator delete", "new char[$n]": "delete[] (char*)",
                       "new Sized<$n>": "delete (Sized<$n>*)", "new (std::nothrow) char[$n]": "delete[] (char*)"}


@dataclasses.dataclass
class Plant:
    number: int
    flow: Flow
    count: int
    bytes: int
    expected: dict  # {class: (count, bytes)}

    def __str__(self):
        return f"plant {self.number}: {self.flow.name}, {self.flow.way}, {self.count} x {self.bytes}"


@dataclasses.dataclass
class Program:
    source: str
    plants: list


class Writer:
    """Writes one program."""

    def __init__(self, chance, cpp):
        self.chance, self.cpp = chance, cpp
        self.lines = ['#include "leak_flows.h"', ""]
        self.plants = []
        self.turns = {"main": [], "finished": [], "running": [], "stack": [], "exit": []}

    def add(self, text):
        self.lines.append(text)

    def sizes(self, flow):
        count = self.chance.choice([1, 2, 3, 7, self.chance.randrange(1, 60)])
        if flow.name == "library":
            count = min(count, 10)  # a plant's places there
        bytes_ = self.chance.randrange(24, 3000 if self.chance.random() < 0.95 else 300_000)
        return count, bytes_

    def plant(self, flow):
        number = len(self.plants) + 1
        count, bytes_ = self.sizes(flow)
        fill = {"N": number, "k": count, "n": bytes_}
        self.write_maker(fill)
        if flow.name == "realloc":
            self.write_grown(fill)
        if "captured_" in flow.body:
            self.write_captured(fill)
        self.write_flow(flow, fill)
        expected = {}
        for kind, how_many, each in flow.gives:
            values = {"k": count, "n": bytes_, "min": min, "max": max}
            blocks = eval(how_many, values)  # noqa: S307 - texts of this file
            if blocks > 0:
                expected[kind] = (blocks, blocks * eval(each, values))  # noqa: S307
        self.plants.append(Plant(number, flow, count, bytes_, expected))

    def filled_in(self, text, fill):
        return string.Template(text).substitute(fill)

    def write_maker(self, fill):
        """made_N allocates, take_N is the outermost of its callers, drop_N frees."""
        forms = CPP_FORMS if self.cpp else C_FORMS
        form = self.chance.choice(list(forms))
        self.add(self.filled_in(f"static OWN_FRAME void* made_$N(void) {{ return filled({form}, $n); }}", fill))
        self.add(self.filled_in(f"static OWN_FRAME void drop_$N(void* block) {{ use(block); {forms[form]}(block); }}", fill))
        callee = f"made_{fill['N']}"
        for level in range(self.chance.choice([0, 0, 1, 3])):
            caller = f"via_{fill['N']}_{level}"
            self.add(f"static {self.chance.choice(INLINING)}void* {caller}(void) {{ void* block = {callee}(); use(block); return block; }}")
            callee = caller
        self.add(f"static inline void* take_{fill['N']}(void) {{ return {callee}(); }}")

    def write_grown(self, fill):
        self.add(self.filled_in("static OWN_FRAME void* made_${N}_by_realloc(void) { void* block = malloc(7); filled(block, 7); "
                                "for (int i = 8; i < $n; i += 1 + $n / 7) filled(block = realloc(block, i), i); "
                                "return filled(realloc(block, $n), $n); }", fill))
        self.add(self.filled_in("static void* grown_$N(void) { void* block = made_${N}_by_realloc(); use(block); return block; }", fill))

    def write_captured(self, fill):
        """captured_N gives a function object with its own block of n bytes, lost_N an empty one in the heap."""
        self.add(self.filled_in("static OWN_FRAME std::function<long()> made_${N}_captured() { Sized<$n> all; filled(&all, $n); "
                                "return [all] { return (long)all.bytes[$n / 2]; }; }", fill))
        self.add(self.filled_in("static OWN_FRAME std::function<long()>* made_${N}_lost() { "
                                "return new (calloc(1, 40)) std::function<long()>; }", fill))
        self.add(self.filled_in("static std::function<long()> captured_$N() { return made_${N}_captured(); }", fill))
        self.add(self.filled_in("static inline std::function<long()>* lost_$N() { return made_${N}_lost(); }", fill))

    def graph(self):
        """A graph of blocks as one plant more, written as a table of links."""
        number, size, bytes_ = len(self.plants) + 1, self.chance.randrange(2, 120), self.chance.randrange(16, 400)
        links, held = leak_graphs.draw(self.chance, size)
        fill = {"N": number, "n": bytes_, "k": size}
        self.write_maker(fill)
        table = ", ".join("{%d, %d}" % tuple(-1 if to is None else to for to in two) for two in links)
        self.add(f"static const short links_{number}[{size}][2] = {{{table}}};")
        self.add(f"static struct node* volatile held_{number}[{len(held) + 1}];")
        stores = " ".join(f"held_{number}[{place}] = nodes[{block}];" for place, block in enumerate(held))
        body = ("struct node* nodes[$k]; " + EACH + "nodes[i] = (struct node*)take_$N(); " + EACH +
                "{ nodes[i]->next = links_$N[i][0] < 0 ? NULL : nodes[links_$N[i][0]]; "
                "nodes[i]->other = links_$N[i][1] < 0 ? NULL : nodes[links_$N[i][1]]; } " + stores + " use(nodes);")
        flow = Flow("graph", f"of which {len(held)} are held", (), body)
        self.write_flow(flow, fill)
        counts = zip(("reachable", "definite", "indirect"), leak_graphs.classes(links, held))
        expected = {kind: (count, count * bytes_) for kind, count in counts if count > 0}
        self.plants.append(Plant(number, flow, size, bytes_, expected))

    def write_flow(self, flow, fill):
        if flow.top:
            self.add(self.filled_in(flow.top, fill))
        if flow.late:
            self.add(self.filled_in(f"static void late_$N(void) {{ {flow.late} }}", fill))
        body = self.filled_in(flow.body, fill)
        self.turns[flow.place].append((fill["N"], body))
        if flow.place == "exit":
            body += f" atexit(late_{fill['N']});"
        if flow.place in ("main", "exit", "finished"):
            self.add(f"static OWN_FRAME void plant_{fill['N']}(void) {{ {body} }}")

    def finish(self):
        self.write_running()
        self.write_stack()
        self.write_main()
        return Program("\n".join(self.lines) + "\n", self.plants)

    def write_running(self):
        """A thread for each plant of a running one: it ends its turn with waiting, in the plant's own frame where that says WAIT."""
        self.add("static volatile int running_count;")
        self.add("static OWN_FRAME void wait_for_ever(void) { __atomic_add_fetch(&running_count, 1, __ATOMIC_SEQ_CST); for (;;) pause(); }")
        for number, body in self.turns["running"]:
            waits = "WAIT" in body
            self.add(f"static OWN_FRAME void plant_{number}(void) {{ {body.replace('WAIT', 'scrub(); wait_for_ever();')} }}")
            end = "" if waits else " scrub(); wait_for_ever();"
            self.add(f"static void* thread_{number}(void* unused) {{ plant_{number}();{end} return unused; }}")
        for number, _ in self.turns["finished"]:
            self.add(f"static void* thread_{number}(void* unused) {{ plant_{number}(); scrub(); return unused; }}")

    def write_stack(self):
        """The plants of the stack call each other; the last ends the process."""
        next_call = "exit(0);"
        for number, body in self.turns["stack"]:
            self.add(f"static OWN_FRAME void plant_{number}(void) {{ {body.replace('NEXT', next_call)} }}")
            next_call = f"plant_{number}();"
        # Without such a plant main returns: nothing of its frame is live then.
        self.last = next_call if self.turns["stack"] else ""

    def write_main(self):
        self.add("int main(int count, char** arguments) {")
        self.add("  if (count != 3) return 2;")
        self.add("  void* open = dlopen(arguments[1], RTLD_NOW);")
        self.add("  void* closed = dlopen(arguments[2], RTLD_NOW);")
        self.add("  if (open == NULL || closed == NULL) return 3;")
        self.add('  hold_open = (void (*)(int, void*))dlsym(open, "hold_in_library");')
        self.add('  hold_closed = (void (*)(int, void*))dlsym(closed, "hold_in_library");')
        turns = [(number, place) for place in ("main", "exit", "finished", "running") for number, _ in self.turns[place]]
        self.chance.shuffle(turns)
        for number, place in turns:
            call = {"finished": f"run_thread(thread_{number}, NULL)", "running": f"start_thread(thread_{number}, NULL)"}
            self.add(f"  {call.get(place, f'plant_{number}()')};")
            self.add("  scrub();")
        self.add(f"  while (running_count != {len(self.turns['running'])}) sched_yield();")
        self.add("  dlclose(closed);")
        self.add("  scrub();")
        self.add('  if (write(1, "planted\\n", 8) != 8) return 4;')
        self.add(f"  {self.last}")
        self.add("  return 0;")
        self.add("}")


LIBRARY = "static void* volatile held[1000];\nvoid hold_in_library(int place, void* block) { held[place] = block; }\n"


def generate(seed, cpp, plant_count=24):
    """The program of a seed; the same seed gives the same program. Its arguments are two copies of LIBRARY, built."""
    chance = random.Random(f"{seed} {cpp}")
    writer = Writer(chance, cpp)
    writer.add("static void (*hold_open)(int, void*);")
    writer.add("static void (*hold_closed)(int, void*);")
    flows = [flow for flow in FLOWS if cpp or not flow.cpp]
    by_name = {}
    for flow in flows:
        by_name.setdefault(flow.name, []).append(flow)
    # Each flow once at least, where there is room, so that none is left to luck.
    names = chance.sample(list(by_name), len(by_name)) + chance.choices(list(by_name), k=plant_count)
    for name in names[:plant_count]:
        writer.plant(chance.choice(by_name[name]))
    writer.graph()
    return writer.finish()
