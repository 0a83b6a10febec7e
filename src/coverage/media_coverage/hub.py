"""Models of the Hugging Face hub behind the classifier's interface. The only user of transformers.

`ZeroShotClassifier` runs a natural-language-inference model: the text is the premise, and each output has one
hypothesis (codebook, section 7); the probability is that of entailment against contradiction. Such a model is
exploratory: on comparable tasks it stays well behind the embedded one, and its scores depend on the wording, so the
hypotheses are part of its identity and its labels must not be drawn on one line with another model's.

`SequenceClassifier` runs a model that was fine-tuned to tell labels apart, once its labels are known to mean the
outputs.

Nothing is downloaded unless a hub model is named, and no code from a repository is ever run. A folder with the
model's files works as a name too.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import math
import os
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .classify import NO_CUDA, ModelInfo, model_input, onnx_runtime, onnx_session, sha256
from .errors import MissingExtraError, ModelError
from .framing import DEFAULT_FRAMES, MIXED, NEITHER, RELEVANT, Decision, sigmoid
from .prose import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .classify import Options
    from .records import Framing, Text

    Encoder = Callable[..., dict[str, list[int]]]
    """One text, or a premise and a hypothesis → what the network reads, by input."""
    Logits = Callable[..., list[float]]
    """One text, or a premise and a hypothesis → a logit per label."""

DEFAULT_MODEL = "mlburnham/Political_DEBATE_base_v1.0"
"""Entailment trained on political text (Burnham et al. 2025); the version is the commit that the hub answers with."""

HYPOTHESES = {
    "relevant": "This text is about talks between Trump and Putin concerning Ukraine.",
    "hope": "This text presents the talks between Trump and Putin as a chance for or a step toward peace.",
    "appease": (
        "This text presents the talks between Trump and Putin as rewarding Russia's aggression or betraying Ukraine."
    ),
}
"""For the default frames: one short hypothesis with a single criterion per output, as authors of such models advise."""

OFF_TOPIC = "off_topic"
_FOR, _AGAINST = "entailment", "contradiction"
_INFERENCE: dict[str, set[str]] = {_FOR: {_FOR}, _AGAINST: {_AGAINST}, "not_entailment": {_AGAINST}, "neutral": set()}
"""Labels of an inference model, and the side that each takes."""

CODEBOOK_VERSION = "1.1"
SUMMARY_WORDS = 60
MAX_TOKENS = 256
UNCERTAIN = 0.2
"""Half the width of the band around a threshold: without held-out errors there is no better one."""

_READ = ("*.json", "*.txt", "*.model")
_WEIGHTS = {
    "onnx/model.onnx": "onnx/model.onnx*",
    "model.onnx": "model.onnx*",
    "model.safetensors": "model.safetensors",
    "model.safetensors.index.json": "model-*.safetensors",
    "pytorch_model.bin": "pytorch_model.bin",
}
"""Weights in order of preference (the first two need no torch), and the files that belong to each."""


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(":")


def _snapshot(name: str, revision: str | None) -> Path:
    """Download a model's files, without weights that will not be used. Raises ModelError and MissingExtraError.

    The folder is called after the commit. What is already here is not fetched again, and with a full commit as
    revision the hub is not even asked.
    """
    from huggingface_hub import snapshot_download

    commit = revision
    try:
        for weights, files in _WEIGHTS.items():
            if not weights.endswith(".onnx"):
                _require_torch(name)
            folder = Path(snapshot_download(name, revision=commit, allow_patterns=[*_READ, files]))
            commit = folder.name
            if (folder / weights).is_file():
                break
    except MissingExtraError:
        raise
    except Exception as error:  # hub, proxy, network and disk have many types
        raise ModelError(_not_downloaded(error, revision), path=name) from error
    return folder


def _not_downloaded(error: Exception, revision: str | None) -> str:
    from huggingface_hub import errors

    unknown = "is not on the hub, or is private; nor is it a folder here"
    for kind, message in {
        errors.HFValidationError: "is neither a folder nor a name like owner/model",
        errors.GatedRepoError: "is given out on request only: ask on its page, then set HF_TOKEN",
        errors.RepositoryNotFoundError: unknown,
        errors.RevisionNotFoundError: f"has no revision {revision} on the hub",
    }.items():
        if isinstance(error, kind):
            return message
    status = getattr(getattr(error.__cause__ or error, "response", None), "status_code", None)
    if status == HTTPStatus.UNAUTHORIZED:
        return unknown
    if isinstance(error, errors.LocalEntryNotFoundError):
        why = f"answered {status}" if status else "cannot be reached"
        return f"cannot be downloaded: the hub {why}, and no full copy is here"
    return f"cannot be downloaded: {_first_line(error)}"


@dataclass(frozen=True, slots=True)
class _Network:
    """A loaded model: `logits` maps one text, or a premise and a hypothesis, to a logit per label."""

    place: str
    """As the user called it."""
    name: str
    version: str
    labels: tuple[str, ...]
    multi_label: bool
    sha256: str
    runtime: str
    logits: Logits


def _network(argument: str, device: str) -> _Network:
    """Load OWNER/MODEL, OWNER/MODEL@REVISION or FOLDER. Raises ModelError and MissingExtraError."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")  # it would warn that torch is missing
    from transformers import AutoConfig, __version__

    if Path(argument).is_dir():
        folder, name, version = Path(argument), Path(argument).resolve().name, "local"
    else:
        name, _, revision = argument.partition("@")
        folder = _snapshot(name, revision or None)
        version = folder.name
    if not (folder / "config.json").is_file():
        raise ModelError("holds no config.json, so it is no model as the hub has them", path=argument)
    weights = next((weights for weights in _WEIGHTS if (folder / weights).is_file()), None)
    if weights is None:
        raise ModelError(f"holds no weights; looked for {', '.join(_WEIGHTS)}", path=argument)
    if not weights.endswith(".onnx"):
        _require_torch(argument)
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
        labels = tuple(str(config.id2label[position]) for position in range(config.num_labels))
        encode = _encoder(folder, config, argument)
        run, runtime = (_onnx if weights.endswith(".onnx") else _torch)(folder / weights, encode, device)
        found = len(run(""))  # weights can load and still fit neither the tokenizer nor the labels
    except ModelError:
        raise
    except Exception as error:  # the libraries raise many types, all meaning that the files are unusable
        raise ModelError(f"cannot be loaded: {_first_line(error)}", path=argument) from error
    if found != len(labels):
        raise ModelError(f"gives {found} numbers for its {len(labels)} labels ({', '.join(labels)})", path=argument)

    def logits(*texts: str) -> list[float]:
        values = run(*texts)
        if not all(map(math.isfinite, values)):
            raise ModelError("gives scores that are no numbers: its weights are damaged", path=argument)
        return values

    logits("")
    return _Network(
        place=argument,
        name=name,
        version=version,
        labels=labels,
        multi_label=config.problem_type == "multi_label_classification",
        sha256=_sha256(folder, weights),
        runtime=f"transformers {__version__}, {runtime}",
        logits=logits,
    )


