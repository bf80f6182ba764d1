"""Reports that are damaged at random: bytes changed, taken out and doubled, and what JSON has put where it does not belong. WEIR_SEED=N repeats a
run, FUZZ_ROUNDS=N makes a longer one."""

import os
import random

SEED = int(os.environ.get("WEIR_SEED") or random.randrange(1 << 32))
ROUNDS = int(os.environ.get("FUZZ_ROUNDS") or 60)
PIECES = (b"", b"0", b"-1", b"1e308", b"9" * 25, b"18446744073709551615", b"18446744073709551616", b"null", b"true", b"{}", b"[]", b"[", b'"',
          b"\x1b", b"\xff", b'"\\u001b[2J"', b"</script>")


def damage(choose, text):
    text = bytearray(text)
    for _ in range(choose.choice((1, 1, 3, 5, 20))):
        at, length = choose.randrange(len(text)), choose.randrange(40)
        text[at:at + choose.choice((0, 1, 4, length))] = choose.choice(
            (*PIECES, bytes([choose.randrange(256)]), bytes(text[at:at + length])))
    return bytes(text)


def damaged(texts, rounds=ROUNDS):
    """(what to say of a failure, text): so many of each of these."""
    choose = random.Random(SEED)
    for number, text in enumerate(texts):
        for round_ in range(rounds):
            yield f"WEIR_SEED={SEED}: text {number}, round {round_}", damage(choose, text)
