"""The network while it learns (torch): pooled rows of one table, a scan of the words at both ends and one head of
attention over it, a small head, and a second one that imitates the teacher's sentence vectors. Once trained,
`arrays_of` gives what ships."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from gateway.classify.model import MOST_SCORE, POOLS, REACH, SCAN_HEAD, SCAN_TAIL, SHAPES, Placed, pools_of, scanned_at

Array = np.ndarray[Any, Any]
_STEPS = 20
"""The table is rounded to so many steps either way: what a byte holds beyond that makes the packed table
half as large again, and no verdict better."""


class Example(NamedTuple):
    """A placed text, and its shape features."""

    placed: Placed
    shape: tuple[float, ...]


class Batch(NamedTuple):
    """`rows` and `weights` are texts x rows; `pools` texts x pools x rows; `scanned` the places of the scanned words
    (-1: none). `grams` are rows that add their share to the word at `owners` (in all texts, flat)."""

    rows: Tensor
    weights: Tensor
    pools: Tensor
    scanned: Tensor
    grams: Tensor
    shares: Tensor
    owners: Tensor
    shape: Tensor


def collate(examples: list[Example]) -> Batch:
    """Pads examples to the longest."""
    longest = max(len(placed.reading.rows) for placed, _ in examples)
    count = len(examples)
    rows = np.zeros((count, longest), np.int64)
    weights = np.zeros((count, longest), np.float32)
    pools = np.zeros((count, POOLS, longest), np.float32)
    places = [scanned_at(placed.reading) for placed, _ in examples]
    scanned = np.full((count, max(map(len, places))), -1, np.int64)
    grams, shares, owners = [np.zeros(0, np.int64)], [np.zeros(0, np.float32)], [np.zeros(0, np.int64)]
    for line, (placed, _) in enumerate(examples):
        reading = placed.reading
        size = len(reading.rows)
        rows[line, :size] = reading.rows
        weights[line, :size] = 1.0
        weights[line, : reading.words_at - reading.edge] = placed.trust
        for pool, (low, high) in enumerate(pools_of(reading)):
            pools[line, pool, low:high] = 1.0
        scanned[line, : len(places[line])] = places[line]
        spelled = reading.spelled
        if spelled is not None:
            sizes = np.array(spelled.sizes)
            grams.append(spelled.grams.astype(np.int64))
            shares.append((1.0 / sizes).astype(np.float32).repeat(sizes))
            owners.append((np.array(spelled.places) + line * longest).repeat(sizes))
    shape = np.array([features for _, features in examples], np.float32)
    return Batch(
        *map(torch.from_numpy, (rows, weights, pools, scanned)),
        *(torch.from_numpy(np.concatenate(parts)) for parts in (grams, shares, owners)),
        torch.from_numpy(shape),
    )


class Net(nn.Module):
    """`start` (rows x width) is where the table begins; what is learned on top of it is held small by weight decay."""

    start: Tensor

    def __init__(self, start: Array, hidden: int, kinds: int, tasks: int, teacher: int, drop: float) -> None:
        super().__init__()
        width = start.shape[1]
        self.register_buffer("start", torch.from_numpy(start.astype(np.float32)))
        self.change = nn.Embedding(start.shape[0], width)
        self.gate = nn.Embedding(start.shape[0], 1)
        nn.init.zeros_(self.change.weight)
        nn.init.zeros_(self.gate.weight)
        self.scan = nn.Linear(REACH * width, kinds)
        self.places = nn.Parameter(torch.zeros(SCAN_HEAD + SCAN_TAIL, kinds))
        self.score = nn.Linear(kinds, kinds, bias=False)
        nn.init.normal_(self.score.weight, std=0.05)
        self.take = nn.Linear(kinds, kinds)
        self.hide = nn.Linear(POOLS * width + 4 * kinds + SHAPES, hidden)
        self.out = nn.Linear(hidden, tasks)
        self.imitate = nn.Linear(width, teacher)
        self.drop = nn.Dropout(drop)

    def _vectors(self, rows: Tensor) -> Tensor:
        found: Tensor = self.change(rows) + self.start[rows]
        return found

    def features(self, batch: Batch, lose: float = 0.0) -> tuple[Tensor, Tensor]:
        """All features, and the pool over the whole text alone. `lose`: the share of rows left out at random."""
        vectors = self._vectors(batch.rows)
        size, length, width = vectors.shape
        if len(batch.grams):
            spelled = self._vectors(batch.grams) * batch.shares.unsqueeze(1)
            vectors = vectors.reshape(-1, width).index_add(0, batch.owners, spelled).view(size, length, width)
        weights = batch.weights * self.gate(batch.rows).squeeze(-1).exp()
        if lose:
            weights = weights * (torch.rand(weights.shape) > lose)
        parts = batch.pools * weights.unsqueeze(1)
        pooled = (parts @ vectors) / (parts.sum(-1, keepdim=True) + 1e-6)
        there = batch.scanned >= 0
        cut = self._scan(vectors, batch.scanned, lose / 2)
        related = self._relate(cut, there)
        count = there.sum(1, keepdim=True)
        found = torch.cat((cut, related), 2)
        return torch.cat((pooled.flatten(1), found.amax(1), found.sum(1) / count, batch.shape), 1), pooled[:, 0]

    def _scan(self, vectors: Tensor, places: Tensor, lose: float) -> Tensor:
        there = (places >= 0).unsqueeze(-1)
        near = vectors.gather(1, places.clamp(min=0).unsqueeze(-1).expand(-1, -1, vectors.shape[2])) * there
        if lose:
            near = near * (torch.rand(places.shape) > lose).unsqueeze(-1)
        padded = nn.functional.pad(near, (0, 0, REACH - 1, 0))
        length = places.shape[1]
        reached = torch.cat([padded[:, REACH - 1 - back :][:, :length] for back in range(REACH)], 2)
        return torch.relu(self.scan(reached)) * there

    def _relate(self, cut: Tensor, there: Tensor) -> Tensor:
        words = cut + self.places[: cut.shape[1]] * there.unsqueeze(-1)
        scores = (self.score(words) @ words.transpose(1, 2)).clamp(-MOST_SCORE, MOST_SCORE)
        shares = scores.masked_fill(~there.unsqueeze(1), -1e9).softmax(2)
        return torch.relu(words + shares @ self.take(words)) * there.unsqueeze(-1)

    def forward(self, batch: Batch, lose: float = 0.0) -> tuple[Tensor, Tensor]:
        """Logits of the tasks, and the imitation of the teacher's vector."""
        features, whole = self.features(batch, lose)
        hidden = torch.relu(self.hide(self.drop(features)))
        return self.out(self.drop(hidden)), self.imitate(whole)


