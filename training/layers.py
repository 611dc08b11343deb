"""The layers of a transformer encoder of BERT's family: what the two encoders (teacher.py, mpnet.py) share. They differ
in their embeddings, in what attention is biased by, and in a few names."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional

_HEADS = 12


class Names(NamedTuple):
    """What a layer's weights are called in the model's file: query, key and value; the line after them; its norm."""

    attention: tuple[str, str, str]
    mixed: str
    mixed_norm: str


class Layers(nn.Module):
    """The weights of `folder`, vectors of `width`. Those of encoder layers from `frozen` on learn."""

    def __init__(self, folder: Path, width: int, epsilon: float, frozen: int) -> None:
        super().__init__()
        from safetensors.torch import load_file

        self._width = width
        self._epsilon = epsilon
        self._weights = nn.ParameterDict()
        for name, weight in load_file(str(folder / "model.safetensors")).items():
            if name.startswith(("encoder.", "embeddings.")) and weight.is_floating_point():
                learns = name.startswith("encoder.layer.") and int(name.split(".")[2]) >= frozen
                self._weights[name.replace(".", "/")] = nn.Parameter(weight.float(), requires_grad=learns)

    def get(self, name: str) -> Tensor:
        return self._weights[name.replace(".", "/")]

    def norm(self, x: Tensor, name: str) -> Tensor:
        scale, shift = self.get(name + ".weight"), self.get(name + ".bias")
        return functional.layer_norm(x, (self._width,), scale, shift, self._epsilon)

    def _line(self, x: Tensor, name: str) -> Tensor:
        return functional.linear(x, self.get(name + ".weight"), self.get(name + ".bias"))

    def layer(self, x: Tensor, mask: Tensor, at: str, names: Names, drop: float = 0.0) -> Tensor:
        """`x` after the layer whose names begin with `at`. `mask` is what attention takes: pieces seen, or a bias."""
        size, length, _ = x.shape
        query, key, value = (
            self._line(x, at + name).view(size, length, _HEADS, -1).transpose(1, 2) for name in names.attention
        )
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        mixed = self._line(mixed.transpose(1, 2).reshape(size, length, self._width), at + names.mixed)
        x = self.norm(x + functional.dropout(mixed, drop), at + names.mixed_norm)
        wide = functional.gelu(self._line(x, at + "intermediate.dense"))
        wide = functional.dropout(self._line(wide, at + "output.dense"), drop)
        return self.norm(x + wide, at + "output.LayerNorm")
