"""Coded items → a model folder: folds, out-of-fold logits, calibration, final fit, export, manifest, card.

Nothing is chosen or reported from items that a network has learned from. Near-duplicates share a fold.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.metadata
import multiprocessing
import shutil
import tempfile
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from . import calibration, export, finetune, model_card
from .classify import batch_logits, cores, load_tokenizer, logits_of, onnx_session, processor, sha256
from .coded import code_array, coded, fingerprint, from_codes, grouped_folds, join, near_duplicate_groups, read, splits
from .errors import InputError
from .evaluation import evaluate, voice_scores
from .framing import DEFAULT_FRAMES
from .store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import numpy.typing as npt

    from .coded import CodedItem, Coding
    from .finetune import Base, Recipe
    from .framing import Decision, Frames

    Array = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]

MIN_ITEMS = 40
MIN_CODED = 10
"""Distinct texts (near-duplicates count once) that each code must have, 1 and 0, for anything to be learned of it."""

MAX_FOLDS = 5
CODED_PER_FOLD = 5
FOLD_SEED = 7

MAX_PROCESSES = 4
"""Fits side by side, one thread each: a fit takes 1 to 2 GB of memory."""

LIBRARIES = ("torch", "transformers", "onnx", "onnxruntime")
"""Whose versions decide the weights."""

MIN_VOICES = 40
"""Items with a frame in the outlet's own voice, and with one that is only quoted, that a voice is learned from."""

VOICE_DEPTH = 5 / 8
"""Share of the layers after which the token states tell voices best: learning the frames drives voices out of the upper
ones, and the lower ones know too little (training/EXPERIMENTS.md)."""

VOICE_PENALTY = 0.1
"""Of the squared weights, with states scaled to a mean length of 1."""

REFERENCE_ITEMS = 300
REFERENCE_FILE = "reference_logits.json"


@dataclass(frozen=True, slots=True)
class Setup:
    """How to learn: base, recipe, the first fold's seed (each further fold has the next), the device (cpu or cuda)."""

    base: Base
    recipe: Recipe
    seed: int
    device: str = "cpu"


@dataclass(frozen=True, slots=True)
class Identity:
    """What the model is called and whose codes it gives."""

    name: str
    version: str
    codebook_version: str
    language: str


# ---------------------------------------------------------------------- what there is


def read_sources(sources: Sequence[Path], frames: Frames | None) -> tuple[Coding, Frames]:
    """What the files and databases hold, and the frames: those given, or else those of the first database.

    Raises InputError for files, StoreError for databases, among others where their frames are not those given.
    """
    codings = []
    for source in sources:
        if _is_database(source):
            with open_store(source, frames=frames) as store:
                frames = store.frames
                rows = store.codes().to_dict("records")
                reserved = [(version, text) for version, _, text in store.coded_texts("audit")]
            named = ({str(name): value for name, value in row.items()} for row in rows)
            codings.append(from_codes(named, frames, reserved))
            if not codings[-1].items:
                raise InputError("holds no codes for training", path=source)
        else:
            codings.append(read(source, frames or DEFAULT_FRAMES))
    return join(codings), frames or DEFAULT_FRAMES


def _is_database(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(16) == b"SQLite format 3\0"
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path=path) from error


# ---------------------------------------------------------------------- what the data allow


def groups_of(items: Sequence[CodedItem], recipe: Recipe) -> Integers:
    """Near-duplicate groups of what the network reads."""
    return near_duplicate_groups(finetune.texts_of(items, recipe))


