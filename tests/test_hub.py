"""Hub models: tiny random ones of the real form, the real loading code, and a hub on loopback."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import math
import shutil
import subprocess
import sys
from itertools import permutations
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
import pytest
from conftest import config_text, rss
from feedserver import FeedServer, Request, Response, unused_port
from hubmodels import NLI, TWO_WAY, network, onnx_model
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from media_coverage import pipeline
from media_coverage.classify import DEVICES, load_classifier, model_input
from media_coverage.compare import compare
from media_coverage.errors import MissingExtraError, ModelError
from media_coverage.framing import DEFAULT_FRAMES, Frames
from media_coverage.hub import DEFAULT_MODEL, HYPOTHESES, MAX_TOKENS
from media_coverage.records import Frame, Text
from media_coverage.store import open_store

if TYPE_CHECKING:
    from pathlib import Path

    from media_coverage.classify import Classifier

TALKS = Text("Trump and Putin meet for talks", "Critics say that the summit rewards aggression.")
TEXTS = [TALKS, Text("A chance for a truce"), Text("", "The fox sees a dog."), Text("peace " * 300, "talks " * 90)]
MULTI = {"problem_type": "multi_label_classification"}
OTHER = Frames(Frame("escalation", "escalate", "Escalation"), Frame("restraint", "restrain", "Restraint"))


@pytest.fixture(scope="module")
def nli(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return onnx_model(tmp_path_factory.mktemp("hub") / "nli", NLI)


@pytest.fixture(scope="module")
def classifier(nli: Path) -> Classifier:
    return load_classifier(f"zero-shot:{nli}")


def logits(folder: Path, *texts: str) -> list[float]:
    """What the weights say, worked out without the code under test."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(MAX_TOKENS, strategy="only_first")
    encoded = tokenizer.encode(*texts)
    feed = {"input_ids": encoded.ids, "attention_mask": encoded.attention_mask, "token_type_ids": encoded.type_ids}
    session = onnxruntime.InferenceSession(str(folder / "onnx" / "model.onnx"))
    (found,) = session.run(["logits"], {name: np.array([ids]) for name, ids in feed.items()})
    return [float(value) for value in found[0]]


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


# ------------------------------------------------------------------ zero-shot


@pytest.mark.parametrize(
    "labels", [NLI, TWO_WAY, ("CONTRADICTION", "NEUTRAL", "ENTAILMENT"), ("Not-Entailment", "Entailment")]
)
def test_the_probability_is_that_of_entailment_against_contradiction(tmp_path: Path, labels: tuple[str, ...]) -> None:
    folder = onnx_model(tmp_path / "nli", labels)
    classifier = load_classifier(f"zero-shot:{folder}")
    plain = [label.lower().replace("-", "_") for label in labels]
    for text, framing in zip(TEXTS, classifier.classify(TEXTS), strict=True):
        expected = []
        for output in DEFAULT_FRAMES.outputs:
            found = dict(zip(plain, logits(folder, model_input(text, 60), HYPOTHESES[output]), strict=True))
            against = found.get("contradiction", found.get("not_entailment"))
            assert against is not None
            expected.append(sigmoid(found["entailment"] - against))
        assert [framing.p_relevant, *framing.p] == pytest.approx(expected, rel=1e-5)
        assert framing.relevant == (framing.p_relevant >= 0.5)
    assert load_classifier(f"zero-shot:{folder}").classify(TEXTS) == classifier.classify(TEXTS)


def test_labels_without_meaning_are_understood_when_feeds_yaml_says_what_they_mean(tmp_path: Path, nli: Path) -> None:
    folder = onnx_model(tmp_path / "nameless", ("LABEL_0", "LABEL_1", "LABEL_2"))
    meant = {f"LABEL_{number}": label for number, label in enumerate(NLI)}
    classifier = load_classifier(f"zero-shot:{folder}", labels=meant)
    assert classifier.classify(TEXTS) == load_classifier(f"zero-shot:{nli}").classify(TEXTS)
    with pytest.raises(ModelError, match="has the labels LABEL_0, LABEL_1, LABEL_2; wanted"):
        load_classifier(f"zero-shot:{folder}")


