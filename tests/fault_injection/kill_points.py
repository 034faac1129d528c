"""Where a run is killed."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

START, MIDDLE, END = "start", "middle", "end"
MOMENTS = (START, MIDDLE, END)


@dataclass(frozen=True)
class KillPoint:
    """One place in a run."""

    node: str
    moment: str
    """`start`: its execution is registered, nothing done; `middle`: at work; `end`: done, but not yet noted as done."""
    after_s: float = 0.0
    """How long after its start something happens to a node in the middle of its work; at its end if it was quicker."""

    def __str__(self) -> str:
        return f"{self.node} {self.moment}" + (f" after {self.after_s:.2f} s" if self.moment == MIDDLE else "")


AT_ONCE = KillPoint("", START)
"""Before anything else."""


def plan_kills(seconds: Mapping[str, float], seed: int) -> list[KillPoint]:
    """Every moment of every node, in the order in which a run comes to them.

    Args:
        seconds: by node, in the order of the run: how long its work takes when nothing disturbs it.
        seed: of the instants in the middle, which lie anywhere between a twentieth and the whole of that time.
    """
    generator = random.Random(seed)
    return [
        KillPoint(node, moment, generator.uniform(0.05, 0.95) * seconds[node] if moment == MIDDLE else 0.0)
        for node in seconds
        for moment in MOMENTS
    ]


def choose_kills(kills: Sequence[KillPoint], count: int, seed: int) -> list[KillPoint]:
    """`count` of them, no more than one for a node as far as there are nodes, in their order."""
    generator = random.Random(seed)
    by_node: dict[str, list[KillPoint]] = {}
    for kill in kills:
        by_node.setdefault(kill.node, []).append(kill)
    nodes = generator.sample(sorted(by_node), min(count, len(by_node)))
    chosen = {generator.choice(by_node[node]) for node in nodes}
    return [kill for kill in kills if kill in chosen]
