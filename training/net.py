"""The network while it learns (torch): pooled rows of one table, a small head, and a second head that imitates the
teacher's sentence vectors. Once trained, `arrays_of` gives what ships."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from gateway.classify.model import POOLS, SHAPES

Example = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], tuple[float, ...]]
"""Rows, their parts in each pool, and the shape features: what place_tokens and shape_of of the gateway give."""


class Batch(NamedTuple):
    rows: Tensor
    parts: Tensor
    shape: Tensor


def collate(examples: list[Example]) -> Batch:
    """Pads examples to the longest."""
    longest = max(len(rows) for rows, _, _ in examples)
    rows = np.zeros((len(examples), longest), np.int64)
    parts = np.zeros((len(examples), POOLS, longest), np.float32)
    for line, (these, part, _) in enumerate(examples):
        rows[line, : len(these)] = these
        parts[line, :, : len(these)] = part
    shape = np.array([features for _, _, features in examples], np.float32)
    return Batch(torch.from_numpy(rows), torch.from_numpy(parts), torch.from_numpy(shape))


class Net(nn.Module):
    """`start` (rows x width) is where the table begins; what is learned on top of it is held small by weight decay."""

    start: Tensor

    def __init__(self, start: np.ndarray[Any, Any], hidden: int, tasks: int, teacher: int, drop: float = 0.2) -> None:
        super().__init__()
        width = start.shape[1]
        self.register_buffer("start", torch.from_numpy(start.astype(np.float32)))
        self.change = nn.Embedding(start.shape[0], width)
        self.gate = nn.Embedding(start.shape[0], 1)
        nn.init.zeros_(self.change.weight)
        nn.init.zeros_(self.gate.weight)
        self.hide = nn.Linear(POOLS * width + SHAPES, hidden)
        self.out = nn.Linear(hidden, tasks)
        self.imitate = nn.Linear(width, teacher)
        self.drop = nn.Dropout(drop)

    def features(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Pooled vectors with the shape features, and the pool over the whole text alone."""
        vectors = self.change(batch.rows) + self.start[batch.rows]
        parts = batch.parts * self.gate(batch.rows).squeeze(-1).exp().unsqueeze(1)
        pooled = (parts @ vectors) / (parts.sum(-1, keepdim=True) + 1e-6)
        return torch.cat((pooled.flatten(1), batch.shape), 1), pooled[:, 0]

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Logits of the tasks, and the imitation of the teacher's vector."""
        features, whole = self.features(batch)
        hidden = torch.relu(self.hide(self.drop(features)))
        return self.out(self.drop(hidden)), self.imitate(whole)


def arrays_of(net: Net) -> dict[str, np.ndarray[Any, Any]]:
    """The arrays that ship: the table as int8, its scale per column folded into the first layer."""
    table = (net.change.weight + net.start).detach().numpy()
    scale = np.maximum(np.quantile(np.abs(table), 0.9998, axis=0), 1e-6) / 127
    hide = net.hide.weight.detach().numpy().copy()
    for pool in range(POOLS):
        hide[:, pool * len(scale) : (pool + 1) * len(scale)] *= scale
    return {
        "table": np.clip(np.rint(table / scale), -127, 127).astype(np.int8),
        "gate": net.gate.weight.detach().numpy()[:, 0].astype(np.float16),
        "hide": hide.astype(np.float32),
        "hide_bias": net.hide.bias.detach().numpy().astype(np.float32),
        "out": net.out.weight.detach().numpy().astype(np.float32),
        "out_bias": net.out.bias.detach().numpy().astype(np.float32),
    }
