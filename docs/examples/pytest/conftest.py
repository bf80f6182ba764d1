"""Runs programs under Weir, and fails the session where one of them lost memory or misused the heap."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

WEIR = os.environ.get("WEIR", "weir")
REPORTS = pathlib.Path(__file__).parent / "weir"


def is_worker(config):
    """Of pytest-xdist, which runs tests in processes of their own."""
    return hasattr(config, "workerinput")


def pytest_configure(config):
    if not is_worker(config):
        shutil.rmtree(REPORTS, ignore_errors=True)


@pytest.fixture
def run(request):
    """Runs a program under Weir. Reports are named for the test and the process: parallel tests cannot make them clash."""
    REPORTS.mkdir(exist_ok=True)  # from here on there must be reports
    report = REPORTS / (re.sub(r"\W+", "_", request.node.name) + ".%e.%p.json")

    def run(*argv):
        return subprocess.run([WEIR, "run", "--no-summary", "--report", report, "--", *argv], check=True)
    return run


def pytest_sessionfinish(session):
    if is_worker(session.config) or not REPORTS.exists():
        return
    result = subprocess.run([WEIR, "check", "--junit", REPORTS.with_suffix(".xml"), REPORTS])
    if result.returncode != 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