def fold_count(items: Sequence[CodedItem], groups: Integers, frames: Frames, source: str) -> int:
    """How many folds the items allow, 2 to 5. Raises InputError, naming all that is missing, where they allow none."""
    codes = code_array(items)
    relevant = codes[:, 0] == 1
    counts = {
        f"{name} = {value}": len(np.unique(groups[rows & (codes[:, k] == value)]))
        for k, (name, rows) in enumerate(zip(("rel", *frames.outputs[1:]), (True, relevant, relevant), strict=True))
        for value in (1, 0)
    }
    missing = [f"{MIN_ITEMS - len(items)} more items"] if len(items) < MIN_ITEMS else []
    missing += [f"{MIN_CODED - count} more with {code}" for code, count in counts.items() if count < MIN_CODED]
    if missing:
        raise InputError(
            f"{len(items)} coded items are too few to learn from: code {', '.join(missing)} (the least is {MIN_ITEMS} "
            f"items and {MIN_CODED} distinct texts of each code, frames on relevant texts)",
            path=source,
        )
    return max(2, min(MAX_FOLDS, min(counts.values()) // CODED_PER_FOLD))


def strata_of(items: Sequence[CodedItem]) -> Integers:
    """A number per combination of codes, for folds in which each has its share."""
    return np.asarray(np.nan_to_num(code_array(items)) @ (1, 2, 4), dtype=np.int64)


# ---------------------------------------------------------------------- fits


@dataclass(frozen=True, slots=True)
class _Job:
    learned: Sequence[CodedItem]
    scored: Sequence[CodedItem]
    setup: Setup
    stored: bool = True
    """Whether the scored items are also given to the network as a file would store it."""


def _fit(job: _Job, weights: Path | None) -> tuple[Array, Array]:
    """Logits of the scored items, computed and as a stored file gives them; the network is left in `weights`.

    Where nothing is stored, the second are NaN.
    """
    base, recipe = job.setup.base, job.setup.recipe
    model = finetune.fit(finetune.examples(job.learned, base, recipe), base, recipe, job.setup.seed, job.setup.device)
    if weights:
        finetune.save_weights(model, weights)
    if job.stored:
        with tempfile.TemporaryDirectory() as folder:
            return _store(model, job, Path(folder))
    computed = finetune.predict(finetune.snapped(model), finetune.tokenise(job.scored, base, recipe))
    return computed, np.full_like(computed, np.nan)


def _join(job: _Job, members: Sequence[Path], folder: Path) -> tuple[Array, Array]:
    """The mean of the members, learning a little more from everything; left in `folder` as `_store` does."""
    base, recipe = job.setup.base, job.setup.recipe
    mean = finetune.mean([finetune.load_weights(base, recipe, path) for path in members])
    data = finetune.examples(job.learned, base, recipe)
    return _store(finetune.polish(mean, data, recipe, job.setup.seed, job.setup.device), job, folder)


def _store(model: Any, job: _Job, folder: Path) -> tuple[Array, Array]:
    """Leave fp32.onnx and model.onnx in `folder`; logits of the scored items, as computed and as stored."""
    model = finetune.snapped(model)
    tokens = finetune.tokenise(job.scored, job.setup.base, job.setup.recipe)
    finetune.save_onnx(model, folder / "fp32.onnx")
    export.quantise(folder / "fp32.onnx", folder / "model.onnx")
    session = onnx_session(folder / "model.onnx", threads=1)
    stored = np.array([logits_of(session, pieces) for pieces in tokens], dtype=np.float64).reshape(-1, 3)
    return finetune.predict(model, tokens), stored


_Logits = tuple["Array", "Array"]


def _at_once(function: Callable[..., _Logits], *arguments: object) -> Future[_Logits]:
    done: Future[_Logits] = Future()
    done.set_result(function(*arguments))
    return done


@contextlib.contextmanager
def _workers(setup: Setup, jobs: int) -> Iterator[Callable[..., Future[_Logits]]]:
    """A function that starts a fit: in processes side by side on the processor, one after another on a GPU."""
    if setup.device != "cpu":
        yield _at_once
        return
    # Fresh interpreters: forked ones would inherit torch's thread pools.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(jobs, cores(), MAX_PROCESSES), mp_context=context) as pool:
        yield pool.submit


def out_of_fold(
    items: Sequence[CodedItem],
    extra: Sequence[CodedItem],
    folds: Sequence[tuple[Integers, Integers]],
    setup: Setup,
    say: Callable[[str], None],
    *,
    progress: Callable[[str, int, int], None] | None = None,
    scored: Sequence[CodedItem] = (),
    members: Sequence[Path] = (),
) -> Array:
    """Logits (2, items, 3), computed and as stored, of networks that have not learned from the item.

    `extra` items are learned from in every fold; items that no fold holds out have NaN. `scored` are the items as they
    are scored, where that is not how they are learned. The folds' networks are left in the files `members`. With these,
    the first network is stored, too: converting each would take minutes and say the same. The others' items, and
    without `members` all, have NaN as stored.
    """
    logits = np.full((2, len(items), 3), np.nan)
    with _workers(setup, len(folds)) as start:
        fits = []
        for number, (learned, held_out) in enumerate(folds):
            own = dataclasses.replace(setup, seed=setup.seed + number)
            job = _Job(
                [*(items[i] for i in learned), *extra],
                [(scored or items)[i] for i in held_out],
                own,
                bool(members) and not number,
            )
            fits.append(start(_fit, job, members[number] if members else None))
        for number, ((_, held_out), fit) in enumerate(zip(folds, fits, strict=True), start=1):
            logits[:, held_out] = fit.result()
            say(f"fold {number} of {len(folds)} done")
            if progress:
                progress("folds", number, len(folds))
    return logits


def joined(
    items: Sequence[CodedItem], scored: Sequence[CodedItem], setup: Setup, members: Sequence[Path], folder: Path
) -> Array:
    """Make the network that ships out of the folds' networks, leave it in `folder`, and give its logits of `scored`."""
    with _workers(setup, 1) as start:
        computed, _ = start(_join, _Job(items, scored, setup), members, folder).result()
    return computed


# ---------------------------------------------------------------------- whose voice


@dataclass(frozen=True, slots=True)
class Heard:
    """Items that carry a frame and whose voice is coded: what a network's states say about them, and the codes.

    `states` (items, width) are scaled to a mean length of 1 by `scale`; `frames` (items, 2) and `own` (items,) are
    codes, `own` the outlet's own voice, alone or beside a quoted one.
    """

    items: Sequence[CodedItem]
    states: Array
    scale: float
    frames: Array
    own: npt.NDArray[np.bool_]

    def chances(self, folds: Sequence[tuple[Integers, Integers]]) -> Array:
        """Out-of-fold probabilities of the outlet's own voice; NaN for items that no fold holds out."""
        features = np.column_stack([self.states, self.frames])
        chances = np.full(len(self.items), np.nan)
        for learned, held_out in folds:
            weights, bias = calibration.ridge(features[learned], self.own[learned], VOICE_PENALTY)
            chances[held_out] = calibration.sigmoid(features[held_out] @ weights + bias)
        return chances


def hear(items: Sequence[CodedItem], folder: Path, layer: int, recipe: Recipe) -> Heard:
    """What the network in `folder` (model.onnx, tokenizer.json) hands on after `layer` layers, of items with voices."""
    items = [item for item in items if item.own is not None]
    tokenizer = load_tokenizer(folder / "tokenizer.json", recipe.max_tokens)
    with tempfile.TemporaryDirectory() as name:
        export.add_states(folder / "model.onnx", Path(name) / "states.onnx", layer)
        session = onnx_session(Path(name) / "states.onnx")
    rows = [
        batch_logits(session, [tokenizer.encode(text).ids], ("voice",))[0] for text in finetune.texts_of(items, recipe)
    ]
    states = np.array(rows, dtype=np.float64)
    scale = float(np.linalg.norm(states, axis=1).mean()) if len(states) else 1.0
    return Heard(items, states / scale, scale, code_array(items)[:, 1:], np.array([item.own for item in items], bool))


def add_voice(
    items: Sequence[CodedItem], folder: Path, recipe: Recipe, folds: int, frames: Frames
) -> dict[str, Any] | None:
    """Teach the network in `folder` to tell voices, and return the manifest's `voice`; None where too few are coded.

    The frames' outputs stay as they are, bit by bit: the voice is read off an inner layer. Figures are out of fold,
    near-duplicates in one, with the coded frames told; the network itself has learned these items' frames, though no
    voice.
    """
    own = [item.own for item in items]
    if min(own.count(True), own.count(False)) < MIN_VOICES:
        return None
    layer = round(VOICE_DEPTH * export.layers(folder / "model.onnx"))
    heard = hear(items, folder, layer, recipe)
    groups = groups_of(heard.items, recipe)
    fold_of = grouped_folds(groups, heard.own.astype(np.int64), folds, FOLD_SEED)
    chances = heard.chances(splits(fold_of, groups))
    features = np.column_stack([heard.states, heard.frames])
    weights, bias = calibration.ridge(features, heard.own, VOICE_PENALTY)
    export.add_voice(folder / "model.onnx", folder / "model.onnx", layer, weights[:-2] / heard.scale, bias)
    return {
        "layer": layer,
        "offsets": {name: round(float(value), 6) for name, value in zip(frames.outputs[1:], weights[-2:], strict=True)},
        "items": len(heard.items),
        "own": int(heard.own.sum()),
        "cross_validation": {"folds": folds, **_rounded(voice_scores(heard.own, chances))},
    }


# ---------------------------------------------------------------------- the whole of it


def train(
    coding: Coding,
    frames: Frames,
    out: Path,
    setup: Setup,
    identity: Identity,
    *,
    extra: Sequence[CodedItem] = (),
    folds: int = MAX_FOLDS,
    source: str = "coded items",
    say: Callable[[str], None] = lambda _: None,
    progress: Callable[[str, int, int], None] | None = None,
) -> dict[str, Any]:
    """Train on `coding` and `extra`, write the model folder `out`, and return its manifest.

    `extra` items are learned from and never scored; `folds` is the most that are made of the others. Raises
    InputError where there is too little to learn from, MissingExtraError without the extra `train`, ModelError for a
    missing device.
    """
    finetune.require_extra(setup.device)
    prepare(out)
    items = coding.items
    groups = groups_of(items, setup.recipe)
    count = min(folds, fold_count(items, groups, frames, source))
    fold_of = grouped_folds(groups, strata_of(items), count, FOLD_SEED)
    spread = np.unique(np.linspace(0, len(extra) - 1, REFERENCE_ITEMS).round()) if extra else ()
    reference = [extra[int(i)] for i in spread]
    with tempfile.TemporaryDirectory(dir=out.absolute().parent) as name:
        work = Path(name)
        members = [work / f"fold-{number}.safetensors" for number in range(count)]
        say(f"{len(items)} coded items in {count} folds, {len(extra)} beside them")
        logits = out_of_fold(items, extra, splits(fold_of, groups), setup, say, progress=progress, members=members)
        of_reference = joined([*items, *extra], reference, setup, members, work)
        say("mean of the folds' networks done")
        versions = {name: importlib.metadata.version(name) for name in LIBRARIES}
        manifest = describe(coding, extra, frames, setup, identity, logits, fold_of, versions)
        if reference:
            manifest["gate"] = _write_reference(work, reference, of_reference)
        for path in (work / "fp32.onnx", *members):
            path.unlink()
        export.write_tokenizer(setup.base.folder / "tokenizer.json", work)
        if voice := add_voice(items, work, setup.recipe, count, frames):
            manifest["voice"] = voice
            say("voice learned")
        for licence in setup.base.licences:
            shutil.copyfile(licence, work / licence.name)
        (work / "MODEL_CARD.md").write_text(model_card.markdown(manifest), encoding="utf-8")
        export.write_folder(work, out, manifest)
    return manifest


def prepare(out: Path) -> None:
    """Make the folder now: after the fits it would be late to learn that it cannot be written."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        foreign = any(out.iterdir()) and not (out / "model.json").exists()
    except OSError as error:
        raise InputError(f"the model cannot be written there: {error.strerror}", path=out) from error
    if foreign:
        raise InputError("holds other files; name a new folder with --out, or one with a model", path=out)


def _write_reference(folder: Path, items: Sequence[CodedItem], logits: Array) -> dict[str, Any]:
    """Computed logits of some authored items, for the test that holds the stored file against them."""
    rows = {item.id: [round(float(value), 5) for value in row] for item, row in zip(items, logits, strict=True)}
    export.write_json({"fp32_sha256": sha256(folder / "fp32.onnx"), "logits": rows}, folder / REFERENCE_FILE)
    return {"file": REFERENCE_FILE, "sha256": sha256(folder / REFERENCE_FILE), "items": len(rows)}


def describe(
    coding: Coding,
    extra: Sequence[CodedItem],
    frames: Frames,
    setup: Setup,
    identity: Identity,
    logits: Array,
    fold_of: Integers,
    versions: Mapping[str, str],
) -> dict[str, Any]:
    """The manifest, from out-of-fold logits (2, items, 3), computed and as stored (NaN where nothing was stored).

    The calibration and thresholds that ship use every complete item's logits; the figures are cross-fitted.
    """
    items = coding.items
    whole = np.array([item.complete for item in items], dtype=bool)
    codes = code_array(items)[whole]
    full, stored = logits[:, whole]
    decision = calibration.fit(full, codes, frames)
    framings = calibration.cross_fit(full, codes, fold_of[whole], frames)
    base, recipe = setup.base, setup.recipe
    return {
        **dataclasses.asdict(identity),
        "max_tokens": min(recipe.max_tokens, base.max_positions),
        "summary_words": recipe.summary_words,
        "outputs": list(frames.outputs),
        "frames": [dataclasses.asdict(frame) for frame in frames.both],
        "calibration": {name: {"scale": scale, "bias": bias} for name, (scale, bias) in decision.calibration.items()},
        "thresholds": dict(decision.thresholds),
        "uncertain": {name: list(band) for name, band in decision.uncertain.items()},
        "base": {"name": base.name, "sha256": base.sha256, "licences": [path.name for path in base.licences]},
        "training": {
            "date": datetime.now(UTC).date().isoformat(),
            **_counts(items, frames),
            "learned_only": len(extra),
            "learned_from": " ".join(sorted({fingerprint(item.text) for item in (*items, *extra)})),
            "left_out": list(coding.notes),
            "seed": setup.seed,
            "recipe": dataclasses.asdict(recipe),
            "device": setup.device,
            "cpu": processor(),
            "precision": "bfloat16" if finetune.has_bfloat16(setup.device) else "float32",
            "versions": dict(versions),
            "cross_validation": {
                "folds": len(np.unique(fold_of)),
                **_rounded(evaluate(coded(item for item in items if item.complete), framings, frames)),
            },
            "stored_against_computed": _agreement(decision, full, stored, codes),
        },
    }


def _counts(items: Sequence[CodedItem], frames: Frames) -> dict[str, Any]:
    codes = code_array(items)
    dates = sorted(item.date for item in items if item.date)
    return {
        "items": len(items),
        "relevant": int((codes[:, 0] == 1).sum()),
        **{name: int((codes[:, k] == 1).sum()) for k, name in enumerate(frames.outputs) if k},
        "mixed": int((codes[:, 1:] == 1).all(axis=1).sum()),
        "headline_only": sum(not item.text.summary.strip() for item in items),
        "coin_flips": sum(item.certainty == finetune.COIN_FLIP for item in items),
        "outlets": len({item.outlet for item in items if item.outlet}),
        "first_date": dates[0] if dates else None,
        "last_date": dates[-1] if dates else None,
    }


def _agreement(decision: Decision, full: Array, stored: Array, codes: Array) -> dict[str, float]:
    """What storing changes, on relevant items, with the calibration and thresholds that ship."""
    rows = (codes[:, 0] == 1) & ~np.isnan(stored).any(axis=1)
    ours, theirs = (calibration.decide(decision, logits[rows]) for logits in (full, stored))
    return {
        "items": int(rows.sum()),
        "label_agreement": round(float(np.mean([a.label == b.label for a, b in zip(ours, theirs, strict=True)])), 4),
        "mean_probability_change": round(
            float(np.mean([np.abs(np.subtract(a.p, b.p)) for a, b in zip(ours, theirs, strict=True)])), 4
        ),
    }


def _rounded(value: Any) -> Any:
    """Three digits are more than the intervals justify."""
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    return round(value, 3) if isinstance(value, float) else value