def test_other_frames_need_hypotheses_of_their_own(nli: Path) -> None:
    with pytest.raises(ModelError, match=r"add escalate, restrain to classifier\.hypotheses"):
        load_classifier(f"zero-shot:{nli}", frames=OTHER, hypotheses={"relevant": "This is about the talks."})
    hypotheses = {"relevant": "This is about talks.", "escalate": "Critics rage.", "restrain": "They see a truce."}
    classifier = load_classifier(f"zero-shot:{nli}", frames=OTHER, hypotheses=hypotheses)
    (framing,) = classifier.classify([TALKS])
    assert framing.label in OTHER.labels
    entailed, _, contradicted = logits(nli, model_input(TALKS, 60), "Critics rage.")
    assert framing.p[0] == pytest.approx(sigmoid(entailed - contradicted), rel=1e-5)


def test_a_hypothesis_that_leaves_no_room_for_the_text_is_refused(nli: Path) -> None:
    with pytest.raises(ModelError, match="cannot read the hypotheses"):
        load_classifier(f"zero-shot:{nli}", hypotheses={"hope": "peace " * 300})


def test_hypotheses_and_thresholds_for_unknown_outputs_are_refused(nli: Path) -> None:
    for options in ({"hypotheses": {"joy": "Joy."}}, {"thresholds": {"joy": 0.5}}):
        with pytest.raises(ModelError, match="has no output joy; outputs: relevant, hope, appease"):
            load_classifier(f"zero-shot:{nli}", **options)


# ------------------------------------------------------------------ fine-tuned


@pytest.mark.parametrize("labels", [("relevant", "hope", "appease"), ("Appeasement", "hopeful-peace", "Relevant")])
def test_the_labels_of_a_multi_label_model_are_outputs_each_on_its_own(tmp_path: Path, labels: tuple[str, ...]) -> None:
    folder = onnx_model(tmp_path / "multi", labels, **MULTI)
    outputs = {"hopeful_peace": "hope", "appeasement": "appease"}
    plain = [label.lower().replace("-", "_") for label in labels]
    classifier = load_classifier(f"hub:{folder}")
    for text, framing in zip(TEXTS, classifier.classify(TEXTS), strict=True):
        found = {
            outputs.get(n, n): sigmoid(x) for n, x in zip(plain, logits(folder, model_input(text, 60)), strict=True)
        }
        expected = [found[output] for output in DEFAULT_FRAMES.outputs]
        assert [framing.p_relevant, *framing.p] == pytest.approx(expected, rel=1e-5)


def test_labels_that_exclude_one_another_are_summed_by_what_they_imply(tmp_path: Path) -> None:
    labels = ("hopeful_peace", "appeasement", "mixed", "neither", "off_topic")
    folder = onnx_model(tmp_path / "single", labels)
    for text, framing in zip(TEXTS, load_classifier(f"hub:{folder}").classify(TEXTS), strict=True):
        powers = np.exp(logits(folder, model_input(text, 60)))
        hope, appease, mixed, neither, off = (float(power) for power in powers / powers.sum())
        expected = [hope + appease + mixed + neither, hope + mixed, appease + mixed]
        assert [framing.p_relevant, *framing.p] == pytest.approx(expected, rel=1e-5)
        assert off > 0


@pytest.mark.parametrize(
    ("labels", "options"),
    [
        pytest.param(("hope", "appease"), {}, id="softmax"),
        pytest.param(
            ("POSITIVE", "NEGATIVE", "NEUTRAL"),
            {"labels": {"POSITIVE": "hope", "NEGATIVE": "appease", "NEUTRAL": "neither"}},
            id="mapped",
        ),
        pytest.param(("hope", "appease", "anger"), {"labels": {"anger": "neither"}, **MULTI}, id="sigmoid"),
    ],
)
def test_without_a_label_for_texts_off_the_topic_every_text_is_relevant(
    tmp_path: Path, labels: tuple[str, ...], options: dict[str, Any]
) -> None:
    mapping = options.pop("labels", None)
    classifier = load_classifier(f"hub:{onnx_model(tmp_path / 'model', labels, **options)}", labels=mapping)
    assert all(framing.p_relevant == pytest.approx(1) and framing.relevant for framing in classifier.classify(TEXTS))


def test_the_thresholds_decide_and_the_band_around_them_is_uncertain(tmp_path: Path) -> None:
    folder = onnx_model(tmp_path / "multi", ("relevant", "hope", "appease"), **MULTI)
    (plain,) = load_classifier(f"hub:{folder}").classify([TALKS])
    hope, appease = plain.p
    thresholds = {"hope": hope / 2, "appease": (1 + appease) / 2}
    (framing,) = load_classifier(f"hub:{folder}", thresholds=thresholds).classify([TALKS])
    assert framing.label == "hopeful_peace"
    assert framing.p == plain.p
    sure = {
        name: 0.999 if p < 0.5 else 0.001
        for name, p in zip(DEFAULT_FRAMES.outputs, (plain.p_relevant, *plain.p), strict=True)
    }
    (framing,) = load_classifier(f"hub:{folder}", thresholds=sure).classify([TALKS])
    assert not framing.uncertain


