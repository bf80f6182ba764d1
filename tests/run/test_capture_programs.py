"""Every stack captured in real programs at work equals libunwind's: at least 5 million captures, 2 million of them spliced."""

import pathlib
import subprocess
import tempfile
import unittest

import weir_test
from capture_comparison import CaptureComparison

LEAST_COMPARED = 5_000_000
LEAST_SPLICED = 2_000_000

PYTHON_WORK = """
import json, re, collections
table = collections.defaultdict(list)
for i in range(20000):
    text = json.dumps({"number": i, "words": ["word%d" % (i % 17)] * (i % 5), "nested": {"a": [i, str(i)]}})
    table[i % 13].append(sorted(json.loads(text).items(), key=lambda pair: pair[0]))
    re.sub(r"(\\d+)", lambda found: "<" + found.group(1) + ">", text)
print(sum(len(entries) for entries in table.values()))
"""

PERL_WORK = """
my %table;
for my $i (1 .. 60000) { push @{$table{"key" . $i % 997}}, { number => $i, text => "text $i" x ($i % 3) }; }
my $sum = 0;
for my $key (sort keys %table) { $sum += $_->{number} for grep { $_->{text} =~ /7/ } @{$table{$key}}; }
print "$sum\\n";
"""

SQL_WORK = """
create table t(a integer primary key, b text, c integer);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 40000) insert into t select i, 'text' || i, i % 97 from n;
create index x on t(c, b);
select c, count(*), max(b), group_concat(b) from t group by c having count(*) > 5 limit 50;
"""

CXX_WORK = """
#include <map>
#include <regex>
#include <string>
#include <vector>
std::map<std::string, std::vector<int>> table;
bool matches(const std::string& text) { return std::regex_match(text, std::regex("a+b")); }
"""

BASH_WORK = "for ((i = 0; i < 6000; i++)); do a[i]=x$i; s=${a[i]//x/yy}; done; echo ${#a[@]} $s"


def compiler_proper():
    return subprocess.run(["gcc", "-print-prog-name=cc1plus"], capture_output=True, text=True, check=True).stdout.strip()


class RealProgramsEqualLibunwind(CaptureComparison):
    def test_bash(self):
        self.compare(["bash", "-c", BASH_WORK])

    def test_cc1plus(self):
        with tempfile.TemporaryDirectory() as folder:
            source = pathlib.Path(folder, "unit.cpp")
            source.write_text(CXX_WORK)
            self.compare([compiler_proper(), "-quiet", "-imultiarch", "x86_64-linux-gnu", "-D_GNU_SOURCE", "-std=c++17",
                          "-O1", str(source), "-o", "/dev/null"])

    def test_git(self):
        with tempfile.TemporaryDirectory() as folder:
            weir_test.make_git_repository(folder)
            self.compare(["git", "log", "-p", "--stat"], cwd=folder, env={"HOME": folder, "GIT_CONFIG_NOSYSTEM": "1"})

    def test_perl(self):
        self.compare(["perl", "-e", PERL_WORK])

    def test_python(self):
        self.compare([weir_test.system_python(), "-c", PYTHON_WORK], env={"PYTHONMALLOC": "malloc"})

    def test_sqlite(self):
        self.compare(["sqlite3", ":memory:"], input=SQL_WORK.encode())

    def test_torture(self):
        """Exceptions, longjmp, coroutines, signals, realigned frames, libraries closed and loaded anew, threads."""
        self.compare([weir_test.program("capture_torture"), "14"])

    def test_zz_enough(self):
        """All together; named so that it runs after them."""
        print(f"all: {self.sums}")
        self.assertGreaterEqual(self.sums["compared"], LEAST_COMPARED)
        walked_and_spliced = self.sums["compared_spliced"] - self.sums["compared_recalled"]
        self.assertGreaterEqual(walked_and_spliced, LEAST_SPLICED)


if __name__ == "__main__":
    unittest.main(verbosity=2)
