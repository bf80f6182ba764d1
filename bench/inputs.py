"""What the real programs work on: files that this writes, the same bytes in every run, nothing from the network."""

import json
import pathlib
import random
import subprocess

VERSION = "8"  # of what is written here: another one is written anew

PYTHON_WORK = r"""
import ast, collections, json, re, sys
rounds = int(sys.argv[1])
class Node:
    def __init__(self, key, children): self.key, self.children = key, children
    def walk(self):
        yield self.key
        for child in self.children: yield from child.walk()
def grow(depth, key): return Node(key, [grow(depth - 1, key * 3 + i) for i in range(3)] if depth else [])
words = [f"{i * 7919 % 10007:05d}" for i in range(3000)]
line = "    return [a * x + b for x in range({0}) if x % 3] or {{'k{0}': (a, b)}}"
source = "\n".join(f"def f{i}(a, b={i}):\n" + line.format(i) for i in range(40))
total = 0
for turn in range(rounds):
    counts = collections.Counter(w[:2] for w in words)
    text = json.dumps({"counts": counts, "words": [{"w": w, "n": len(w)} for w in words]})
    total += sum(len(w["w"]) for w in json.loads(text)["words"])
    total += sum(1 for _ in ast.walk(ast.parse(source)))
    total += sum(key % 7 for key in grow(6, turn).walk())
    total += len(re.sub(r"(\d)(\d)", r"\2-\1", " ".join(words)).split("-"))
    compile(source, "work", "exec")
print(total)
"""

PERL_WORK = r"""
my $rounds = shift; my $total = 0;
for my $turn (1 .. $rounds) {
  my @words = map { sprintf "%05d", $_ * 7919 % 10007 } 1 .. 5000; my (%by, @lines);
  $by{substr $_, 0, 2}{$_} = [$_, "v$_" x 3] for @words;
  for my $key (sort keys %by) { push @lines, join ",", map { "$_=$by{$key}{$_}[1]" } sort keys %{$by{$key}} }
  my $text = join "\n", @lines; (my $other = $text) =~ s/(\d)(\d)/$2$1/g; $total += length $other;
  $total += scalar(split /[,=]/, $_) for @lines;
  my $tree = {}; for my $word (@words) { my $at = $tree; $at = $at->{$_} //= {} for split //, $word }
  $total += keys %$tree;
}
print "$total\n";
"""

TORCH_WORK = r"""
import sys, torch
rounds = int(sys.argv[1])
torch.manual_seed(1); torch.set_num_threads(1)
layers = torch.nn
model = layers.Sequential(layers.Linear(32, 64), layers.ReLU(), layers.Linear(64, 64), layers.Tanh(),
                          layers.Linear(64, 4))
optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
data, wanted = torch.randn(64, 32), torch.randint(0, 4, (64,))
for _ in range(rounds):
    optimiser.zero_grad()
    loss = layers.functional.cross_entropy(model(data), wanted)
    loss.backward()
    optimiser.step()
print(round(loss.item(), 3))
"""

JQ_FILTER = ("[.rows[] | select(.on) | {id, name, tags: (.tags | map(ascii_upcase)), sum: (.values | add)}]"
             " | group_by(.name) | map({name: .[0].name, count: length, total: (map(.sum) | add),"
             " tags: (map(.tags[]) | unique | join(\"-\"))}) | sort_by(.total) | length")


def sqlite_work(rows):
    return f"""
create table river(id integer primary key, name text, flow real);
create table gauge(id integer primary key, river integer, level real, note text);
with recursive n(i) as (select 1 union all select i + 1 from n where i < {rows})
insert into river select i, printf('tributary %06d', (i * 7919) % 30011), i / 7.0 from n;
insert into gauge select id * 2, (id * 31) % {rows}, flow / 3, 'level of ' || name || ' at ' || id from river;
create index by_name on river(name); create index by_river on gauge(river);
select count(*), max(name), round(sum(flow), 3) from river where name like '%7%';
select substr(name, 1, 11) as prefix, count(*), group_concat(id % 10, '') from river
  group by prefix order by 2 desc, 1 limit 5;
select count(*), round(avg(level), 4) from river join gauge on gauge.river = river.id
  where replace(note, 'level', 'mark') > 'mark of t';
select count(distinct json_extract(json_object('n', name, 'f', flow), '$.n')) from river;
select length(group_concat(upper(trim(note)) || printf('%08.3f', level))) from gauge;
update river set flow = flow * 2, name = name || '!' where id % 3 = 0; delete from river where id % 5 = 0; vacuum;
select count(*), round(avg(flow), 4) from river;
"""


MANY_HEADERS = """algorithm chrono complex deque filesystem fstream functional future iomanip iostream list locale map
memory numeric optional random regex set sstream string thread tuple unordered_map unordered_set variant vector"""
FEW_HEADERS = "algorithm map string vector"