WRONG = [
    pytest.param(
        ("POSITIVE", "NEGATIVE"),
        {},
        {},
        r"has the labels POSITIVE, NEGATIVE; wanted.* relevant, neither, hope,",
        id="names",
    ),
    pytest.param(("hope", "anger"), {}, {}, r"\(at least hope and appease\)", id="a-frame-is-missing"),
    pytest.param(("hope", "appease", "anger"), {}, {}, "has the labels hope, appease, anger", id="one-too-many"),
    pytest.param(
        ("hope", "appease"), {}, {"labels": {"anger": "neither"}}, "has the labels hope, appease", id="mapping-of-none"
    ),
    pytest.param(
        ("a", "b"), {}, {"labels": {"a": "hope", "b": "despair"}}, "has the labels a, b", id="mapping-to-nothing"
    ),
    pytest.param(
        ("hope", "appease", "mixed"), MULTI, {}, "has the labels hope, appease, mixed", id="mixed-is-no-output"
    ),
    pytest.param(
        ("hope", "hopeful_peace", "appease"),
        MULTI,
        {},
        "two labels for one output among hope, hopeful_peace",
        id="twice",
    ),
    pytest.param(
        ("hope", "appease"),
        {},
        {"frames": OTHER},
        "wanted.* escalate, escalation, restrain, restraint",
        id="other-frames",
    ),
    pytest.param(("hope",), {}, {}, "has the labels hope; wanted", id="one-label"),
]


