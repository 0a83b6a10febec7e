"""Texts → Framings. The only user of onnxruntime and tokenizers, both imported inside the back end.

A classifier promises: one Framing per Text in the same order; the same text always gets the same score,
whatever stands around it; and `info.model_id` names weights, tokenizer and thresholds exactly.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
import math
import os
import platform
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from .errors import ModelError
from .framing import DEFAULT_FRAMES, Decision
from .prose import first_words, plain, sentences

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    import numpy.typing as npt

    from .framing import Frames
    from .records import Framing, Text

# From 1.29 on onnxruntime reports models and machines to its maker unless this is set before it is imported: its own
# disable_telemetry_events comes too late, since the import has put an identifier into the home folder by then.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

EMBEDDED = Path(__file__).parent / "model"
"""Folder of the model that ships with the package."""


MAX_PARTS = 6
"""Parts of a text among which the deciding one is sought; each costs a pass through the model."""

BATCH_PIECES = 256
"""Word pieces that pass through the model at a time. More would be hardly faster, and take memory."""

PROBE = "Envoys of both presidents met by the lake for an hour, and each side said that it had heard something new."
"""A text to try out whether company changes a score: long enough for sums to come out differently."""


_INSTRUCTION_SETS = (
    *("avx2", "fma", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16"),
    *("asimddp", "i8mm", "bf16", "sve", "sve2"),
)


@functools.cache
def processor(listing: Path = Path("/proc/cpuinfo")) -> str:
    """Architecture and those instruction sets that change how matrices are multiplied, and so the last digits.

    "x86_64 avx2 fma avx512f"; the architecture alone where the system does not list them (outside Linux).
    """
    try:
        lines = listing.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    flags = next((line.partition(":")[2].split() for line in lines if line.startswith(("flags", "Features"))), [])
    return " ".join([platform.machine(), *(name for name in _INSTRUCTION_SETS if name in flags)])


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Names a model exactly, and says what it tells apart and what runs it.

    `frames` are the two whose labels it gives, `settings` holds thresholds and calibration; `runtime` is the
    software running it and on which device, `cpu` the machine's processor.
    """

    name: str
    version: str
    sha256: str
    codebook_version: str
    language: str
    settings: dict[str, Any]
    runtime: str
    frames: Frames = DEFAULT_FRAMES
    cpu: str = field(default_factory=processor)

    @property
    def model_id(self) -> str:
        """name@version+hash, stored with every label."""
        return f"{self.name}@{self.version}+{self.sha256[:12]}"


class Classifier(Protocol):
    """What every back end offers."""

    @property
    def info(self) -> ModelInfo:
        """Identity of the model."""
        ...

    def classify(self, texts: Sequence[Text], *, evidence: bool = False) -> list[Framing]:
        """One Framing per text, in order. With `evidence` each names the sentence that decided."""
        ...


def model_input(text: Text, summary_words: int) -> str:
    """Headline and lead as one text, the lead cut at `summary_words` words, as in training."""
    title, summary = plain(text.title), first_words(plain(text.summary), summary_words)
    if not title or not summary:
        return title or summary
    return f"{title} {summary}" if title[-1] in ".!?…:;" else f"{title}. {summary}"


CORES = "MEDIA_COVERAGE_CORES"
"""Environment variable: the cores that a process uses, for workers and for machines that are shared."""


def cores() -> int:
    """The cores this process may use, which can be fewer than the machine has."""
    if (said := os.environ.get(CORES, "")).isascii() and said.isdigit() and int(said):
        return int(said)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def sha256(path: Path) -> str:
    """Of a file, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _manifest(folder: Path, frames: Frames) -> dict[str, Any]:
    """Read model.json, verify every file it lists and that the outputs are the frames'. Raises ModelError."""
    path = folder / "model.json"
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        files: dict[str, str] = manifest["files"]
        if manifest["outputs"] != list(frames.outputs):
            raise ModelError(
                f"tells {', '.join(manifest['outputs'])} apart, but the frames in force are {frames}; "
                "name the model that was trained for them, or those frames in feeds.yaml",
                path=folder,
            )
    except FileNotFoundError:
        raise ModelError("model.json is missing; install media-coverage again", path=folder) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"model.json cannot be used ({error}); install media-coverage again", path=folder) from error
    for name, expected in files.items():
        try:
            found = sha256(folder / name)
        except FileNotFoundError:
            raise ModelError(f"{name} is missing; install media-coverage again", path=folder) from None
        except OSError as error:
            raise ModelError(f"{name} cannot be read: {error}", path=folder) from error
        if found != expected:
            raise ModelError(
                f"{name} is not the file that was released (its SHA-256 differs); install media-coverage again",
                path=folder,
            )
    return manifest