def _sha256(folder: Path, weights: str) -> str:
    """Hash of everything that a score depends on: configuration, tokenizer and weights."""
    digest = hashlib.sha256()
    for path in sorted({path for pattern in (*_READ, weights, _WEIGHTS[weights]) for path in folder.glob(pattern)}):
        digest.update(f"{path.relative_to(folder)} {sha256(path)}\n".encode())
    return digest.hexdigest()


def _encoder(folder: Path, config: Any, place: str) -> Encoder:
    """The tokenizer cut to what the model can read; of a pair, the premise is cut."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # many types; the longest messages list packages that no tokenizer.json would need
        raise ModelError("has no tokenizer that can be read; a tokenizer.json is best", path=place) from error
    positions = getattr(config, "max_position_embeddings", None) or 0
    # In the RoBERTa family the first two positions are not used.
    limit = min(MAX_TOKENS, tokenizer.model_max_length, positions - 2 if positions > 2 else MAX_TOKENS)

    def encode(*texts: str) -> dict[str, list[int]]:
        return dict(tokenizer(*texts, truncation="only_first", max_length=limit))

    return encode


def _onnx(weights: Path, encode: Encoder, device: str) -> tuple[Logits, str]:
    import numpy as np

    session = onnx_session(weights, device=device)
    wanted = {node.name for node in session.get_inputs()}
    outputs = [node.name for node in session.get_outputs()]
    output = "logits" if "logits" in outputs else outputs[0]

    def run(*texts: str) -> list[float]:
        feed = {key: np.array([ids], dtype=np.int64) for key, ids in encode(*texts).items() if key in wanted}
        if "token_type_ids" in wanted - {*feed}:  # a tokenizer that does not tell two texts apart means zeros
            feed["token_type_ids"] = np.zeros_like(feed["input_ids"])
        return [float(value) for value in session.run([output], feed)[0].ravel()]

    return run, onnx_runtime(device)


def _require_torch(name: str) -> None:
    if importlib.util.find_spec("torch") is None:
        raise MissingExtraError(f"the model {name} has no ONNX weights and", "zero-shot")


def _torch(weights: Path, encode: Encoder, device: str) -> tuple[Logits, str]:
    import torch
    from transformers import AutoModelForSequenceClassification
    from transformers.utils import logging

    logging.disable_progress_bar()  # it would be written into cron's log
    if device == "cuda" and not torch.cuda.is_available():
        raise ModelError(NO_CUDA.format("an NVIDIA driver and a torch that is built for it"), path=weights.parent)
    model, loading = AutoModelForSequenceClassification.from_pretrained(
        weights.parent, local_files_only=True, dtype=torch.float32, output_loading_info=True
    )
    if missing := sorted(loading["missing_keys"]):  # transformers has filled them with random numbers
        raise ModelError(f"lacks weights: {', '.join(missing[:3])}", path=weights.parent)
    model = model.eval().to(device)

    def run(*texts: str) -> list[float]:
        feed = {key: torch.tensor([ids], device=device) for key, ids in encode(*texts).items()}
        with torch.inference_mode():
            return [float(value) for value in model(**feed).logits.ravel()]

    return run, f"torch {torch.__version__}, {device}"


def _softmax(logits: Sequence[float]) -> list[float]:
    powers = [math.exp(logit - max(logits)) for logit in logits]
    return [power / sum(powers) for power in powers]


@dataclass(frozen=True, slots=True)
class HubClassifier:
    """A model of the hub as a framing classifier. One text a pass: what stands around a text cannot matter."""

    info: ModelInfo
    decision: Decision
    probabilities: Callable[[str], Mapping[str, float]]

    def classify(self, texts: Sequence[Text], *, evidence: bool = False) -> list[Framing]:
        """One Framing per text, in order. The headline stands as evidence: searching costs too many passes."""
        return [self._one(text, plain(text.title) if evidence else "") for text in texts]

    def _one(self, text: Text, evidence: str) -> Framing:
        return self.decision.framing(self.probabilities(model_input(text, SUMMARY_WORDS)), evidence)


def _decision(options: Options) -> Decision:
    thresholds = dict.fromkeys(options.frames.outputs, 0.5) | dict(options.thresholds)
    return Decision(
        frames=options.frames,
        calibration=dict.fromkeys(thresholds, (1.0, 0.0)),
        thresholds=thresholds,
        uncertain={name: (value - UNCERTAIN, value + UNCERTAIN) for name, value in thresholds.items()},
    )


def _info(kind: str, network: _Network, decision: Decision, options: Options, **settings: Any) -> ModelInfo:
    settings |= {
        "thresholds": dict(decision.thresholds),
        "uncertain": dict(decision.uncertain),
        "summary_words": SUMMARY_WORDS,
        "max_tokens": MAX_TOKENS,
    }
    identity = json.dumps([network.sha256, settings], sort_keys=True)
    return ModelInfo(
        name=f"{kind}:{network.name}",
        version=network.version,
        sha256=hashlib.sha256(identity.encode()).hexdigest(),
        codebook_version=CODEBOOK_VERSION,
        language=options.language or "en",
        settings=settings,
        runtime=network.runtime,
        frames=decision.frames,
    )


def _implied(
    network: _Network, said: Mapping[str, str], known: Mapping[str, set[str]], needed: Sequence[str]
) -> list[set[str]]:
    """What each of the model's labels implies, by its name or by what feeds.yaml says it means. Raises ModelError."""

    def folded(label: str) -> str:
        return label.lower().replace("-", "_").replace(" ", "_")

    said = {folded(label): meaning for label, meaning in said.items()}
    own = [folded(label) for label in network.labels]
    meanings = [said.get(label, label) for label in own]
    implied = [known.get(meaning, set()) for meaning in meanings]
    if not {*said} <= {*own} or not {*meanings} <= {*known} or not {*needed} <= set[str]().union(*implied):
        raise ModelError(
            f"has the labels {', '.join(network.labels)}; wanted, by name or by classifier.labels in feeds.yaml, are "
            f"{', '.join(known)} (at least {' and '.join(needed)})",
            path=network.place,
        )
    return implied


