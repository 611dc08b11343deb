"""The tutor: a large encoder, taught the tasks, so that it can say what it makes of any text.

On sources held out it is far better than a network of word vectors can become by itself (docs/classifier.md), and
a thousand times too slow to serve. So the network learns from it: its opinions of every row, and of texts that nobody
wrote.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from gateway.classify import tokens
from gateway.core.label import TEXT_TASKS
from training.augment import augment
from training.corpus import HERE, Row, is_short, of_contrast, structural_texts
from training.draw import EVEN, Contrast, weights_of
from training.lexicon import lexicon
from training.mpnet import WIDTH, Encoder, model_folder
from training.pieces import CACHE, Pieces, in_batches, mean_of, padded
from training.teacher import Teacher, near_words
from training.unwritten import Counts, texts_of

_BATCH = 32
_FROZEN_LAYERS = 6
_SYSTEM_CHARS = 200
_LONG_CHARS = 2400
_HEAD_CHARS = 1000
_TAIL_CHARS = 500


@dataclass(frozen=True)
class Lessons:
    """`draws`: how many rows the tutor learns from, drawn like the network's but for a `contrast_share` of them, which
    are drawn from the contrast's rows alone, all alike; `others`: what texts it is asked about beside the rows, and
    whether of them `only_short` ones; `most_pieces`: how much of a text it reads; `written_weight`, `power` and
    `contrast`: see draw.py."""

    draws: int
    others: Counts
    contrast_share: float = 0.0
    only_short: bool = False
    contrast: Contrast = EVEN
    seed: int = 1
    rate: float = 5e-5
    head_rate: float = 1e-3
    smooth: float = 0.05
    most_pieces: int = 96
    written_weight: float = 3.0
    power: float = 0.65


class Opinions(NamedTuple):
    """Probabilities of the tasks (texts x tasks): of the rows as they stand, and of other texts. `of_words`: what the
    taught encoder makes of each word of the vocabulary by itself (words x its width)."""

    rows: np.ndarray[Any, Any]
    others: list[str]
    of_others: np.ndarray[Any, Any]
    of_words: np.ndarray[Any, Any]


class Tutor(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder(_FROZEN_LAYERS)
        self.head = nn.Sequential(
            nn.Dropout(0.1), nn.Linear(2 * WIDTH, 256), nn.Tanh(), nn.Dropout(0.1), nn.Linear(256, len(TEXT_TASKS))
        )

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            x = self.encoder(ids, mask, 0.1 if self.training else 0.0)
            found: Tensor = self.head(torch.cat((mean_of(x, mask), x[:, 0]), 1))
        return found.float()


def _read(text: str, system: str) -> str:
    if len(text) > _LONG_CHARS:
        text = f"{text[:_HEAD_CHARS]} {text[-_TAIL_CHARS:]}"
    return f"{text} [SEP] {system[:_SYSTEM_CHARS]}" if system else text


def teach(rows: list[Row], chances: np.ndarray[Any, Any], pieces: Pieces, lessons: Lessons) -> Tutor:
    torch.manual_seed(lessons.seed)
    random, draw = Random(lessons.seed), np.random.default_rng(lessons.seed)
    tutor = Tutor()
    examples = []
    for index in draw.choice(len(rows), lessons.draws, p=chances).tolist():
        row = rows[index]
        examples.append((pieces.of(_read(*augment(row.text, row.system, random))), TEXT_TASKS.index(row.task)))
    examples.sort(key=lambda one: len(one[0]) + random.random() * 5)
    batches = [examples[at : at + _BATCH] for at in range(0, len(examples) - _BATCH + 1, _BATCH)]
    random.shuffle(batches)
    learning = [weight for weight in tutor.encoder.parameters() if weight.requires_grad]
    rates = [lessons.rate, lessons.head_rate]
    optimizer = torch.optim.AdamW(
        [{"params": learning, "lr": rates[0]}, {"params": tutor.head.parameters(), "lr": rates[1]}],
        weight_decay=0.01,
        fused=True,
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rates, total_steps=len(batches), pct_start=0.1)
    tutor.train()
    for batch in batches:
        logits = tutor(*padded([ids for ids, _ in batch]))
        tasks = torch.tensor([task for _, task in batch])
        loss = functional.cross_entropy(logits, tasks, label_smoothing=lessons.smooth)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    tutor.eval()
    return tutor


def ask(tutor: Tutor, pieces: Pieces, texts: list[str]) -> np.ndarray[Any, Any]:
    """The tutor's logits."""
    logits = np.zeros((len(texts), len(TEXT_TASKS)), np.float32)

    @torch.inference_mode()
    def answer(batch: tuple[list[int], Tensor, Tensor]) -> None:
        chosen, ids, mask = batch
        logits[chosen] = tutor(ids, mask).numpy()

    cores = os.cpu_count() or 1
    before = torch.get_num_threads()
    # a batch per core: short texts give one batch too little to share
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(cores) as workers:
            batches = in_batches([pieces.of(text) for text in texts], 2 * _BATCH)
            # some at a time: the workers' map would make all batches before it answers the first
            while some := list(islice(batches, 64 * cores)):
                list(workers.map(answer, some))
    finally:
        torch.set_num_threads(before)
    return logits