@pytest.mark.parametrize(("labels", "configured", "options", "message"), WRONG)
def test_labels_that_do_not_fit_are_listed_with_those_that_are_wanted(
    tmp_path: Path, labels: tuple[str, ...], configured: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    folder = onnx_model(tmp_path / "model", labels, **configured)
    with pytest.raises(ModelError, match=message) as caught:
        load_classifier(f"hub:{folder}", **options)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


# ------------------------------------------------------------------ what a classifier promises


KINDS = [
    pytest.param("zero-shot", NLI, {}, id="zero-shot"),
    pytest.param("hub", ("hope", "appease", "neither"), {}, id="softmax"),
    pytest.param("hub", ("relevant", "hope", "appease"), MULTI, id="sigmoid"),
]


@pytest.mark.parametrize(("kind", "labels", "configured"), KINDS)
def test_a_score_does_not_depend_on_what_stands_around_it(
    tmp_path: Path, kind: str, labels: tuple[str, ...], configured: dict[str, Any]
) -> None:
    classifier = load_classifier(f"{kind}:{onnx_model(tmp_path / 'model', labels, **configured)}")
    alone = {text: classifier.classify([text])[0] for text in TEXTS}
    for order in permutations(TEXTS):
        assert classifier.classify(order) == [alone[text] for text in order]
    assert classifier.classify([]) == []
    assert [f.evidence for f in classifier.classify(TEXTS, evidence=True)] == [text.title.strip() for text in TEXTS]
    assert [f.evidence for f in classifier.classify(TEXTS)] == [""] * len(TEXTS)


@settings(deadline=None, max_examples=60)
@given(title=st.text(max_size=300), summary=st.text(max_size=300))
def test_any_text_gets_an_answer(classifier: Classifier, title: str, summary: str) -> None:
    (framing,) = classifier.classify([Text(title, summary)], evidence=True)
    assert framing.label in DEFAULT_FRAMES.labels
    assert all(0 <= p <= 1 for p in (framing.p_relevant, *framing.p))
    assert classifier.classify([Text(title, summary)], evidence=True) == [framing]


ODD = [
    pytest.param("", "", id="nothing"),
    pytest.param("x" * 100_000, "y " * 50_000, id="100-kB"),
    pytest.param("\N{DOVE OF PEACE}" * 200, "\N{GRINNING FACE}", id="emoji"),
    pytest.param("محادثات ترامب وبوتين", "\u200fالسلام", id="right-to-left"),
    pytest.param("特朗普与普京会晤", "和平", id="chinese"),
    pytest.param("nul\x00 in the middle", "\x01\x02", id="control-characters"),
    pytest.param("Trump &amp; Putin &lt;b&gt;meet&lt;/b&gt;", "<p>Hope</p>", id="entities"),
    pytest.param("\ud800 alone", "", id="lone-surrogate"),
    pytest.param("[SEP] [CLS] [MASK] [PAD]", "[UNK]", id="special-tokens"),
]


@pytest.mark.parametrize(("title", "summary"), ODD)
def test_odd_texts_get_the_same_answer_each_time(classifier: Classifier, title: str, summary: str) -> None:
    text = Text(title, summary)
    assert classifier.classify([text], evidence=True) == classifier.classify([text], evidence=True)


def test_what_a_score_depends_on_is_part_of_the_name_and_nothing_else(tmp_path: Path, nli: Path) -> None:
    def name(folder: Path, **options: Any) -> str:
        return load_classifier(f"zero-shot:{folder}", **options).info.model_id

    moved = shutil.copytree(nli, tmp_path / "elsewhere" / "nli")
    (moved / "README.md").write_text("About the model", encoding="utf-8")
    first = name(nli)
    assert first.startswith("zero-shot:nli@local+")
    assert name(moved) == first
    assert name(nli, hypotheses={"hope": HYPOTHESES["hope"]}) == first
    changed = [
        name(nli, hypotheses={"hope": "Peace is near."}),
        name(nli, thresholds={"hope": 0.6}),
        name(nli, labels={"neutral": "contradiction"}),
        name(onnx_model(tmp_path / "weights" / "nli", seed=1)),
        name(onnx_model(tmp_path / "configuration" / "nli", hidden_size=32)),
    ]
    tokenizer = json.loads((moved / "tokenizer.json").read_text(encoding="utf-8"))
    tokenizer["normalizer"]["lowercase"] = False
    (moved / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    assert len({first, *changed, name(moved)}) == 2 + len(changed)


def test_what_runs_the_model_and_what_decides_is_said(nli: Path) -> None:
    info = load_classifier(f"zero-shot:{nli}", language="fr", hypotheses={"hope": "Peace is near."}).info
    assert "onnxruntime" in info.runtime
    assert info.runtime.endswith("CPUExecutionProvider")
    assert info.language == "fr"
    assert info.frames == DEFAULT_FRAMES
    assert info.settings["hypotheses"] == HYPOTHESES | {"hope": "Peace is near."}


# ------------------------------------------------------------------ files that cannot be used


def _without(name: str) -> Any:
    return lambda folder: (folder / name).unlink()


def _with(name: str, content: bytes) -> Any:
    return lambda folder: (folder / name).write_bytes(content)


def _cut(folder: Path) -> None:
    path = folder / "onnx" / "model.onnx"
    path.write_bytes(path.read_bytes()[:-300])


def _other_weights(**changes: Any) -> Any:
    return lambda folder: onnx.save(network(**{"outputs": 3} | changes), folder / "onnx" / "model.onnx")


DAMAGE = [
    pytest.param(_without("config.json"), "holds no config.json", id="no-configuration"),
    pytest.param(_with("config.json", b"{"), "cannot be loaded: .* not a valid JSON", id="configuration-cut"),
    pytest.param(
        _with("config.json", b'{"model_type": "nonesuch"}'), "cannot be loaded: .*nonesuch", id="architecture"
    ),
    pytest.param(_without("tokenizer.json"), "has no tokenizer that can be read", id="no-tokenizer"),
    pytest.param(_with("tokenizer.json", b"{"), "has no tokenizer that can be read", id="tokenizer-cut"),
    pytest.param(_without("onnx/model.onnx"), "holds no weights; looked for onnx/model.onnx", id="no-weights"),
    pytest.param(_cut, "cannot be loaded: .*parsing failed", id="weights-cut"),
    pytest.param(_with("onnx/model.onnx", b""), "cannot be loaded", id="weights-empty"),
    pytest.param(_other_weights(scale=math.nan), "gives scores that are no numbers", id="weights-not-finite"),
    pytest.param(_other_weights(outputs=2), "gives 2 numbers for its 3 labels", id="weights-of-another-model"),
]


@pytest.mark.parametrize(("damage", "message"), DAMAGE)
def test_files_that_cannot_be_used_are_said_in_one_sentence(tmp_path: Path, damage: Any, message: str) -> None:
    folder = onnx_model(tmp_path / "nli")
    damage(folder)
    with pytest.raises(ModelError, match=message) as caught:
        load_classifier(f"zero-shot:{folder}")
    assert str(caught.value).startswith(f"model {folder}: ")
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_name_that_is_none_is_refused() -> None:
    with pytest.raises(ModelError, match="names no model: say hub:OWNER/MODEL@REVISION or hub:FOLDER"):
        load_classifier("hub")
    with pytest.raises(ModelError, match="neither a folder nor a name like owner/model"):
        load_classifier("zero-shot:not a/valid/name!")


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="torch is installed: nothing is missing")
def test_without_torch_the_extra_is_named(tmp_path: Path) -> None:
    folder = onnx_model(tmp_path / "nli")
    (folder / "onnx" / "model.onnx").rename(folder / "model.safetensors")
    with pytest.raises(MissingExtraError, match=r"pip install 'media-coverage\[zero-shot\]'") as caught:
        load_classifier(f"zero-shot:{folder}")
    assert caught.value.exit_code == 2


@pytest.mark.skipif(
    "CUDAExecutionProvider" in onnxruntime.get_available_providers(), reason="this machine can run on cuda"
)
def test_a_device_that_is_missing_is_said_and_not_replaced(nli: Path) -> None:
    for model in (f"zero-shot:{nli}", "embedded"):
        with pytest.raises(ModelError, match="cannot run on cuda, which is not available here"):
            load_classifier(model, device="cuda")
    with pytest.raises(ModelError, match="devices: cpu, cuda"):
        load_classifier("embedded", device="tpu")
    assert DEVICES == ("cpu", "cuda")


# ------------------------------------------------------------------ the hub


COMMIT = hashlib.sha1(b"the first commit", usedforsecurity=False).hexdigest()


class Hub:
    """A hub on loopback with one model. `asked` are the files that were sent."""

    def __init__(self, server: FeedServer, folder: Path, name: str = "owner/model") -> None:
        self._server, self._folder = server, folder
        files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
        about = {"id": name, "modelId": name, "sha": COMMIT, "siblings": [{"rfilename": file} for file in files]}
        for revision in ("main", COMMIT):
            server.serve_with(f"/api/models/{name}/revision/{revision}", lambda _: self._json(about))
        for query in ("recursive=true&expand=false", "recursive=True&expand=False"):
            tree = [{"type": "file", "path": file, "size": len(self._read(file)), "oid": "0" * 40} for file in files]
            server.serve_with(f"/api/models/{name}/tree/{COMMIT}?{query}", lambda _, tree=tree: self._json(tree))
        for file in files:
            server.serve_with(f"/{name}/resolve/{COMMIT}/{file}", lambda request, file=file: self._send(request, file))

    @property
    def sent(self) -> set[str]:
        return {
            r.path.partition(f"{COMMIT}/")[2]
            for r in self._server.requests
            if r.method == "GET" and "/resolve/" in r.path
        }

    def _read(self, file: str) -> bytes:
        return (self._folder / file).read_bytes()

    @staticmethod
    def _json(value: object) -> Response:
        return Response(json.dumps(value).encode(), headers={"Content-Type": "application/json"})

    def _send(self, request: Request, file: str) -> Response:
        body = self._read(file)
        headers = {"ETag": f'"{hashlib.sha256(body).hexdigest()}"', "X-Repo-Commit": COMMIT}
        return Response(b"" if request.method == "HEAD" else body, length=len(body), headers=headers)


@pytest.fixture
def hub_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Point the hub's client at an address and an empty cache, as HF_ENDPOINT and HF_HOME do before its import."""
    from huggingface_hub import constants

    def point(address: str) -> None:
        monkeypatch.setattr(constants, "ENDPOINT", address)
        files = address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", files)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))

    return point


def test_a_model_comes_from_the_hub_once_with_only_the_weights_that_run(
    tmp_path: Path, feed_server: FeedServer, hub_at: Any
) -> None:
    folder = onnx_model(tmp_path / "nli")
    (folder / "model.safetensors").write_bytes(b"needs torch")
    (folder / "pytorch_model.bin").write_bytes(b"needs torch too")
    hub_at(feed_server.url("").rstrip("/"))
    hub = Hub(feed_server, folder)
    classifier = load_classifier("zero-shot:owner/model")
    assert hub.sent == {"config.json", "tokenizer.json", "tokenizer_config.json", "onnx/model.onnx"}
    assert classifier.classify(TEXTS) == load_classifier(f"zero-shot:{folder}").classify(TEXTS)
    assert classifier.info.name == "zero-shot:owner/model"
    assert classifier.info.version == COMMIT
    before = len(feed_server.requests)
    pinned = load_classifier(f"zero-shot:owner/model@{COMMIT}")
    assert pinned.info == classifier.info
    assert len(feed_server.requests) == before
    hub_at(f"http://127.0.0.1:{unused_port()}")
    for name in ("owner/model", f"owner/model@{COMMIT}"):
        assert load_classifier(f"zero-shot:{name}").info == classifier.info


def test_weights_in_two_files_are_downloaded_together(tmp_path: Path, feed_server: FeedServer, hub_at: Any) -> None:
    folder = onnx_model(tmp_path / "nli")
    model = onnx.load(folder / "onnx" / "model.onnx")
    onnx.save(
        model, folder / "onnx" / "model.onnx", save_as_external_data=True, location="model.onnx_data", size_threshold=0
    )
    hub_at(feed_server.url("").rstrip("/"))
    Hub(feed_server, folder)
    assert load_classifier("zero-shot:owner/model").classify(TEXTS) == load_classifier(f"zero-shot:{folder}").classify(
        TEXTS
    )


REFUSALS = [
    pytest.param(
        Response(status=404, headers={"X-Error-Code": "RepoNotFound"}), "is not on the hub, or is private", id="unknown"
    ),
    pytest.param(Response(status=401), "is not on the hub, or is private", id="private"),
    pytest.param(
        Response(status=403, headers={"X-Error-Code": "GatedRepo"}), "is given out on request only", id="gated"
    ),
    pytest.param(
        Response(status=404, headers={"X-Error-Code": "RevisionNotFound"}),
        "has no revision v2 on the hub",
        id="revision",
    ),
    pytest.param(Response(status=400), "the hub answered 400, and no full copy is here", id="refused"),
]


@pytest.mark.parametrize(("answer", "message"), REFUSALS)
def test_what_the_hub_refuses_is_said(feed_server: FeedServer, hub_at: Any, answer: Response, message: str) -> None:
    hub_at(feed_server.url("").rstrip("/"))
    feed_server.serve("/api/models/owner/model/revision/v2", answer)
    with pytest.raises(ModelError, match=message) as caught:
        load_classifier("zero-shot:owner/model@v2")
    assert "\n" not in str(caught.value)


def test_without_a_network_the_hub_is_said_to_be_out_of_reach(hub_at: Any) -> None:
    hub_at(f"http://127.0.0.1:{unused_port()}")
    with pytest.raises(ModelError, match="the hub cannot be reached, and no full copy is here") as caught:
        load_classifier("zero-shot")
    assert str(caught.value).startswith(f"model {DEFAULT_MODEL}: ")


def test_the_environment_of_the_hub_is_honoured(tmp_path: Path) -> None:
    """Offline mode is read at import, so this runs in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "media_coverage", "explain", "Trump meets Putin", "--model", "hub:owner/model"],
        env={"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path), "PATH": "", "MEDIA_COVERAGE_LOG_FORMAT": "text"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == (
        "media-coverage: model owner/model: cannot be downloaded: the hub cannot be reached, and no full copy is here\n"
    )


# ------------------------------------------------------------------ in the pipeline


def test_the_configured_model_labels_and_is_compared_with_the_embedded_one(
    tmp_path: Path, feed_server: FeedServer
) -> None:
    onnx_model(tmp_path / "models" / "coded", ("a", "b", "c"), scale=5.0)
    items = [f"Trump and Putin {verb} again" for verb in ("meet", "argue", "agree", "fall out", "make peace")]
    feed_server.serve("/ledger.xml", Response(rss(items)))
    wanted = {"model": "hub:models/coded", "labels": {"a": "hope", "b": "appease", "c": "neither"}}
    text = config_text(feed_server.url("")) + json.dumps({"classifier": wanted})[1:-1] + "\n"
    (tmp_path / "feeds.yaml").write_text(text, encoding="utf-8")
    summary = pipeline.run(tmp_path / "feeds.yaml")
    assert summary.model_id.startswith("hub:coded@local+")
    assert summary.labelled == len(items)
    assert pipeline.relabel(tmp_path / "media-coverage.db", load_classifier())[0] == len(items)
    with open_store(tmp_path / "media-coverage.db") as store:
        first, second = store.models()["model_id"]
        found = compare(store.labels_of_two(first, second), store.frames)
    assert found.texts == len(items)
    assert {first, second} == {summary.model_id, load_classifier().info.model_id}
