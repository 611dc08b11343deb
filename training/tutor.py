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
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from gateway.classify.model import SHORT_CHARS
from gateway.classify.window import cut
from gateway.core.label import TEXT_TASKS
from training.augment import augment, mixed, reworded
from training.check import NEAR, Judges
from training.corpus import STAKES_AT, Row, of_contrast, plain_texts
from training.draw import Contrast, weights_of
from training.lexicon import FRAMES, Lexicon, exchanged, framed, hazardous, lexicon
from training.mpnet import WIDTH, Encoder, model_folder
from training.pieces import CACHE, Pieces, in_batches, mean_of, padded
from training.plain import FILLERS, Plain
from training.teacher import Teacher, near_words

_BATCH = 32
_CONTRAST = Contrast(0.5, 0.25)
_FROZEN_LAYERS = 6
_SYSTEM_CHARS = 200
_LONG_CHARS = 2400
_HEAD_CHARS = 1000
_TAIL_CHARS = 500
_PLAIN_CHARS = 1500
_EXCHANGED_CHARS = 400


@dataclass(frozen=True)
class Lessons:
    """`draws`: rows that the tutor learns from, drawn like the network's; `mixed`, `reworded`, `exchanged`, `framed`,
    `hazards` and `contested`: how many texts that nobody wrote it is asked about, of each kind, with `more_hazards`
    and `plain` ones for the network of short texts alone; `most_pieces`: how much of a text it reads;
    `written_weight`, `power` and `contrast`: see draw.py."""

    seed: int = 1
    draws: int = 84_000
    rate: float = 5e-5
    head_rate: float = 1e-3
    smooth: float = 0.05
    mixed: int = 54_000
    reworded: int = 52_000
    exchanged: int = 88_000
    framed: int = 98_000
    hazards: int = 26_000
    more_hazards: int = 104_000
    plain: int = 170_000
    contested: int = 150_000
    most_pieces: int = 96
    written_weight: float = 3.0
    power: float = 0.65
    contrast: Contrast = _CONTRAST


class Opinions(NamedTuple):
    """Probabilities of the tasks (texts x tasks): of the rows as they stand, and of other texts. `of_words`: what the
    taught encoder makes of each word of the vocabulary by itself (words x its width). The first `general` of the others
    are of all kinds; those after them are about harm, and short."""

    rows: np.ndarray[Any, Any]
    others: list[str]
    of_others: np.ndarray[Any, Any]
    of_words: np.ndarray[Any, Any]
    general: int


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
    examples.sort(key=lambda one: len(one[0]) + random.random() * 12)
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


@torch.inference_mode()
def ask(tutor: Tutor, pieces: Pieces, texts: list[str]) -> np.ndarray[Any, Any]:
    """The tutor's logits."""
    logits = np.zeros((len(texts), len(TEXT_TASKS)), np.float32)
    for chosen, ids, mask in in_batches([pieces.of(text) for text in texts], 2 * _BATCH):
        logits[chosen] = tutor(ids, mask).numpy()
    return logits


@torch.inference_mode()
def _word_vectors(tutor: Tutor, pieces: Pieces, words: list[str]) -> np.ndarray[Any, Any]:
    vectors = np.zeros((len(words), WIDTH), np.float16)
    for chosen, ids, mask in in_batches([pieces.of(word) for word in words], 4 * _BATCH):
        with torch.autocast("cpu", torch.bfloat16):
            vectors[chosen] = mean_of(tutor.encoder(ids, mask, 0.0), mask).float().numpy()
    return vectors