@torch.inference_mode()
def _word_vectors(tutor: Tutor, pieces: Pieces, words: list[str]) -> np.ndarray[Any, Any]:
    vectors = np.zeros((len(words), WIDTH), np.float16)
    for chosen, ids, mask in in_batches([pieces.of(word) for word in words], 4 * _BATCH):
        with torch.autocast("cpu", torch.bfloat16):
            vectors[chosen] = mean_of(tutor.encoder(ids, mask, 0.0), mask).float().numpy()
    return vectors


def _drawn(rows: list[Row], lessons: Lessons) -> np.ndarray[Any, Any]:
    """Chances of the rows to be taught. Raises ValueError where the contrast has a share and no rows."""
    chances = weights_of(rows, lessons.power, lessons.written_weight, lessons.contrast)
    if not lessons.contrast_share:
        return chances
    contrast = np.array([of_contrast(row) for row in rows], np.float64)
    if not contrast.any():
        raise ValueError("the tutor is to learn from the contrast's rows, of which there are none")
    return (1 - lessons.contrast_share) * chances + lessons.contrast_share * contrast / contrast.sum()


def opinions_of(rows: list[Row], words: list[str], lessons: Lessons, teacher: Teacher) -> Opinions:
    """Teaches a tutor and asks it, of the vocabulary's `words` too; kept on disk between runs (it takes an hour or
    more), until anything changes that it may depend on."""
    cache = CACHE / f"tutor-{_digest(rows, words, lessons)}.pkl"
    if cache.exists():
        kept: Opinions = pickle.loads(cache.read_bytes())
        return kept
    # every core, however many one said to use: this is most of the time that the training takes
    torch.set_num_threads(os.cpu_count() or 1)
    pieces = Pieces(lessons.most_pieces, model_folder())
    drawn = _drawn(rows, lessons)
    tutor = teach(rows, drawn, pieces, lessons)
    print(f"a tutor learned from {lessons.draws} draws of {len(rows)} rows", flush=True)
    of_rows = _odds(ask(tutor, pieces, [_read(row.text, row.system) for row in rows]))
    others = texts_of(rows, drawn, of_rows, lessons.others, lessons.seed + 4, near_words(teacher), lexicon())
    if lessons.only_short:
        others = [text for text in others if is_short(text)]
    print(f"and is asked about {len(others)} texts more", flush=True)
    of_others = _odds(ask(tutor, pieces, others))
    # so that the network meets the contrast's rows, however seldom they are drawn
    contrast = [number for number, row in enumerate(rows) if of_contrast(row) and not row.system]
    others += [rows[number].text for number in contrast]
    of_others = np.concatenate((of_others, of_rows[contrast]))
    found = Opinions(of_rows, others, of_others, _word_vectors(tutor, pieces, words))
    cache.parent.mkdir(exist_ok=True)
    half = cache.with_suffix(".half")
    half.write_bytes(pickle.dumps(found))
    half.replace(cache)
    return found


def _digest(rows: list[Row], words: list[str], lessons: Lessons) -> str:
    """Of all that the opinions depend on, and of a little more: this package's code and phrases, and the code of the
    classifier."""
    digest = hashlib.sha256(json.dumps([rows, words, repr(lessons), structural_texts()]).encode())
    digest.update(torch.__version__.encode())
    for path in sorted([*HERE.glob("*.py"), *HERE.glob("*.json"), *Path(tokens.__file__).parent.glob("*.py")]):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _odds(logits: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True), np.float32)
