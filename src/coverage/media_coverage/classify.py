"""Texts → Framings. The only user of onnxruntime and tokenizers, both imported inside the back end.

A classifier promises: one Framing per Text in the same order; the same text always gets the same score,
whatever stands around it; and `info.model_id` names weights, tokenizer and thresholds exactly.
"""

from __future__ import annotations

import functools
import hashlib
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

EMBEDDED = Path(__file__).parent / "model"
"""Folder of the model that ships with the package."""


MAX_PARTS = 6
"""Parts of a text among which the deciding one is sought; each costs a pass through the model."""


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


def cores() -> int:
    """The cores this process may use, which can be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _sha256(path: Path) -> str:
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
            found = _sha256(folder / name)
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


def logits_of(session: Any, pieces: Sequence[int]) -> list[float]:
    """The three logits of one text, given as the numbers of its word pieces."""
    import numpy as np

    ids: npt.NDArray[np.int64] = np.array([pieces], dtype=np.int64)
    (logits,) = session.run(["logits"], {"input_ids": ids, "attention_mask": np.ones_like(ids)})
    return [float(value) for value in logits[0]]


def decision_of(manifest: Mapping[str, Any], frames: Frames) -> Decision:
    """The calibration, thresholds and bands that a model.json holds."""
    return Decision(
        frames=frames,
        calibration={name: (c["scale"], c["bias"]) for name, c in manifest["calibration"].items()},
        thresholds=manifest["thresholds"],
        uncertain={name: (low, high) for name, (low, high) in manifest["uncertain"].items()},
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

    Texts are run one at a time and unpadded: dynamic int8 quantisation would otherwise let an article's score
    depend on what else stands in its batch.
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

    def _logits(self, text: str) -> list[float]:
        logits = logits_of(self._session, self._tokenizer.encode(text).ids)
        if not all(map(math.isfinite, logits)):
            raise ModelError("gives scores that are no numbers; install media-coverage again", path=self._folder)
        return logits

    def classify(self, texts: Sequence[Text], *, evidence: bool = False) -> list[Framing]:
        """One Framing per text, in order. With `evidence` each names the sentence that decided."""
        if len(texts) < 2:  # nothing to share out
            return [self._one(text, evidence=evidence) for text in texts]
        with ThreadPoolExecutor(cores()) as pool:
            return list(pool.map(functools.partial(self._one, evidence=evidence), texts))

    def _one(self, text: Text, *, evidence: bool) -> Framing:
        probabilities = self._decision.probabilities(self._logits(model_input(text, self._summary_words)))
        deciding = self._evidence(text, self._decision.leaning(probabilities)) if evidence else ""
        return self._decision.framing(probabilities, deciding)

    def _evidence(self, text: Text, frame: str) -> str:
        """The sentence without which the likelier frame's logit falls most (occlusion)."""
        parts = [plain(text.title), *sentences(first_words(plain(text.summary), self._summary_words))]
        parts = [part for part in parts if part]
        parts[MAX_PARTS - 1 :] = (
            [" ".join(parts[MAX_PARTS - 1 :])] if len(parts) > MAX_PARTS else parts[MAX_PARTS - 1 :]
        )
        if len(parts) < 2:  # with one sentence there is nothing to leave out
            return "".join(parts)
        output = 1 + self._decision.frames.names.index(frame)  # the first output is relevance
        without = [self._logits(" ".join(parts[:i] + parts[i + 1 :]))[output] for i in range(len(parts))]
        return parts[without.index(min(without))]


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
