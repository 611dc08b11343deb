"""What the two encoders (teacher.py, mpnet.py) share: texts as pieces, padded into one array, and their mean."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

CACHE = Path(__file__).resolve().parent / ".cache"
"""What is kept on disk between runs."""


class Pieces:
    """Texts as an encoder's word pieces: of a long text `most` of them, two thirds from its head, a third its tail.
    `folder` holds the encoder's tokenizer.json."""

    def __init__(self, most: int, folder: Path) -> None:
        from tokenizers import Tokenizer

        self._most = most
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()

    def of(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text).ids
        if len(ids) <= self._most:
            return ids
        return ids[: self._most * 2 // 3] + ids[-self._most // 3 :]


def padded(lists: list[list[int]]) -> tuple[Tensor, Tensor]:
    """The pieces as one array, and a mask of 1 where there are any."""
    ids = torch.zeros(len(lists), max(map(len, lists)), dtype=torch.long)
    mask = torch.zeros(ids.shape)
    for line, pieces in enumerate(lists):
        ids[line, : len(pieces)] = torch.tensor(pieces)
        mask[line, : len(pieces)] = 1
    return ids, mask


def in_batches(lists: list[list[int]], size: int) -> Iterator[tuple[list[int], Tensor, Tensor]]:
    """Texts of like length together: their places, the pieces as one array, and its mask."""
    order = sorted(range(len(lists)), key=lambda index: len(lists[index]))
    for at in range(0, len(order), size):
        chosen = order[at : at + size]
        yield chosen, *padded([lists[index] for index in chosen])


def mean_of(x: Tensor, mask: Tensor) -> Tensor:
    weight = mask[:, :, None]
    return (x * weight).sum(1) / weight.sum(1)
