"""Training itself, on a tiny encoder with random weights. Needs the extra `train`: run by `make test-train`."""

from __future__ import annotations

import dataclasses
import json
import random
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel

from media_coverage import cli, export, finetune
from media_coverage.classify import batch_logits, load_classifier, load_tokenizer, logits_of, onnx_session, sha256
from media_coverage.coded import CodedItem, Coding
from media_coverage.framing import Frames
from media_coverage.records import Frame, Text
from media_coverage.train import REFERENCE_FILE, Identity, Setup, train

if TYPE_CHECKING:
    from pathlib import Path

    from media_coverage.finetune import Base

FRAMES = Frames(Frame("escalation", "up", "Escalation"), Frame("de_escalation", "down", "De-escalation"))
FILLER = "the envoys met by the lake on monday while rain fell over town and markets opened late again today".split()
# Networks without pretraining have no mean worth anything, so it is polished as long as they learned.
RECIPE = finetune.Recipe(epochs=12, encoder_rate=5e-3, head_rate=5e-3, polish_epochs=12, polish_rate=3e-3)
IDENTITY = Identity("tiny", "1", "2", "en")


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    """A BERT encoder of one layer whose words are those of the items."""
    folder = tmp_path_factory.mktemp("base")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", *sorted({*FILLER, "talks", "tanks", "truce", "match"})]
    tokenizer = Tokenizer(models.WordPiece({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))  # noqa: S106
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.enable_padding(length=32)
    tokenizer.save(str(folder / "tokenizer.json"))
    torch.manual_seed(5)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=128,
        max_position_embeddings=48,
    )
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    (folder / "LICENSE.txt").write_text("Do as you like.", encoding="utf-8")
    return finetune.read_base(folder)


def items(count: int = 90) -> tuple[CodedItem, ...]:
    """Words of no language, so that no two items are alike, and one telling word that decides the codes."""
    rng = np.random.default_rng(2)
    made = []
    for i in range(count):
        words = ["".join(rng.choice(list("bdfgklmnprst"), 6)) for _ in range(4)]
        told = ("match", "talks", "tanks", "truce")[i % 4]
        words.insert(int(rng.integers(0, 5)), told)
        codes = (int(told != "match"), int(told == "tanks"), int(told == "truce"))
        made.append(CodedItem(str(i), Text(" ".join(words)), codes, certainty=1 + 2 * (i % 9 == 0)))
    return tuple(made)


EXTRA = [CodedItem(f"extra-{i}", Text(f"talks truce {i}"), (1, 0, 1)) for i in range(7)]


