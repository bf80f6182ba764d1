"""The program of docs/examples/ctest; TABLE says where it was built."""

import os

import pytest


@pytest.mark.parametrize("rows", [1, 10, 100, 1000])
def test_tables_are_opened_and_closed(run, rows):
    run(os.environ.get("TABLE", "./table"), str(rows))