def zero_shot(argument: str, options: Options) -> HubClassifier:
    """An inference model: "OWNER/MODEL@REVISION", a folder, or "" for the default model.

    Raises ModelError, and MissingExtraError where only torch can run the weights.
    """
    defaults = HYPOTHESES if options.frames == DEFAULT_FRAMES else {}
    hypotheses = {name: options.hypotheses.get(name) or defaults.get(name, "") for name in options.frames.outputs}
    if missing := [name for name, hypothesis in hypotheses.items() if not hypothesis]:
        raise ModelError(
            f"needs hypotheses for these frames: add {', '.join(missing)} to classifier.hypotheses in feeds.yaml",
            path=argument or DEFAULT_MODEL,
        )
    network = _network(argument or DEFAULT_MODEL, options.device)
    implied = _implied(network, options.labels, _INFERENCE, [_FOR, _AGAINST])
    entailment = next(i for i, side in enumerate(implied) if _FOR in side)
    against = [i for i, side in enumerate(implied) if _AGAINST in side]
    decision = _decision(options)

    def log_odds(premise: str, hypothesis: str) -> float:
        """Of entailment against contradiction, or against "not entailment" in two-way models."""
        logits = network.logits(premise, hypothesis)
        return logits[entailment] - max(logits[i] for i in against)

    def probabilities(premise: str) -> Mapping[str, float]:
        return decision.probabilities([log_odds(premise, hypothesis) for hypothesis in hypotheses.values()])

    try:
        probabilities("")
    except ModelError:
        raise
    except Exception as error:  # of two texts only the first is cut
        raise ModelError(f"cannot read the hypotheses: {_first_line(error)}", path=network.place) from error
    info = _info("zero-shot", network, decision, options, hypotheses=hypotheses, labels=dict(options.labels))
    return HubClassifier(info, decision, probabilities)