@pytest.fixture(scope="session")
def folder(base: Base, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model trained on the items, with some authored ones beside."""
    out = tmp_path_factory.mktemp("trained") / "model"
    train(Coding(items()), FRAMES, out, Setup(base, RECIPE, 0), IDENTITY, extra=EXTRA, folds=3)
    return out


def test_the_folder_is_whole_and_its_model_has_learned(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {
        *("model.onnx", "tokenizer.json", "model.json", "MODEL_CARD.md", "LICENSE.txt", REFERENCE_FILE),
    }
    classifier = load_classifier(f"embedded:{folder}", frames=FRAMES)
    texts = [Text(f"bdfgkl {told} mnprst ttgrld") for told in ("tanks", "truce", "talks", "match")]
    framings = classifier.classify(texts)
    assert [framing.label for framing in framings[:3]] == ["escalation", "de_escalation", "neither"]
    assert [framing.relevant for framing in framings] == [True, True, True, False]
    scores = json.loads((folder / "model.json").read_text(encoding="utf-8"))["training"]["cross_validation"]
    assert scores["macro_f1"]["value"] > 0.8
    assert scores["items"] == 90


def test_the_manifest_says_what_was_learned_from_and_how(folder: Path, base: Base) -> None:
    manifest = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    assert (manifest["name"], manifest["version"], manifest["codebook_version"]) == ("tiny", "1", "2")
    assert manifest["outputs"] == ["relevant", "up", "down"]
    assert manifest["max_tokens"] == 48  # the encoder reads no more
    assert manifest["base"] == {"name": base.folder.name, "sha256": base.sha256, "licences": ["LICENSE.txt"]}
    assert manifest["training"]["learned_only"] == 7
    assert manifest["training"]["stored_against_computed"]["label_agreement"] == 1
    assert set(manifest["training"]["versions"]) == {"torch", "transformers", "onnx", "onnxruntime"}


def test_the_reference_logits_are_those_of_full_precision(folder: Path) -> None:
    reference = json.loads((folder / REFERENCE_FILE).read_text(encoding="utf-8"))
    manifest = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    assert manifest["gate"] == {"file": REFERENCE_FILE, "sha256": sha256(folder / REFERENCE_FILE), "items": 7}
    assert set(reference["logits"]) == {f"extra-{i}" for i in range(7)}
    session = onnx_session(folder / "model.onnx", threads=1)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    for i in range(7):
        stored = logits_of(session, tokenizer.encode(f"talks truce {i}").ids)
        assert stored == pytest.approx(reference["logits"][f"extra-{i}"], abs=1e-3)


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(folder: Path, base: Base, tmp_path: Path) -> None:
    for name, seed in (("same", 0), ("other", 5)):
        train(Coding(items()), FRAMES, tmp_path / name, Setup(base, RECIPE, seed), IDENTITY, extra=EXTRA, folds=3)
    same, other = ((tmp_path / name / "model.onnx").read_bytes() for name in ("same", "other"))
    assert same == (folder / "model.onnx").read_bytes()
    assert other != same


def test_voices_are_learned_where_enough_are_coded_and_change_nothing_else(base: Base, tmp_path: Path) -> None:
    """The word "today" marks what is quoted; every second item with a frame has it."""
    coded = []
    for place, item in enumerate(items(240)):
        framed, quoted = any(item.codes[1:]), place % 8 < 4
        text = Text(f"{item.text.title} today") if quoted else item.text
        voice = ("quoted" if quoted else "outlet") if framed else None
        coded.append(dataclasses.replace(item, text=text, voice=voice))
    few = [dataclasses.replace(item, voice=item.voice if place < 60 else None) for place, item in enumerate(coded)]
    # So small an encoder has no layers below those that the frames change.
    recipe = dataclasses.replace(RECIPE, frozen_layers=1, head_rate=0.05, polish_rate=0.01)
    manifests = [
        train(Coding(tuple(each)), FRAMES, tmp_path / name, Setup(base, recipe, 0), IDENTITY, folds=2)
        for name, each in (("few", few), ("all", coded))
    ]
    assert "voice" not in manifests[0]
    voice = manifests[1]["voice"]
    assert (voice["layer"], voice["items"], voice["own"]) == (1, 120, 60)
    assert voice["cross_validation"]["alpha"]["value"] > 0.8
    assert "own voice" in (tmp_path / "all" / "MODEL_CARD.md").read_text(encoding="utf-8")
    mute, heard = (load_classifier(f"embedded:{tmp_path / name}", frames=FRAMES) for name in ("few", "all"))
    texts = [Text(f"bdfgkl {told} mnprst ttgrld{end}") for told in ("tanks", "truce") for end in ("", " today")]
    framings = heard.classify(texts)
    assert [framing.p_own is not None and framing.p_own > 0.5 for framing in framings] == [True, False, True, False]
    assert mute.classify(texts) == [dataclasses.replace(framing, p_own=None) for framing in framings]
    again = export_voice_twice(tmp_path / "all" / "model.onnx", tmp_path)
    assert again == ["logits", "voice"]


def export_voice_twice(weights: Path, folder: Path) -> list[str]:
    """The outputs of a graph that was given another voice."""
    export.add_voice(weights, folder / "again.onnx", 1, np.zeros(64), 0.25)
    session = onnx_session(folder / "again.onnx", threads=1)
    assert logits_of(session, [2, 5, 3], ("voice",)) == [0.25]
    return [output.name for output in session.get_outputs()]


def test_what_is_stored_tells_nothing_of_the_machine(folder: Path, base: Base) -> None:
    content = (folder / "model.onnx").read_bytes()
    for trace in (b".py", b"site-packages", str(base.folder.parent).encode()):
        assert trace not in content


def test_the_exported_network_computes_what_torch_computes(base: Base, tmp_path: Path) -> None:
    data = finetune.examples(items(20), base, RECIPE)
    model = finetune.snapped(finetune.fit(data, base, RECIPE, 0))
    finetune.save_onnx(model, tmp_path / "fp32.onnx")
    export.quantise(tmp_path / "fp32.onnx", tmp_path / "stored.onnx")
    exact, small = (onnx_session(tmp_path / name, threads=1) for name in ("fp32.onnx", "stored.onnx"))
    expected = finetune.predict(model, data.tokens, size=3)
    for session in (exact, small):
        assert np.array([logits_of(session, pieces) for pieces in data.tokens]) == pytest.approx(expected, abs=1e-3)
    assert (tmp_path / "stored.onnx").stat().st_size < 0.5 * (tmp_path / "fp32.onnx").stat().st_size


def test_a_score_is_the_same_bits_in_a_batch_of_any_size_and_length(folder: Path) -> None:
    session = onnx_session(folder / "model.onnx", threads=1)
    words = Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab_size()
    random = np.random.default_rng(0)
    for length in range(2, 49):
        batch = random.integers(0, words, (9, length)).tolist()
        alone = [logits_of(session, pieces) for pieces in batch]
        for size in (2, 3, 9):
            assert batch_logits(session, batch[:size]) == alone[:size]


def test_a_code_that_weighs_nothing_changes_nothing(base: Base) -> None:
    recipe = finetune.Recipe(epochs=1)
    known = items(16)
    without = [CodedItem(i.id, i.text, (i.codes[0], None, i.codes[2])) for i in known]
    turned = [CodedItem(i.id, i.text, (i.codes[0], 1, i.codes[2]), weights=(1.0, 0.0, 1.0)) for i in known]
    one, other = (finetune.fit(finetune.examples(some, base, recipe), base, recipe, 0) for some in (without, turned))
    for (name, left), right in zip(one.state_dict().items(), other.state_dict().values(), strict=True):
        assert torch.equal(left, right), name


def test_the_mean_of_two_networks_lies_between_them_and_weights_survive_a_file(base: Base, tmp_path: Path) -> None:
    recipe = finetune.Recipe(epochs=1)
    data = finetune.examples(items(16), base, recipe)
    networks = [finetune.fit(data, base, recipe, seed) for seed in (0, 1)]
    finetune.save_weights(finetune.mean(networks), tmp_path / "mean")
    first, second, both = (
        model.state_dict()["head.weight"]
        for model in (*networks, finetune.load_weights(base, recipe, tmp_path / "mean"))
    )
    assert torch.allclose(both, (first + second) / 2)
    assert not torch.equal(first, second)


def test_polishing_brings_a_network_onto_the_grid_and_leaves_it_as_it_computes(base: Base) -> None:
    recipe = finetune.Recipe(epochs=1, polish_epochs=2)
    data = finetune.examples(items(32), base, recipe)
    polished = finetune.polish(finetune.fit(data, base, recipe, 0), data, recipe, 0)
    stored = finetune.snapped(polished)
    weight = stored.encoder.encoder.layer[0].attention.self.query.weight.detach().reshape(-1, finetune.BLOCK)
    assert max(len(torch.unique(block)) for block in weight) <= 16
    assert torch.equal(finetune.snapped(stored).head.weight, stored.head.weight)
    assert np.abs(finetune.predict(stored, data.tokens) - finetune.predict(polished, data.tokens)).max() < 0.5


def test_frozen_layers_stay_as_they_began_and_are_on_the_grid(base: Base) -> None:
    recipe = finetune.Recipe(epochs=1, frozen_layers=1, grid_share=0.5)
    began = finetune.network(base, recipe).state_dict()
    learned = finetune.fit(finetune.examples(items(32), base, recipe), base, recipe, 0)
    for name, values in learned.state_dict().items():
        assert torch.equal(values, began[name]) == name.startswith("encoder."), name
    stored = finetune.snapped(learned).state_dict()
    assert all(torch.equal(values, stored[name]) for name, values in learned.state_dict().items())
    free = finetune.network(base, finetune.Recipe()).state_dict()
    moved = [name for name in free if not torch.equal(free[name], began[name])]
    assert moved
    assert all(".layer.0." in name for name in moved)


def test_larger_pools_leave_less_padding_and_every_text_once() -> None:
    tokens = [[0] * (1 + number * 7 % 50) for number in range(400)]

    def padded(pool: int) -> int:
        batches = list(finetune.batches(tokens, 8, pool, random.Random(1)))  # noqa: S311
        assert sorted(number for batch in batches for number in batch) == list(range(400))
        return sum(len(batch) * max(len(tokens[number]) for number in batch) for batch in batches)

    assert sum(map(len, tokens)) <= padded(50) < padded(4) < padded(1)


def test_the_packaged_base_is_cut_to_size_and_keeps_the_words_of_the_items() -> None:
    word = "zaporizhzhia"
    with finetune.open_base([f"talks on {word}"]) as base:
        config = json.loads((base.folder / "config.json").read_text(encoding="utf-8"))
        assert (config["num_hidden_layers"], base.max_positions) == (finetune.LAYERS, finetune.POSITIONS)
        assert finetune.FREQUENT_WORDS - 1000 < config["vocab_size"] < finetune.FREQUENT_WORDS + 10
        assert base.sha256 == finetune.BASE_SHA256
        assert all(path.is_file() for path in base.licences)
        whole = load_tokenizer(base.folder / "tokenizer.json", 16)
        assert whole.token_to_id("[UNK]") is not None
        pieces = whole.encode(f"talks on {word}").tokens
        assert "".join(piece.removeprefix("##") for piece in pieces[1:-1]) == f"talkson{word}"
        model = finetune.network(base, RECIPE).eval()
        (logits,) = finetune.predict(model, [whole.encode("talks").ids])
        assert np.isfinite(logits).all()
    assert not base.folder.exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here: nothing is missing")
def test_a_gpu_that_is_not_there_is_said() -> None:
    with pytest.raises(finetune.ModelError, match="torch finds no GPU here"):
        finetune.require_extra("cuda")


def test_the_command_trains_and_says_how_to_use_the_model(base: Base, tmp_path: Path) -> None:
    """In a process of its own, as a user runs it; the processes that it starts import the package anew."""
    rows = [
        {"title": item.text.title, "rel": item.codes[0], "hope": item.codes[1], "appease": item.codes[2]}
        for item in items()
    ]
    (tmp_path / "coded.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "media_coverage", "train", "--from", "coded.jsonl", "--out", "mine"),
            *("--base", str(base.folder), "--seed", "3", "--epochs", "2"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "Use it: media-coverage run --model embedded:mine"
    assert "90 coded items in " in done.stderr
    manifest = json.loads((tmp_path / "mine" / "model.json").read_text(encoding="utf-8"))
    assert (manifest["name"], manifest["training"]["seed"]) == ("mine", 3)
    assert manifest["training"]["recipe"]["epochs"] == 2
    assert load_classifier(f"embedded:{tmp_path / 'mine'}").classify([Text("talks")])


def test_too_little_is_refused_before_anything_is_learned(
    base: Base, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = {"title": "talks", "rel": 1, "hope": 1, "appease": 0}
    (tmp_path / "few.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    arguments = ["train", "--from", tmp_path / "few.jsonl", "--out", tmp_path / "mine", "--base", base.folder]
    with pytest.raises(SystemExit) as caught:
        cli.main([str(argument) for argument in arguments])
    assert caught.value.code == 2
    assert "1 coded items are too few to learn from: code 39 more items" in capsys.readouterr().err