FOLD = """
template <int N> struct Fold {
  static std::map<std::string, int> make() { auto m = Fold<N - 1>::make(); m[std::to_string(N)] = N; return m; }
};
template <> struct Fold<0> { static std::map<std::string, int> make() { return {}; } };
int fold() { return static_cast<int>(Fold<@>::make().size()); }
"""

PART = """
struct Part@ {
  int id; std::string name; std::vector<double> levels;
  bool operator<(const Part@& o) const { return id < o.id; }
};
int use@(std::vector<Part@> v) {
  std::sort(v.begin(), v.end());
  std::map<std::string, Part@> m;
  for (auto& p : v) m.emplace(p.name + "@", p);
  std::vector<Part@> w(v);
  w.insert(w.begin(), v.begin(), v.end());
  std::stable_sort(w.begin(), w.end(), [](auto& a, auto& b) { return a.name < b.name; });
  int sum = static_cast<int>(w.size());
  for (auto& [k, p] : m) sum += p.id + static_cast<int>(k.size() + p.levels.size());
  return sum;
}
"""

MATCH = """
bool match(const std::string& s) { return std::regex_match(s, std::regex("([a-z]+)[0-9]*")); }
"""


def unit(parts, headers, end=""):
    """A C++ unit: these headers of the standard library, and its templates instantiated for `parts` classes."""
    return ("".join(f"#include <{name}>\n" for name in headers.split()) + FOLD.replace("@", str(parts * 3)) +
            "".join(PART.replace("@", str(i)) for i in range(parts)) + end)


def write_json(path, rows):
    chance = random.Random(5)
    path.write_text(json.dumps({"rows": [
        {"id": i, "name": f"n{i * 7919 % 1009}", "on": i % 3 != 0, "values": [chance.random() for _ in range(6)],
         "tags": [f"tag{chance.randrange(40)}" for _ in range(4)]} for i in range(rows)]}))


def write_xml(path, rows):
    path.write_text("<rows>%s</rows>" % "".join(
        f'<row id="{i}" kind="k{i % 7}"><name>n{i * 7919 % 1009}</name><place x="{i % 97}" y="{i % 89}"/>'
        f'<note>text {i} &amp; more</note></row>'
        for i in range(rows)))


def write_repository(folder, commits):
    """A repository of files that change a little in each commit, through git fast-import."""
    chance = random.Random(2)
    files = {f"src/part{i % 9}/file{i}.txt": [f"{chance.randrange(1000)} words in line {n}" for n in range(250)]
             for i in range(60)}
    names = sorted(files)
    stream = []
    for commit in range(commits):
        message = f"Commit {commit}"
        stream.append(f"commit refs/heads/main\ncommitter A <a@example.org> {1_700_000_000 + commit * 3600} +0000\n"
                      f"data {len(message)}\n{message}\n")
        for name in names if commit == 0 else chance.sample(names, 4):
            lines = files[name]
            for _ in range(12):
                lines[chance.randrange(len(lines))] = f"{chance.randrange(1000)} words again {commit}"
            text = "\n".join(lines) + "\n"
            stream.append(f"M 100644 inline {name}\ndata {len(text)}\n{text}\n")
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", folder], check=True)
    subprocess.run(["git", "-C", folder, "fast-import", "--quiet"], input="".join(stream).encode(), check=True)


def write_certificates(folder):
    """A certificate authority and a certificate that it signed."""
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl("req", "-x509", *key, "-days", "36500", "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem")
    openssl("req", *key, "-subj", "/CN=leaf", "-keyout", "leaf.key", "-out", "leaf.csr")
    openssl("x509", "-req", "-in", "leaf.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "36500",
            "-out", "leaf.pem")


def write_all(folder):
    """Writes what is not there yet; the folder's name may be used as long as VERSION stays."""
    folder = pathlib.Path(folder)
    mark = folder / "version"
    if mark.exists() and mark.read_text() == VERSION:
        return
    subprocess.run(["rm", "-rf", folder], check=True)
    folder.mkdir(parents=True)
    for size, rows in (("long", 50_000), ("short", 1_500)):
        write_json(folder / f"{size}.json", rows)
    for size, rows in (("long", 14_000), ("short", 350)):
        write_xml(folder / f"{size}.xml", rows)
    for size, rows in (("long", 300_000), ("short", 10_000)):
        (folder / f"{size}.sql").write_text(sqlite_work(rows))
    (folder / "long.cpp").write_text(unit(6, MANY_HEADERS, MATCH))
    (folder / "short.cpp").write_text(unit(2, FEW_HEADERS))
    for size, commits in (("long", 3400), ("short", 150)):
        write_repository(folder / f"{size}.git", commits)
    (folder / "work.py").write_text(PYTHON_WORK)
    (folder / "work.pl").write_text(PERL_WORK)
    (folder / "torch_work.py").write_text(TORCH_WORK)
    write_certificates(folder)
    mark.write_text(VERSION)