def fine_tuned(argument: str, options: Options) -> HubClassifier:
    """A model that was trained to tell labels apart: "OWNER/MODEL@REVISION" or a folder.

    The labels of a multi-label model are outputs, each on its own (sigmoid). The labels of any other exclude one
    another (softmax), and an output's probability is the sum over the labels that imply it. Where no label stands
    for texts off the topic, every text is relevant: the keywords alone decide. Raises as `zero_shot` does.
    """
    if not argument:
        raise ModelError("names no model: say hub:OWNER/MODEL@REVISION or hub:FOLDER", path="hub")
    network = _network(argument, options.device)
    outputs = options.frames.outputs
    many = network.multi_label
    on_topic: set[str] = set() if many else {RELEVANT}  # of labels that exclude one another, a frame's implies it
    known = {RELEVANT: {RELEVANT}, NEITHER: on_topic}
    for frame in options.frames.both:
        known[frame.output] = known[frame.name] = {*on_topic, frame.output}
    if not many:
        known |= {MIXED: {*outputs}, OFF_TOPIC: set()}
    implied = _implied(network, options.labels, known, outputs[1:])
    judged = [name for names in implied for name in names]
    if many and len(judged) > len({*judged}):
        raise ModelError(f"has two labels for one output among {', '.join(network.labels)}", path=network.place)
    decision = _decision(options)

    def probabilities(text: str) -> Mapping[str, float]:
        logits = network.logits(text)
        found = {name: float(name not in judged) for name in outputs}
        for share, names in zip(map(sigmoid, logits) if many else _softmax(logits), implied, strict=True):
            for name in names:
                found[name] = min(1.0, found[name] + share)
        return found

    labels = {label: sorted(names) for label, names in zip(network.labels, implied, strict=True)}
    return HubClassifier(_info("hub", network, decision, options, labels=labels), decision, probabilities)
