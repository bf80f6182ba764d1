"""A run of scripts/gpu-check: its steps one after another, each with its time and how it ended, within the minutes allowed."""

import json
import os
import pathlib
import time


class Skip(Exception):
    """The step cannot be done here; the message is why, in a word."""


class Failed(Exception):
    """The step was done and something is wrong."""


class Run:
    """results: what is written as JSON, after every step, so that a run that is cut short leaves what it had."""

    def __init__(self, minutes, out, results):
        self.started = time.monotonic()
        self.minutes = minutes
        self.out = pathlib.Path(out)
        self.results = results | {"minutes": minutes, "steps": []}

    def left_s(self):
        return self.minutes * 60 - (time.monotonic() - self.started)

    def say(self, text):
        print(f"[{time.monotonic() - self.started:5.0f} s] {text}", flush=True)

    def step(self, name, needs_s, do):
        """do() is run where that many seconds are left. Returns what it returns; None where it was skipped or failed."""
        begin, value = time.monotonic(), None
        try:
            if self.left_s() < needs_s:
                raise Skip(f"no time left of {self.minutes:g} minutes")
            value, outcome, why = do(), "done", None
        except Skip as reason:
            outcome, why = "skipped", str(reason)
        except Failed as reason:
            outcome, why = "failed", str(reason)
        except Exception as surprise:  # a step's own mistake must not cost the steps after it
            outcome, why = "failed", f"the script went wrong: {surprise!r}"
        seconds = time.monotonic() - begin
        self.results["steps"].append({"name": name, "outcome": outcome, "seconds": round(seconds, 2)} |
                                     ({"why": why} if why else {}))
        self.say(f"{'FAILED' if outcome == 'failed' else outcome}: {name}"
                 f"{f': {why}' if why else f' ({seconds:.1f} s)'}")
        self.save()
        return value

    def save(self):
        self.out.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.out.with_name(self.out.name + ".part")
        unfinished.write_text(json.dumps(self.results, indent=1) + "\n")
        os.replace(unfinished, self.out)

    def count(self, outcome):
        return sum(step["outcome"] == outcome for step in self.results["steps"])