def _general(
    rows: list[Row], chances: np.ndarray[Any, Any], lessons: Lessons, near: dict[str, list[str]], known: Lexicon
) -> list[str]:
    """Texts without a label: pieces and mixtures of the rows, the rows whose task is structural, rows with other
    words in them, and requests about whatever the dictionary holds."""
    random, draw = Random(lessons.seed + 4), np.random.default_rng(lessons.seed + 4)
    pairs = draw.choice(len(rows), (lessons.mixed, 2), p=chances).tolist()
    texts = [mixed(rows[one].text[:_PLAIN_CHARS], rows[other].text[:_PLAIN_CHARS], random) for one, other in pairs]
    texts += [text for text in plain_texts() if len(text) < _PLAIN_CHARS]
    for index in draw.choice(len(rows), lessons.reworded, p=chances).tolist():
        texts.append(reworded(cut(rows[index].text), near, random))
    for index in draw.choice(len(rows), lessons.exchanged, p=chances).tolist():
        texts.append(exchanged(cut(rows[index].text)[:_EXCHANGED_CHARS], known, random))
    texts += [framed(known, random) for _ in range(lessons.framed)]
    texts += [hazardous(known, random) for _ in range(lessons.hazards)]
    return [text for text in texts if text.strip()]


def _about_harm(
    rows: list[Row], contested: np.ndarray[Any, Any], lessons: Lessons, near: dict[str, list[str]], known: Lexicon
) -> list[str]:
    """For the network of short texts: rows that are `contested`, with other words in them, requests with a word of harm
    in them, and everyday questions that say plainly what they mean."""
    random, draw = Random(lessons.seed + 5), np.random.default_rng(lessons.seed + 5)
    texts = []
    for number, index in enumerate(draw.choice(len(rows), lessons.contested, p=contested).tolist()):
        text = rows[index].text
        texts.append(exchanged(text, known, random) if number % 3 == 0 else reworded(text, near, random))
    texts += [hazardous(known, random) for _ in range(lessons.more_hazards)]
    judges, plain = Judges.of_shared(), Plain(known)
    # frames of everyday questions come upon what others ask: what models are judged by is left out
    asked = dict.fromkeys(plain.request(random) for _ in range(lessons.plain))
    texts += [text for text in asked if judges.nearness(text) < NEAR]
    return [text for text in texts if text.strip()]


def _contested(rows: list[Row], chances: np.ndarray[Any, Any], opinions: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Chances of short rows alone, more of them where the tutor finds them grave, and most where it is in doubt."""
    grave = opinions[:, STAKES_AT]
    short = np.array([len(row.text) < SHORT_CHARS for row in rows])
    raw = chances * short * (1 + 6.0 * ((grave > 0.02) & (grave < 0.98))) * (1 + 3.0 * (grave > 0.5))
    return np.asarray(raw / raw.sum())


def opinions_of(rows: list[Row], words: list[str], lessons: Lessons, teacher: Teacher) -> Opinions:
    """Teaches a tutor and asks it, of the vocabulary's `words` too; kept on disk between runs (it takes hours)."""
    key = json.dumps([rows, words, repr(lessons), FRAMES, FILLERS])
    cache = CACHE / f"tutor-{hashlib.sha256(key.encode()).hexdigest()[:16]}.pkl"
    if cache.exists():
        kept: Opinions = pickle.loads(cache.read_bytes())
        return kept
    # every core, however many one said to use: on one alone this takes an hour
    torch.set_num_threads(os.cpu_count() or 1)
    pieces = Pieces(lessons.most_pieces, model_folder())
    chances = weights_of(rows, lessons.power, lessons.written_weight, lessons.contrast)
    tutor = teach(rows, chances, pieces, lessons)
    of_rows = _odds(ask(tutor, pieces, [_read(row.text, row.system) for row in rows]))
    near, known = near_words(teacher), lexicon()
    general = _general(rows, chances, lessons, near, known)
    others = general + _about_harm(rows, _contested(rows, chances, of_rows), lessons, near, known)
    of_others = _odds(ask(tutor, pieces, others))
    # beyond the general ones: the network for short texts meets all of the contrast's rows, however seldom drawn
    contrast = [number for number, row in enumerate(rows) if of_contrast(row) and not row.system]
    others += [rows[number].text for number in contrast]
    of_others = np.concatenate((of_others, of_rows[contrast]))
    found = Opinions(of_rows, others, of_others, _word_vectors(tutor, pieces, words), len(general))
    cache.parent.mkdir(exist_ok=True)
    cache.write_bytes(pickle.dumps(found))
    return found


def _odds(logits: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True), np.float32)
