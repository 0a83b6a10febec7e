"""Zero-shot models of the Hugging Face hub behind the classifier's interface. The only user of transformers.

A natural-language-inference model reads the text as premise and one hypothesis per output (codebook, section 7), each
on its own; the probability is that of entailment against contradiction. Such a model is exploratory: on comparable
tasks it stays well behind the embedded one, and its scores depend on the wording, so the hypotheses are part of its
identity and its labels must not be drawn on one line with another model's.

Nothing is downloaded unless a hub model is named; a folder with the model's files works as a name too.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .classify import ModelInfo, model_input
from .errors import MissingExtraError, ModelError
from .framing import OUTPUTS, Decision

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .records import Framing, Text

DEFAULT_MODEL = "mlburnham/Political_DEBATE_base_v1.0"
HYPOTHESES = {
    "relevant": "This text is about talks between Trump and Putin concerning Ukraine.",
    "hope": "This text presents the talks between Trump and Putin as a chance for or a step toward peace.",
    "appease": (
        "This text presents the talks between Trump and Putin as rewarding Russia's aggression or betraying Ukraine."
    ),
}
"""One short hypothesis with a single criterion per output, as the authors of such models recommend."""

CODEBOOK_VERSION = "1.1"
SUMMARY_WORDS = 60
MAX_TOKENS = 256
_FILES = ("*.json", "*.model", "*.txt", "model.safetensors", "onnx/model.onnx")
_UNCALIBRATED = Decision(
    calibration=dict.fromkeys(OUTPUTS, (1.0, 0.0)),
    thresholds=dict.fromkeys(OUTPUTS, 0.5),
    uncertain=dict.fromkeys(OUTPUTS, (0.3, 0.7)),
)


def _folder(name: str, revision: str | None) -> Path:
    """The model's files: a local folder, or a snapshot of the hub. Raises ModelError."""
    if Path(name).is_dir():
        return Path(name)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=list(_FILES)))
    except HFValidationError as error:
        raise ModelError("is neither a folder nor a name like owner/model", path=name) from error
    except (LocalEntryNotFoundError, OSError, HfHubHTTPError) as error:
        status = getattr(getattr(error, "response", None), "status_code", None)
        why = f"the hub answered {status}" if status else "the hub cannot be reached, and there is no local copy"
        raise ModelError(f"cannot be downloaded: {why}", path=name) from error


def _label_positions(labels: dict[int, str], name: str) -> tuple[int, list[int]]:
    """(position of entailment, positions to set it against). Raises ModelError for labels of another task."""
    found = {label.lower().replace("-", "_"): position for position, label in labels.items()}
    entailment = found.get("entailment")
    against = [found[label] for label in ("contradiction", "not_entailment") if label in found]
    if entailment is None or not against:
        raise ModelError(
            f"has the labels {', '.join(labels.values())}; a zero-shot model needs entailment and contradiction",
            path=name,
        )
    return entailment, against


class ZeroShotClassifier:
    """An inference model as a framing classifier. Runs by onnxruntime where the repository carries ONNX weights.

    `device` is cpu or cuda. Raises ModelError, and MissingExtraError where only torch can run the weights.
    """

    def __init__(self, name: str = DEFAULT_MODEL, revision: str | None = None, device: str = "cpu") -> None:
        os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")  # it would warn that torch is missing
        from transformers import AutoConfig, AutoTokenizer, __version__

        folder = _folder(name, revision)
        try:
            self._config = AutoConfig.from_pretrained(folder, local_files_only=True)
            self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError, KeyError) as error:
            raise ModelError(f"cannot be loaded: {str(error).splitlines()[0]}", path=name) from error
        self._entailment, self._against = _label_positions(self._config.id2label, name)
        weights = folder / "onnx" / "model.onnx"
        if weights.is_file():
            self._score, runtime = self._onnx(weights, device)
        else:
            weights = folder / "model.safetensors"
            self._score, runtime = self._torch(folder, name, device)
        self._info = self._identify(name, weights, f"transformers {__version__}, {runtime}")

    def _identify(self, name: str, weights: Path, runtime: str) -> ModelInfo:
        with weights.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256")
        digest.update(json.dumps(HYPOTHESES, sort_keys=True).encode())
        return ModelInfo(
            name=f"zero-shot:{name}",
            version="1",
            sha256=digest.hexdigest(),
            codebook_version=CODEBOOK_VERSION,
            language="en",
            settings={"hypotheses": HYPOTHESES, "thresholds": dict(_UNCALIBRATED.thresholds)},
            runtime=runtime,
        )

    def _onnx(self, weights: Path, device: str) -> tuple[Callable[[str, str], Sequence[float]], str]:
        import numpy as np

        from .classify import onnx_session

        session = onnx_session(weights, device=device)
        wanted = {node.name for node in session.get_inputs()}

        def score(premise: str, hypothesis: str) -> Sequence[float]:
            tokens = self._tokenizer(premise, hypothesis, truncation="only_first", max_length=MAX_TOKENS)
            feed = {key: np.array([ids], dtype=np.int64) for key, ids in tokens.items() if key in wanted}
            return [float(value) for value in session.run(None, feed)[0][0]]

        return score, "onnxruntime"

    def _torch(self, folder: Path, name: str, device: str) -> tuple[Callable[[str, str], Sequence[float]], str]:
        try:
            import torch
        except ImportError:
            raise MissingExtraError(f"the model {name} has no ONNX weights and", "zero-shot") from None
        from transformers import AutoModelForSequenceClassification

        try:
            model: Any = AutoModelForSequenceClassification.from_pretrained(folder, local_files_only=True)
            model = model.eval().to(device)
        except (OSError, ValueError, RuntimeError) as error:
            raise ModelError(f"cannot be loaded: {str(error).splitlines()[0]}", path=name) from error

        def score(premise: str, hypothesis: str) -> Sequence[float]:
            tokens = self._tokenizer(
                premise, hypothesis, truncation="only_first", max_length=MAX_TOKENS, return_tensors="pt"
            )
            with torch.inference_mode():
                return [float(value) for value in model(**tokens.to(device)).logits[0]]

        return score, f"torch {torch.__version__}"

    @property
    def info(self) -> ModelInfo:
        """Identity of the model, hypotheses included."""
        return self._info

    def classify(self, texts: Sequence[Text], *, evidence: bool = False) -> list[Framing]:
        """One Framing per text, in order. The headline stands as evidence: searching costs too many passes."""
        return [self._one(text, text.title if evidence else "") for text in texts]

    def _one(self, text: Text, evidence: str) -> Framing:
        premise = model_input(text, SUMMARY_WORDS)
        logits = [self._entailment_logit(self._score(premise, HYPOTHESES[name])) for name in OUTPUTS]
        return _UNCALIBRATED.framing(_UNCALIBRATED.probabilities(logits), evidence)

    def _entailment_logit(self, logits: Sequence[float]) -> float:
        """Log-odds of entailment against contradiction, or against "not entailment" in two-way models."""
        return logits[self._entailment] - max(logits[position] for position in self._against)