DEVICES = ("cpu", "cuda")
_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
NO_CUDA = "cannot run on cuda, which is not available here: it needs {}; or use --device cpu"


def onnx_session(weights: Path, *, threads: int = 0, device: str = "cpu") -> Any:
    """A session on `device` (cpu or cuda) with a fixed number of threads; 0 stands for the cores we may use.

    Raises ModelError where the device is missing: a run that silently fell back would take hours.
    """
    import onnxruntime

    provider = _PROVIDERS[device]
    if provider not in onnxruntime.get_available_providers():
        raise ModelError(NO_CUDA.format("onnxruntime-gpu"), path=weights.parent)
    options = onnxruntime.SessionOptions()
    # Left to itself, onnxruntime pins threads to every core of the machine, allowed or not.
    options.intra_op_num_threads = threads or cores()
    options.inter_op_num_threads = 1
    options.enable_mem_pattern = False  # kept per shape of the input, and every length is another shape
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(weights), options, providers=[provider])
    if session.get_providers()[0] != provider:  # it is built in, but the driver or a library is missing
        raise ModelError(NO_CUDA.format("an NVIDIA driver and onnxruntime-gpu"), path=weights.parent)
    return session


def onnx_runtime(device: str) -> str:
    """What runs the weights, and where: "onnxruntime 1.32.0, CPUExecutionProvider"."""
    import onnxruntime

    return f"onnxruntime {onnxruntime.__version__}, {_PROVIDERS[device]}"


