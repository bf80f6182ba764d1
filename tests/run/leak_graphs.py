"""Graphs of blocks, drawn by chance, and what becomes of each block: who can be reached from the held ones, who leads what is lost."""


def draw(chance, size):
    """(links, held): the two successors of each of `size` blocks (None: no pointer), and the blocks that the program's data holds."""
    shape = chance.choice(["sparse", "dense", "forest", "rings"])
    links = []
    for block in range(size):
        if shape == "forest":
            left, right = 2 * block + 1, 2 * block + 2
            links.append([child if child < size and chance.random() < 0.8 else None for child in (left, right)])
        elif shape == "rings":
            ring = block - block % 5
            across = chance.randrange(size) if chance.random() < 0.15 else None
            links.append([ring + (block + 1 - ring) % min(5, size - ring), across])
        else:
            often = 0.9 if shape == "dense" else 0.4
            links.append([chance.randrange(size) if chance.random() < often else None for _ in range(2)])
    held = [block for block in range(size) if chance.random() < chance.choice([0, 0.05, 0.3])]
    return links, held


def reach(links, starts, stop=()):
    """Every block that can be reached from `starts`, those included, without entering `stop`."""
    seen, todo = set(), [start for start in starts if start not in stop]
    while todo:
        block = todo.pop()
        if block in seen:
            continue
        seen.add(block)
        todo += [to for to in links[block] if to is not None and to not in stop]
    return seen


def classes(links, held):
    """(reachable, definite, indirect): how many blocks of each. A lost block leads unless a lost block that it does not reach itself
    reaches it; of those that reach each other one leads."""
    reachable = reach(links, held)
    lost = [block for block in range(len(links)) if block not in reachable]
    reached_from = {block: reach(links, [block], reachable) for block in lost}
    leaders, led = 0, set()
    for block in lost:
        if block in led:
            continue
        over = [other for other in lost if block in reached_from[other] and other not in reached_from[block]]
        if not over:
            leaders += 1
            led |= {other for other in reached_from[block] if block in reached_from[other]}
    return len(reachable), leaders, len(lost) - leaders
