"""How far a prompt is: nodes that are done, and the steps of the one that runs, over all nodes."""

from dataclasses import dataclass

from komadori.backends.comfy.messages import (
    Message,
    NodeDone,
    NodesCached,
    NodesMoved,
    NodeStarted,
    NodeStepped,
)
from komadori.backends.comfy.prompts import Graph, node_title


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the whole graph is (0 to 1), and which node runs; `steps` is 0 when it has none."""

    fraction: float
    nodes_done: int
    nodes: int
    title: str
    step: int = 0
    steps: int = 0


class GraphProgress:
    """Adds up what is heard of one prompt. It never goes back."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._done: set[str] = set()
        self._current = ""
        self._step = (0.0, 0.0)
        self._furthest = 0.0

    def after(self, message: Message) -> Progress | None:
        """Return where the prompt is after this message; None: it told nothing about that."""
        match message:
            case NodesCached():
                self._done.update(message.nodes)
            case NodeStarted(node_id=str(node_id)):
                self._begin(node_id)
            case NodeStepped():
                self._begin(message.node_id)
                self._step = (message.value, message.maximum)
            case NodeDone():
                self._done.add(message.node_id)
            case NodesMoved():
                self._move(message)
            case _:
                return None
        return self._now()

    def _begin(self, node_id: str) -> None:
        if node_id != self._current:
            self._done.add(self._current)
            self._current, self._step = node_id, (0.0, 0.0)

    def _move(self, message: NodesMoved) -> None:
        for node in message.nodes:
            if node.state == "finished":
                self._done.add(node.node_id)
            elif node.state == "running":
                self._current, self._step = node.node_id, (node.value, node.maximum)

    def _now(self) -> Progress:
        done = len(self._done & self._graph.keys())
        value, maximum = self._step
        is_counted = self._current in self._graph and self._current not in self._done
        part = min(value / maximum, 1.0) if maximum > 0 and is_counted else 0.0
        self._furthest = max(self._furthest, (done + part) / max(len(self._graph), 1))
        return Progress(
            fraction=min(self._furthest, 1.0),
            nodes_done=done,
            nodes=len(self._graph),
            title=node_title(self._graph, self._current),
            step=round(value) if maximum > 1 else 0,
            steps=round(maximum) if maximum > 1 else 0,
        )
