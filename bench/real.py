"""The real programs under every tool, interleaved: each round runs each program once under each tool, by turns. After the rounds of
all tools come as many of those that a bound is about: on a shared machine a median of few rounds moves by more than what is bounded."""

import measuring


def measure(bench, tools, programs, rounds, slow_rounds, say):
    """{program: {tool: {"rounds": [figures of a run, ...]} or {"failed": why}}}."""
    results = {program.name: {tool.name: {"rounds": []} for tool in tools} for program in programs}
    bounded = [tool for tool in tools if tool.bounded]
    for round_ in range(2 * rounds):
        taking_turns = tools if round_ < rounds else bounded
        for program in programs:
            for turn in range(len(taking_turns)):
                tool = taking_turns[(turn + round_) % len(taking_turns)]
                one = results[program.name][tool.name]
                if "failed" in one or (tool.slow and round_ >= slow_rounds):
                    continue
                try:
                    one["rounds"].append(measuring.run_program(bench, tool, program))
                except Exception as error:  # whatever went wrong belongs to this tool and program, and is shown
                    results[program.name][tool.name] = {"failed": f"{type(error).__name__}: {error}"[:300]}
                    say(f"{program.name} under {tool.name} failed: {error}")
        say(f"real programs: round {round_ + 1} of {2 * rounds} done")
    return results
