"""Texts → Framings. The only user of onnxruntime and tokenizers, both imported inside the back end.

A classifier promises: one Framing per Text in the same order; the same text always gets the same score,
whatever stands around it; and `info.model_id` names weights, tokenizer and thresholds exactly.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from .errors import ModelError
from .framing import OUTPUTS, Decision
from .prose import first_words, plain, sentences

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    import numpy.typing as npt

    from .records import Framing, Text

EMBEDDED = Path(__file__).parent / "model"
"""Folder of the model that ships with the package."""


MAX_PARTS = 6
"""Parts of a text among which the deciding one is sought; each costs a pass through the model."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Names a model exactly. `settings` holds thresholds and calibration, `runtime` the software running it."""

    name: str
    version: str
    sha256: str
    codebook_version: str
    language: str
    settings: dict[str, Any]
    runtime: str

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


def _cores() -> int:
    """The cores this process may use, which can be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _manifest(folder: Path) -> dict[str, Any]:
    """Read model.json and verify every file it lists. Raises ModelError."""
    path = folder / "model.json"
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        files: dict[str, str] = manifest["files"]
        if manifest["outputs"] != list(OUTPUTS):
            raise ModelError(f"model.json lists the outputs {manifest['outputs']}, not {list(OUTPUTS)}", path=folder)
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


def onnx_session(weights: Path, *, threads: int = 0, device: str = "cpu") -> Any:
    """A session on `device` (cpu or cuda) with a fixed number of threads; 0 stands for the cores we may use."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # Left to itself, onnxruntime pins threads to every core of the machine, allowed or not.
    options.intra_op_num_threads = threads or _cores()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    providers = {"cpu": ["CPUExecutionProvider"], "cuda": ["CUDAExecutionProvider", "CPUExecutionProvider"]}
    return onnxruntime.InferenceSession(str(weights), options, providers=providers[device])


class OnnxClassifier:
    """A fine-tuned encoder as an ONNX file with its tokenizer and manifest in one folder.

    Texts are run one at a time and unpadded: dynamic int8 quantisation would otherwise let an article's score
    depend on what else stands in its batch.
    """

    def __init__(self, folder: Path = EMBEDDED) -> None:
        manifest = _manifest(folder)
        self._folder = folder
        import onnxruntime
        from tokenizers import Tokenizer

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
            runtime=f"onnxruntime {onnxruntime.__version__}",
        )
        self._decision = Decision(
            calibration={name: (c["scale"], c["bias"]) for name, c in manifest["calibration"].items()},
            thresholds=manifest["thresholds"],
            uncertain={name: (low, high) for name, (low, high) in manifest["uncertain"].items()},
        )
        self._summary_words = int(manifest["summary_words"])
        try:
            # One thread per text and several texts at once: threads that share one short text mostly wait for
            # each other, and spin while they wait.
            self._session = onnx_session(folder / "model.onnx", threads=1)
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as error:  # both libraries raise many types, all meaning that the files are unusable
            raise ModelError(f"cannot be loaded: {error}", path=folder) from error
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(int(manifest["max_tokens"]))

    @property
    def info(self) -> ModelInfo:
        """Identity of the model."""
        return self._info

    def _logits(self, text: str) -> list[float]:
        import numpy as np

        ids: npt.NDArray[np.int64] = np.array([self._tokenizer.encode(text).ids], dtype=np.int64)
        (logits,) = self._session.run(["logits"], {"input_ids": ids, "attention_mask": np.ones_like(ids)})
        if not np.isfinite(logits).all():
            raise ModelError("gives scores that are no numbers; install media-coverage again", path=self._folder)
        return [float(value) for value in logits[0]]

    def classify(self, texts: Sequence[Text], *, evidence: bool = False) -> list[Framing]:
        """One Framing per text, in order. With `evidence` each names the sentence that decided."""
        if len(texts) < 2:  # nothing to share out
            return [self._one(text, evidence=evidence) for text in texts]
        with ThreadPoolExecutor(_cores()) as pool:
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
        output = OUTPUTS.index("hope" if frame == "hopeful_peace" else "appease")
        without = [self._logits(" ".join(parts[:i] + parts[i + 1 :]))[output] for i in range(len(parts))]
        return parts[without.index(min(without))]


def _embedded(argument: str) -> Classifier:
    return OnnxClassifier(Path(argument) if argument else EMBEDDED)


def _zero_shot(argument: str) -> Classifier:
    from .hub import DEFAULT_MODEL, ZeroShotClassifier

    name, _, revision = argument.partition("@")
    return ZeroShotClassifier(name or DEFAULT_MODEL, revision or None)


BACKENDS: dict[str, Callable[[str], Classifier]] = {
    "embedded": _embedded,
    "zero-shot": _zero_shot,
}
"""Classifiers by name. What follows a colon is theirs to read: a folder, or a hub model and its revision."""


def load_classifier(name: str = "embedded") -> Classifier:
    """A classifier: "embedded", "embedded:FOLDER" or "zero-shot:OWNER/MODEL@REVISION".

    Raises ModelError for an unknown name or unusable files, MissingExtraError where packages are missing.
    """
    kind, _, argument = name.partition(":")
    if kind not in BACKENDS:
        raise ModelError(f"is not known; known: {', '.join(BACKENDS)}", path=name)
    return BACKENDS[kind](argument)