@torch.no_grad()
def net_of(arrays: dict[str, Array], tasks: int, drop: float) -> Net:
    """A network that learns on from the arrays that ship: `arrays_of` backwards. The columns' scale is folded into what
    reads the table, so the table gets a common spread of 1; the second head begins anew."""
    small = {name: array.astype(np.float32) for name, array in arrays.items()}
    scale = 1 / small["table"].std()
    width, kinds = small["table"].shape[1], small["scan_bias"].size
    net = Net(small["table"] * scale, small["hide_bias"].size, kinds, tasks, width, drop)
    scan = small["scan"].T.reshape(kinds, REACH, width)[:, ::-1].reshape(kinds, -1) / scale
    small["hide"][:, : POOLS * width] /= scale
    for weight, array in (
        (net.gate.weight, small["gate"][:, None]),
        (net.scan.weight, scan),
        (net.scan.bias, small["scan_bias"]),
        (net.places, small["places"]),
        (net.score.weight, small["relate"][:, :kinds].T),
        (net.take.weight, small["relate"][:, kinds:].T),
        (net.take.bias, small["relate_bias"]),
        (net.hide.weight, small["hide"]),
        (net.hide.bias, small["hide_bias"]),
        (net.out.weight, small["out"]),
        (net.out.bias, small["out_bias"]),
    ):
        weight.copy_(torch.from_numpy(array.copy()))
    return net


def arrays_of(net: Net) -> dict[str, Array]:
    """The arrays that ship: the table as int8, its scale per column folded into what reads its vectors."""
    table = (net.change.weight + net.start).detach().numpy()
    scale = np.maximum(np.quantile(np.abs(table), 0.9998, axis=0), 1e-6) / _STEPS
    hide = net.hide.weight.detach().numpy().copy()
    for pool in range(POOLS):
        hide[:, pool * len(scale) : (pool + 1) * len(scale)] *= scale
    scan = net.scan.weight.detach().numpy().reshape(-1, REACH, len(scale)) * scale
    return {
        "table": np.clip(np.rint(table / scale), -_STEPS, _STEPS).astype(np.int8),
        "gate": net.gate.weight.detach().numpy()[:, 0].astype(np.float16),
        # kinds x REACH x width, the word itself first -> (REACH x width) x kinds, the word itself last
        "scan": scan[:, ::-1].reshape(len(scan), -1).T.astype(np.float16),
        "scan_bias": net.scan.bias.detach().numpy().astype(np.float32),
        "places": net.places.detach().numpy().astype(np.float32),
        "relate": np.concatenate((net.score.weight.detach().numpy().T, net.take.weight.detach().numpy().T), 1).astype(
            np.float16
        ),
        "relate_bias": net.take.bias.detach().numpy().astype(np.float32),
        "hide": hide.astype(np.float16),
        "hide_bias": net.hide.bias.detach().numpy().astype(np.float32),
        "out": net.out.weight.detach().numpy().astype(np.float32),
        "out_bias": net.out.bias.detach().numpy().astype(np.float32),
    }
