"""Inputs for the real programs of test_real_programs.py: files of some size, the same in each run."""

import pathlib
import random
import subprocess

PYTHON_SCRIPT = r"""
import collections, json, re, sys, threading, zlib
words = [f"{i * 7919 % 10007:05d}" for i in range(20000)]
counts = collections.Counter(w[:2] for w in words)
text = json.dumps({"counts": sorted(counts.items()), "words": words[:100]}, indent=1)
tree = {}
for w in words:
    tree.setdefault(w[0], {}).setdefault(w[1], []).append(w)
squares = []
threads = [threading.Thread(target=lambda n=n: squares.append(sum(i * i for i in range(n * 1000)))) for n in range(4)]
for t in threads: t.start()
for t in threads: t.join()
print(len(text), zlib.crc32(text.encode()), sorted(squares), len(re.findall(r"\d3\d", text)))
print("to stderr", file=sys.stderr)
class Node:
    def __init__(self): self.me = self
nodes = [Node() for _ in range(1000)]
sys.exit(7)
"""

BASH_SCRIPT = r"""
declare -A seen; total=0
for i in $(seq 1 1500); do seen[$((i * i % 97))]+="$i "; total=$((total + i)); done
printf '%s\n' "${!seen[@]}" | sort -n | tail -n 3
f() { local x=$1; ((x > 0)) && f $((x - 1)); echo -n "$x,"; }
f 30; echo; (exit 5); echo "status $?"
text=$(printf 'line %d\n' {1..200} | while read -r l; do echo "${l/line/row}"; done); echo "${#text}"
cat <<< "${text:0:20}"; echo gone >&2; coproc cat; echo hello >&"${COPROC[1]}"; read -r back <&"${COPROC[0]}"; echo "$back"
exit 3
"""

PERL_SCRIPT = r"""
use strict; use warnings; my %h; my @w = map { ($_ * 7919) % 10007 } 1..30000;
$h{$_ % 101}{$_} = "v$_" x 3 for @w; my $t = join ",", map { scalar keys %{$h{$_}} } sort { $a <=> $b } keys %h;
(my $s = $t) =~ s/(\d)(\d)/$2$1/g; print length($t), " $s\n"; my @sorted = sort { $a <=> $b } @w; print "@sorted[0..9]\n";
my $r = {}; $r->{self} = $r; local $@; eval { die { code => 42 } }; print "died $@->{code}\n"; warn "a warning\n"; exit 4;
"""

SQLITE_SCRIPT = """
create table river(id integer primary key, name text, flow real);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 30000)
insert into river select i, printf('tributary %06d', (i * 7919) % 30011), i / 7.0 from n;
create index by_name on river(name);
select count(*), max(name), round(sum(flow), 3) from river where name like '%7%';
select substr(name, 1, 11) as prefix, count(*) from river group by prefix order by 2 desc, 1 limit 5;
update river set flow = flow * 2 where id % 3 = 0; delete from river where id % 5 = 0; vacuum;
select count(*), round(avg(flow), 4) from river; select * from nowhere;
"""

NODE_SCRIPT = r"""
const zlib = require('zlib'), crypto = require('crypto');
const words = Array.from({length: 50000}, (_, i) => 'w' + (i * 7919 % 10007));
const counts = new Map(); for (const w of words) counts.set(w, (counts.get(w) || 0) + 1);
const packed = zlib.deflateSync(Buffer.from(JSON.stringify([...counts].sort())));
console.log(counts.size, zlib.inflateSync(packed).length, crypto.createHash('sha256').update(words.join()).digest('hex'));
Promise.all([1, 2, 3].map(i => new Promise(r => setTimeout(() => r(i * i), i)))).then(v => {
  console.log(v); console.error('to stderr'); process.exitCode = 6; });
"""

BIG_UNIT = r"""
#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <regex>
#include <string>
#include <variant>
#include <vector>
template <int N> struct Fold { static std::map<std::string, int> make() {
  auto m = Fold<N - 1>::make(); m[std::to_string(N)] = N; return m; } };
template <> struct Fold<0> { static std::map<std::string, int> make() { return {}; } };
int main() {
  std::regex word("([a-z]+)[0-9]*"); std::vector<std::variant<int, std::string>> all; auto m = Fold<60>::make();
  for (auto& [k, v] : m) if (std::regex_match(k, word)) all.emplace_back(v); else all.emplace_back(k);
  std::sort(all.begin(), all.end()); std::cout << all.size() << '\n'; return 0; }
"""


def write_tree(folder):
    """A folder of small and middling files of every kind that the programs read, the same bytes each time."""
    chance = random.Random(20)
    folder = pathlib.Path(folder)
    for branch in range(6):
        for leaf in range(25):
            path = folder / f"branch{branch}" / f"leaf{leaf:02d}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(f"{chance.randrange(10**9)} line {i}\n" for i in range(chance.randrange(5, 400))))
    (folder / "numbers.txt").write_text("".join(f"{chance.randrange(10**9)} {i}\n" for i in range(150_000)))
    (folder / "data.json").write_text(
        '{"rows": [%s]}' % ",".join('{"id": %d, "name": "n%d", "on": %s}' % (i, i * 7919 % 1009, str(i % 3 == 0).lower())
                                    for i in range(20_000)))
    (folder / "data.xml").write_text(
        "<rows>%s</rows>" % "".join(f'<row id="{i}"><name>n{i * 7919 % 1009}</name></row>' for i in range(20_000)))
    (folder / "big.cpp").write_text(BIG_UNIT)


def write_project(folder):
    """A C++ project of a few files and a makefile."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True)
    names = [f"part{i}" for i in range(4)]
    for name in names:
        (folder / f"{name}.cpp").write_text(f"#include <string>\n#include <vector>\nint {name}(int n) {{\n"
                                            "  std::vector<std::string> v(n, std::string(40, 'x'));\n"
                                            "  return static_cast<int>(v.size());\n}\n")
    (folder / "main.cpp").write_text("#include <cstdio>\n" + "".join(f"int {n}(int);\n" for n in names) +
                                     'int main() { std::printf("%d\\n", ' + " + ".join(f"{n}(3)" for n in names) + "); }\n")
    objects = " ".join(f"{name}.o" for name in ["main", *names])
    (folder / "Makefile").write_text(f"product: {objects}\n\t@g++ -o $@ {objects}\n%.o: %.cpp\n\t@g++ -O1 -c -o $@ $<\n")


def write_repository(folder):
    """A git repository of 40 commits."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True)
    who = {"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_COMMITTER_NAME": "A",
           "GIT_COMMITTER_EMAIL": "a@example.org", "GIT_CONFIG_GLOBAL": "/dev/null", "HOME": str(folder),
           "PATH": "/usr/bin:/bin"}

    def git(*arguments, date="0"):
        dated = who | {"GIT_AUTHOR_DATE": f"{date} +0000", "GIT_COMMITTER_DATE": f"{date} +0000"}
        subprocess.run(["git", "-c", "gc.auto=0", *arguments], cwd=folder, env=dated, check=True, capture_output=True)

    git("init", "-q", "-b", "main")
    chance = random.Random(2)
    for commit in range(40):
        for _ in range(4):
            (folder / f"file{chance.randrange(25)}.txt").write_text(
                "".join(f"{chance.randrange(50)} words\n" for _ in range(300)))
        git("add", "-A")
        git("commit", "-q", "--allow-empty", "-m", f"Commit {commit}", date=str(1_700_000_000 + commit * 3600))