def load_tokenizer(path: Path, max_tokens: int) -> Any:
    """The word pieces of a tokenizer.json, cut at `max_tokens` and not padded."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens)
    return tokenizer


def logits_of(session: Any, pieces: Sequence[int], outputs: Sequence[str] = ("logits",)) -> list[float]:
    """The three logits of one text, given as the numbers of its word pieces; with further outputs what these say."""
    return batch_logits(session, [pieces], outputs)[0]


def batch_logits(
    session: Any, batch: Sequence[Sequence[int]], outputs: Sequence[str] = ("logits",)
) -> list[list[float]]:
    """The outputs, one after another, of each of some texts that have the same number of word pieces."""
    import numpy as np

    ids: npt.NDArray[np.int64] = np.array(batch, dtype=np.int64)
    answers = session.run(list(outputs), {"input_ids": ids, "attention_mask": np.ones_like(ids)})
    found: list[list[float]] = np.concatenate(answers, axis=1).tolist()
    return found


def batches_of(lengths: Sequence[int], pieces: int) -> list[list[int]]:
    """Positions of texts of the same length in batches of at most `pieces` word pieces, or of one text.

    The largest batch comes first, so that the cores that work through them end at about the same time.
    """
    order = sorted(range(len(lengths)), key=lambda position: -lengths[position])
    batches: list[list[int]] = []
    for length, same in itertools.groupby(order, key=lengths.__getitem__):
        members, size = list(same), max(1, pieces // length)
        batches += [members[start : start + size] for start in range(0, len(members), size)]
    return sorted(batches, key=lambda batch: -len(batch) * lengths[batch[0]])


@dataclass(frozen=True, slots=True)
class Learned:
    """What a model says about the texts that it has learned from.

    `fingerprints` as of `coded.fingerprint`, None where it names none; `last_date` of the texts, YYYY-MM-DD or None.
    """

    fingerprints: frozenset[str] | None = None
    last_date: str | None = None


def learned_by(model: str) -> Learned:
    """What the model of this name, as `load_classifier` takes it, has learned from. Only embedded models say so."""
    kind, _, folder = model.partition(":")
    if kind != "embedded":
        return Learned()
    try:
        manifest = json.loads(((Path(folder) if folder else EMBEDDED) / "model.json").read_text(encoding="utf-8"))
        training = manifest["training"]
        named = training.get("learned_from")
        return Learned(None if named is None else frozenset(named.split()), training.get("last_date"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # whoever loads the model is told what is wrong
        return Learned()


def error_rates(model: str) -> tuple[str, dict[str, tuple[tuple[float, float], tuple[float, float]]]]:
    """The model's name@version and, by frame name, the ends of its card's intervals for sensitivity and specificity.

    Specificity follows from precision, recall and the numbers of coded items. Empty for models without such figures.
    """
    kind, _, folder = model.partition(":")
    if kind != "embedded":
        return "", {}
    try:
        manifest = json.loads(((Path(folder) if folder else EMBEDDED) / "model.json").read_text(encoding="utf-8"))
        scores, found = manifest["training"]["cross_validation"], {}
        for frame in manifest["frames"]:
            figures, positive = scores["outputs"][frame["output"]], int(manifest["training"][frame["output"]])
            negative = int(scores["relevant_items"]) - positive
            recall, precision = figures["recall"], figures["precision"]
            wrong = [recall["value"] * positive * (1 / precision[end] - 1) for end in ("low", "high")]
            low, high = (1 - min(1.0, count / negative) for count in wrong)
            found[str(frame["name"])] = ((float(recall["low"]), float(recall["high"])), (low, high))
        return f"{manifest['name']}@{manifest['version']}", found
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError):
        return "", {}


def decision_of(manifest: Mapping[str, Any], frames: Frames) -> Decision:
    """The calibration, thresholds, bands and, where it tells voices, offsets that a model.json holds."""
    return Decision(
        frames=frames,
        calibration={name: (c["scale"], c["bias"]) for name, c in manifest["calibration"].items()},
        thresholds=manifest["thresholds"],
        uncertain={name: (low, high) for name, (low, high) in manifest["uncertain"].items()},
        voice=manifest["voice"]["offsets"] if "voice" in manifest else None,
    )


@dataclass(frozen=True, slots=True)
class Options:
    """What a configuration may say about its classifier; each back end reads what concerns it.

    `hypotheses` and `thresholds` are by output, `labels` by the model's own label names. `language` is the topic's.
    """

    frames: Frames = DEFAULT_FRAMES
    device: str = "cpu"
    language: str | None = None
    hypotheses: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    thresholds: Mapping[str, float] = field(default_factory=dict)


class OnnxClassifier:
    """A fine-tuned encoder as an ONNX file with its tokenizer and manifest in one folder.

    Only texts of the same length share a batch, none is padded, and none shares a batch at all unless that leaves
    every bit of a score as it is.
    """

    def __init__(self, folder: Path = EMBEDDED, options: Options | None = None) -> None:
        options = options or Options()
        manifest = _manifest(folder, options.frames)
        if options.language not in {manifest["language"], None}:
            raise ModelError(
                f"reads {manifest['language']}, but topic.language is {options.language}; name a model for it",
                path=folder,
            )
        manifest["thresholds"] |= options.thresholds
        self._folder = folder
        settings = {
            name: manifest[name] for name in ("calibration", "thresholds", "uncertain", "max_tokens", "summary_words")
        }
        if "voice" in manifest:
            settings["voice"] = manifest["voice"]["offsets"]
        digest = hashlib.sha256(json.dumps([manifest["files"], settings], sort_keys=True).encode()).hexdigest()
        self._info = ModelInfo(
            name=manifest["name"],
            version=manifest["version"],
            sha256=digest,
            codebook_version=manifest["codebook_version"],
            language=manifest["language"],
            settings=settings,
            runtime=onnx_runtime(options.device),
            frames=options.frames,
        )
        self._decision = decision_of(manifest, options.frames)
        self._outputs = ("logits", "voice") if "voice" in manifest else ("logits",)
        self._summary_words = int(manifest["summary_words"])
        try:
            # One thread per text and several texts at once: threads that share one short text mostly wait for
            # each other, and spin while they wait.
            self._session = onnx_session(folder / "model.onnx", threads=1, device=options.device)
            self._tokenizer = load_tokenizer(folder / "tokenizer.json", int(manifest["max_tokens"]))
        except ModelError:
            raise
        except Exception as error:  # both libraries raise many types, all meaning that the files are unusable
            raise ModelError(f"cannot be loaded: {error}", path=folder) from error

    @property
    def info(self) -> ModelInfo:
        """Identity of the model."""
        return self._info

    @functools.cached_property
    def _company_leaves_scores_alone(self) -> bool:
        """Whether a text gets the same bits alone and in a batch: tried out, once, where it is going to run.

        So it is with graphs that the trainer writes, on processors known to us; not with those it wrote at first, which
        averaged a text's tokens in another order when it was alone, and hardly on a graphics card.
        """
        pieces = self._tokenizer.encode(PROBE).ids
        pair = [pieces, pieces[::-1]]
        alone = [logits_of(self._session, each, self._outputs) for each in pair]
        return batch_logits(self._session, pair, self._outputs) == alone

    def _logits(self, texts: Sequence[str]) -> list[list[float]]:
        pieces = [self._tokenizer.encode(text).ids for text in texts]
        lengths = [len(each) for each in pieces]
        together = len(texts) > cores() and self._company_leaves_scores_alone
        batches = batches_of(lengths, min(BATCH_PIECES, sum(lengths) // cores()) if together else 0)

        def run(batch: list[int]) -> list[list[float]]:
            return batch_logits(self._session, [pieces[position] for position in batch], self._outputs)

        if len(batches) < 2:  # nothing to share out
            answers = [run(batch) for batch in batches]
        else:
            with ThreadPoolExecutor(cores()) as pool:
                answers = list(pool.map(run, batches))
        rows = dict(zip(itertools.chain(*batches), itertools.chain(*answers), strict=True))
        if not all(map(math.isfinite, itertools.chain(*rows.values()))):
            raise ModelError("gives scores that are no numbers; install media-coverage again", path=self._folder)
        return [rows[position] for position in range(len(texts))]

    def classify(self, texts: Sequence[Text], *, evidence: bool = False) -> list[Framing]:
        """One Framing per text, in order. With `evidence` each names the sentence that decided."""
        logits = self._logits([model_input(text, self._summary_words) for text in texts])
        probabilities = [self._decision.probabilities(row[:3]) for row in logits]
        deciding = self._evidence(texts, probabilities) if evidence else [""] * len(texts)
        voices = [row[3] if len(row) > 3 else None for row in logits]
        return [self._decision.framing(*each) for each in zip(probabilities, deciding, voices, strict=True)]

    def _evidence(self, texts: Sequence[Text], probabilities: Sequence[Mapping[str, float]]) -> list[str]:
        """Of each text the sentence without which the likelier frame's logit falls most (occlusion)."""
        parts = [self._parts(text) for text in texts]
        shorter = [" ".join(own[:i] + own[i + 1 :]) for own in parts if len(own) > 1 for i in range(len(own))]
        logits = iter(self._logits(shorter))
        deciding = []
        for own, scores in zip(parts, probabilities, strict=True):
            if len(own) < 2:  # with one sentence there is nothing to leave out
                deciding.append("".join(own))
                continue
            output = 1 + self._decision.frames.names.index(self._decision.leaning(scores))  # the first is relevance
            without = [next(logits)[output] for _ in own]
            deciding.append(own[without.index(min(without))])
        return deciding

    def _parts(self, text: Text) -> list[str]:
        """Headline and sentences of the lead, at most MAX_PARTS: the last holds what is left."""
        parts = [plain(text.title), *sentences(first_words(plain(text.summary), self._summary_words))]
        parts = [part for part in parts if part]
        if len(parts) > MAX_PARTS:
            parts[MAX_PARTS - 1 :] = [" ".join(parts[MAX_PARTS - 1 :])]
        return parts


