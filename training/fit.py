"""One training: rows in, a network out. Deterministic for a seed on one machine (one thread)."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from gateway.classify.model import place_tokens, shape_of
from gateway.classify.model_file import Arrays
from gateway.classify.tokens import SPECIAL, Vocabulary
from gateway.core.label import TEXT_TASKS
from training.augment import augment, with_typos
from training.corpus import Row, window_of_text
from training.draw import EVEN, Contrast, weights_of
from training.net import Example, Net, collate, net_of
from training.teacher import Teacher, vectors_of
from training.tutor import Opinions
from training.vocabulary import narrowed, own_words

_BATCH = 64


@dataclass(frozen=True)
class Settings:
    """`start_scale`: the spread of the word vectors that the table begins with. `trust`: how far the tutor's opinion
    of a row counts beside the row's own task; `others_per_epoch`: how many unlabelled texts are learned from;
    `lose_rows` and `drop`: the shares of rows and of features left out at random. `power`, `written_weight` and
    `contrast`: see draw.py."""

    seed: int = 1
    width: int = 64
    hidden: int = 128
    kinds: int = 64
    epochs: int = 14
    per_epoch: int = 16_000
    rate: float = 2e-3
    table_rate: float = 4e-3
    decay: float = 1e-2
    table_decay: float = 1e-2
    start_scale: float = 1.0
    imitate: float = 0.3
    lose_rows: float = 0.25
    drop: float = 0.2
    smooth: float = 0.05
    trust: float = 0.8
    others_per_epoch: int = 48_000
    written_weight: float = 3.0
    power: float = 0.65
    contrast: Contrast = EVEN


def example(vocabulary: Vocabulary, text: str, system: str) -> Example:
    window = window_of_text(text, system)
    placed = place_tokens(vocabulary, window)
    return Example(placed, shape_of(placed.reading.asked, window.chars))


def _start(vocabulary: Vocabulary, vectors: np.ndarray[Any, Any], settings: Settings) -> np.ndarray[Any, Any]:
    start = np.zeros((vocabulary.rows, settings.width), np.float32)
    start[len(SPECIAL) : vocabulary.pairs_at] = narrowed(vectors, settings.width, 2) * settings.start_scale
    return start


def fit(
    rows: list[Row],
    vocabulary: Vocabulary,
    teacher: Teacher,
    opinions: Opinions | None,
    settings: Settings,
    begun: Arrays | None = None,
) -> Net:
    """Trains on `rows`. `opinions` are the tutor's, of the rows and of the vocabulary's words; without them the rows'
    own tasks and the teacher's word vectors do alone. `begun`: the network to learn on from, instead of from nothing
    (its sizes count then, not those of the settings)."""
    torch.set_num_threads(1)
    torch.manual_seed(settings.seed)
    random, draw = Random(settings.seed), np.random.default_rng(settings.seed)
    trust, per_epoch = (settings.trust, settings.others_per_epoch) if opinions else (0.0, 0)
    opinions = opinions or _no_opinions(rows, vectors_of(own_words(vocabulary), teacher))
    if begun:
        net = net_of(begun, len(TEXT_TASKS), settings.drop)
    else:
        start = _start(vocabulary, opinions.of_words, settings)
        net = Net(start, settings.hidden, settings.kinds, len(TEXT_TASKS), settings.width, settings.drop)
    targets = torch.from_numpy(narrowed(vectors_of([row.text for row in rows], teacher), settings.width, 3))
    tasks = torch.tensor([TEXT_TASKS.index(row.task) for row in rows])
    of_rows, of_others = torch.from_numpy(opinions.rows), torch.from_numpy(opinions.of_others)
    chances = weights_of(rows, settings.power, settings.written_weight, settings.contrast)
    others = _batches(
        [(at, example(vocabulary, _slipped(text, random), "")) for at, text in enumerate(opinions.others)], random
    )
    table = [net.change.weight, net.gate.weight]
    rest = [weight for name, weight in net.named_parameters() if not name.startswith(("change", "gate"))]
    optimizer = torch.optim.AdamW(
        [
            {"params": table, "lr": settings.table_rate, "weight_decay": settings.table_decay},
            {"params": rest, "lr": settings.rate, "weight_decay": settings.decay},
        ],
        betas=(0.9, 0.98),
        fused=True,
    )
    steps = settings.epochs * (settings.per_epoch // _BATCH + per_epoch // _BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, [settings.table_rate, settings.rate], total_steps=steps, pct_start=0.1
    )
    net.train()
    taken = 0
    for _ in range(settings.epochs):
        plan = [(True, batch) for batch in _epoch(rows, vocabulary, chances, settings, random, draw)]
        for _ in range(per_epoch // _BATCH):
            plan.append((False, others[taken % len(others)]))
            taken += 1
        random.shuffle(plan)
        for labelled, (chosen, examples) in plan:
            logits, imitation = net(collate(examples), settings.lose_rows)
            if labelled:
                loss = functional.cross_entropy(logits, of_rows[chosen]) * trust
                told = functional.cross_entropy(logits, tasks[chosen], label_smoothing=settings.smooth)
                loss = loss + told * (1 - trust)
                loss = loss + settings.imitate * functional.mse_loss(imitation, targets[chosen])
            else:
                loss = functional.cross_entropy(logits, of_others[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    net.eval()
    return net


def _no_opinions(rows: list[Row], of_words: np.ndarray[Any, Any]) -> Opinions:
    tasks = len(TEXT_TASKS)
    return Opinions(np.zeros((len(rows), tasks), np.float32), [], np.zeros((0, tasks), np.float32), of_words)


def _slipped(text: str, random: Random) -> str:
    """Nearly half of the texts with typos: what the tutor said of the text before them is to be said of them too."""
    return with_typos(text, random) if random.random() < 0.45 else text


def _epoch(
    rows: list[Row],
    vocabulary: Vocabulary,
    chances: np.ndarray[Any, Any],
    settings: Settings,
    random: Random,
    draw: np.random.Generator,
) -> list[tuple[list[int], list[Example]]]:
    """Rows drawn by their chances, each said in another way, in batches."""
    examples = []
    for index in draw.choice(len(rows), settings.per_epoch, p=chances).tolist():
        text, system = augment(rows[index].text, rows[index].system, random)
        examples.append((index, example(vocabulary, text, system)))
    return _batches(examples, random)


def _batches(examples: list[tuple[int, Example]], random: Random) -> list[tuple[list[int], list[Example]]]:
    """Batches of like length, in random order."""
    ordered = sorted(examples, key=lambda item: len(item[1].placed.reading.rows) + random.random() * 15)
    batches = []
    for at in range(0, len(ordered) - _BATCH + 1, _BATCH):
        part = ordered[at : at + _BATCH]
        batches.append(([index for index, _ in part], [one for _, one in part]))
    random.shuffle(batches)
    return batches


@torch.inference_mode()
def logits_of(net: Net, vocabulary: Vocabulary, rows: list[Row]) -> np.ndarray[Any, Any]:
    """Logits of the rows, without augmentation."""
    found = []
    for at in range(0, len(rows), _BATCH):
        part = [example(vocabulary, row.text, row.system) for row in rows[at : at + _BATCH]]
        found.append(net(collate(part))[0].numpy())
    return np.concatenate(found)