def _embedded(argument: str, options: Options) -> Classifier:
    return OnnxClassifier(Path(argument) if argument else EMBEDDED, options)


def _zero_shot(argument: str, options: Options) -> Classifier:
    from .hub import zero_shot

    return zero_shot(argument, options)


def _hub(argument: str, options: Options) -> Classifier:
    from .hub import fine_tuned

    return fine_tuned(argument, options)


BACKENDS: dict[str, Callable[[str, Options], Classifier]] = {
    "embedded": _embedded,
    "zero-shot": _zero_shot,
    "hub": _hub,
}
"""Classifiers by name. What follows a colon is theirs to read: a folder, or a hub model and its revision."""


def load_classifier(
    model: str = "embedded",
    *,
    frames: Frames = DEFAULT_FRAMES,
    device: str = "cpu",
    language: str | None = None,
    hypotheses: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    thresholds: Mapping[str, float] | None = None,
) -> Classifier:
    """A classifier: "embedded", "embedded:FOLDER", "zero-shot:OWNER/MODEL@REVISION", "hub:OWNER/MODEL@REVISION".

    Folders stand in for hub models too. The rest is what feeds.yaml says under `frames` and `classifier`. Raises
    ModelError for an unknown name, unusable files or a missing device, MissingExtraError where packages are missing.
    """
    kind, _, argument = model.partition(":")
    if kind not in BACKENDS:
        raise ModelError(f"is not known; known: {', '.join(BACKENDS)}", path=model)
    if device not in DEVICES:
        raise ModelError(f"cannot run on {device!r}; devices: {', '.join(DEVICES)}", path=model)
    if unknown := sorted({*(hypotheses or {}), *(thresholds or {})} - {*frames.outputs}):
        raise ModelError(f"has no output {', '.join(unknown)}; outputs: {', '.join(frames.outputs)}", path=model)
    options = Options(frames, device, language, hypotheses or {}, labels or {}, thresholds or {})
    return BACKENDS[kind](argument, options)
