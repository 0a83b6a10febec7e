"""Coded items: what files and databases may hold, near-duplicates, folds."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media_coverage import coded
from media_coverage.errors import InputError
from media_coverage.framing import DEFAULT_FRAMES, Frames
from media_coverage.records import Frame, Text

if TYPE_CHECKING:
    from pathlib import Path

OTHERS = Frames(Frame("escalation", "up", "Escalation"), Frame("de_escalation", "down", "De-escalation"))


def row(title: str = "Talks begin", rel: object = 1, hope: object = 0, appease: object = 0, **more: Any) -> Any:
    return {"title": title, "rel": rel, "hope": hope, "appease": appease} | more


def lines(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")
    return path


# ---------------------------------------------------------------------- files


def test_a_json_lines_file_is_read_with_all_that_is_known(tmp_path: Path) -> None:
    rows = [row(summary="A lead.", hope=1, id=7, cert=3, outlet="Ledger", date="2026-02-03T09:00:00Z"), row("Rain", 0)]
    (first, second) = coded.read(lines(tmp_path / "a.jsonl", rows), DEFAULT_FRAMES).items
    assert first == coded.CodedItem("7", Text("Talks begin", "A lead."), (1, 1, 0), 3, "Ledger", "2026-02-03")
    assert (second.codes, second.certainty, second.weights) == ((0, 0, 0), 1, (1.0, 1.0, 1.0))
    assert second.id.endswith("a.jsonl:2")


def test_voices_are_those_of_most_coders_and_have_a_frame_to_speak(tmp_path: Path) -> None:
    rows = [
        row("Own", hope=1, voice="A"),
        *(row("Three coders", hope=1, id=1, voice=word) for word in ("Q", "quoted", "both")),
        *(row("Split", hope=1, id=2, voice=word) for word in ("outlet", "quoted")),
        row("No frame", voice="-"),
        row("Something else", hope=1, voice="loud"),
    ]
    items = coded.read(lines(tmp_path / "a.jsonl", rows), DEFAULT_FRAMES).items
    assert [item.voice for item in items] == ["outlet", "quoted", None, None, None]
    assert [item.own for item in items] == [True, False, None, None, None]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_table_is_read_as_spreadsheets_write_it(tmp_path: Path, delimiter: str, encoding: str) -> None:
    path = tmp_path / "Codes.CSV"
    with path.open("w", encoding=encoding, newline="") as stream:
        table = csv.writer(stream, delimiter=delimiter)
        table.writerow(["title", "summary", "rel", "up", "down", "cert"])
        table.writerow(["Troops; tanks, and\ttalks", "Two\nlines", "1", "1", " 0 ", "2"])
        table.writerow(["Weather", "", "0", "", "", ""])
    first, second = coded.read(path, OTHERS).items
    assert first.text == Text("Troops; tanks, and\ttalks", "Two\nlines")
    assert (first.codes, first.certainty) == ((1, 1, 0), 2)
    assert (second.codes, second.certainty) == ((0, 0, 0), 1)


def test_a_table_without_a_column_names_it(tmp_path: Path) -> None:
    path = tmp_path / "codes.csv"
    path.write_text("title,rel,up\nx,1,1\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"has no column down; it needs title, rel, up, down"):
        coded.read(path, OTHERS)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        pytest.param(row(rel=2), r":2: `rel` must be 0 or 1, not 2", id="rel"),
        pytest.param(row(rel=None), r":2: `rel` must be 0 or 1, not None", id="no rel"),
        pytest.param(row(hope="yes"), r":2: `hope` must be 0 or 1, not 'yes'", id="frame"),
        pytest.param(row(appease=None), r":2: `appease` must be 0 or 1, not None", id="no frame"),
        pytest.param(row(cert=4), r":2: `cert` must be 1, 2 or 3, not 4", id="certainty"),
        pytest.param(row(title=" "), r":2: has neither a title nor a summary", id="no text"),
        pytest.param(row(title=None), r":2: `title` must be a string", id="no title"),
        pytest.param([1], r":2: not a JSON object", id="no object"),
    ],
)
def test_what_is_wrong_with_a_line_is_said_with_its_number(tmp_path: Path, bad: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        coded.read(lines(tmp_path / "a.jsonl", [row(), bad]), DEFAULT_FRAMES)
    assert caught.value.exit_code == 2


def test_files_that_are_none_are_said(tmp_path: Path) -> None:
    (tmp_path / "bytes.jsonl").write_bytes(b"\xff\xfe")
    (tmp_path / "bytes.csv").write_bytes(b"title,rel,hope,appease\n\xff,1,1,0\n")
    lines(tmp_path / "empty.jsonl", [])
    for name, message in (
        ("missing.jsonl", "cannot be read: No such file"),
        ("missing.csv", "cannot be read: No such file"),
        ("bytes.jsonl", "is not UTF-8"),
        ("bytes.csv", "is not a CSV file in UTF-8"),
        ("empty.jsonl", "holds no coded item"),
    ):
        with pytest.raises(InputError, match=message):
            coded.read(tmp_path / name, DEFAULT_FRAMES)


def test_several_coders_of_an_item_are_settled_by_majority(tmp_path: Path) -> None:
    votes = [
        *(row("majority", 1, hope, 0, id=1) for hope in (1, 1, 0)),
        *(row("split frame", 1, 1, appease, id=2) for appease in (1, 0)),
        *(row("split relevance", rel, id=3) for rel in (1, 0)),
        # The frames of a relevant text are a matter of those who found it relevant.
        *(row("two of three", rel, rel, 0, id=4) for rel in (1, 1, 0)),
        row("another text", 1, 1, 1, id=1),
    ]
    coding = coded.read(lines(tmp_path / "a.jsonl", votes), DEFAULT_FRAMES)
    assert {item.text.title: item.codes for item in coding.items} == {
        "majority": (1, 1, 0),
        "split frame": (1, 1, None),
        "two of three": (1, 1, 0),
        "another text": (1, 1, 1),
    }
    assert [item.complete for item in coding.items] == [True, False, True, True]
    assert coding.notes == (
        "1 items left out: their coders are evenly split about relevance",
        "1 frame codes left out: their coders are evenly split",
    )
    assert np.isnan(coded.code_array(coding.items)[1, 2])


# ---------------------------------------------------------------------- stored codes


def code(version: int, rel: int = 1, hope: int = 0, appease: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "version_id": version,
        "title": f"text {version}",
        "summary": "",
        "outlet": "Ledger",
        "date": "2026-02-03",
        "coder": "ada",
        "codebook_version": "1",
        "rel": rel,
        "hope": hope,
        "appease": appease,
        "certainty": 1,
        "purpose": "training",
        "coded_at": datetime(2026, 2, 3, tzinfo=UTC),
    } | more


def test_an_item_keeps_its_codes_under_the_newest_codebook_it_was_coded_with() -> None:
    later = datetime(2026, 3, 1, tzinfo=UTC)
    coding = coded.from_codes(
        [
            code(1, hope=1, codebook_version="2", coded_at=later),
            code(1, appease=1),
            code(1, appease=1, coder="bob"),
            code(2, appease=1),
        ],
        DEFAULT_FRAMES,
    )
    assert [item.codes for item in coding.items] == [(1, 1, 0), (1, 0, 1)]
    assert coding.codebook_version == "2"


def test_audit_texts_and_what_resembles_them_are_never_learned_from() -> None:
    title = "Envoys from both capitals meet again by the lake to talk about a truce"
    coding = coded.from_codes(
        [
            code(1, title=title),
            code(1, title=title, purpose="audit", coder="bob"),
            code(2, title=title + " today"),
            code(3, title="Parliament debates the harvest"),
        ],
        DEFAULT_FRAMES,
    )
    assert [item.id for item in coding.items] == ["2", "3"]
    assert coding.audit == (Text(title),)
    joined = coded.join([coding, coded.Coding((coded.CodedItem("file", Text(title), (1, 0, 0)),))])
    assert [item.id for item in joined.items] == ["3"]
    assert joined.notes == ("2 items left out: they resemble a text of the audit sample",)
    assert joined.codebook_version == "1"


def test_no_codes_no_items() -> None:
    assert coded.from_codes([], DEFAULT_FRAMES) == coded.Coding(())


# ---------------------------------------------------------------------- near-duplicates and folds


def test_near_duplicates_share_a_number_also_through_a_third_text() -> None:
    texts = [
        "Leaders agree to meet again next week in Valletta",
        "Leaders agree to meet again next week in Valletta, officials say",
        "Harvest begins early in the southern provinces",
        "Agree to meet again next week in Valletta, officials say, after talks",
        "",
    ]
    first, second, other, third, empty = coded.near_duplicate_groups(texts)
    assert first == second == third
    assert len({first, other, empty}) == 3


def test_the_cosine_is_that_of_its_definition() -> None:
    """Two texts, worked by hand: they share " a ", and each has two more n-grams of its own."""
    row, column, weight = coded._vectors(["a bc", "a de"])
    per_text = [dict(zip(column[row == text], weight[row == text], strict=True)) for text in (0, 1)]
    # " a " is in both texts: idf 1. " bc", "bc ", " bc " are in one: idf 1 + ln(3/2). All counts are 1.
    rare = 1 + np.log(3 / 2)
    assert sum(per_text[0][gram] * per_text[1].get(gram, 0) for gram in per_text[0]) == pytest.approx(
        1 / (1 + 3 * rare**2)
    )


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text(alphabet="abcd ", max_size=24), max_size=12), st.randoms(use_true_random=False))
def test_groups_do_not_depend_on_order(texts: list[str], random: Any) -> None:
    order = list(range(len(texts)))
    random.shuffle(order)
    groups = coded.near_duplicate_groups(texts)
    shuffled = coded.near_duplicate_groups([texts[i] for i in order])
    same = groups[order][:, None] == groups[order][None, :]
    assert (same == (shuffled[:, None] == shuffled[None, :])).all()
    for i, text in enumerate(texts):
        assert all(groups[i] == groups[j] for j in range(len(texts)) if texts[j] == text and text.strip())


GROUPED = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3)), min_size=6, max_size=80)


@settings(deadline=None, max_examples=60)
@given(GROUPED, st.integers(2, 5), st.integers(0, 3))
def test_a_group_is_never_on_both_sides(pairs: list[tuple[int, int]], count: int, seed: int) -> None:
    groups, strata = np.array(pairs, dtype=np.int64).T
    fold_of = coded.grouped_folds(groups, strata, count, seed)
    assert set(fold_of) <= set(range(count))
    for learned, held_out in coded.splits(fold_of, groups):
        assert not set(groups[learned]) & set(groups[held_out])
        assert len(learned) + len(held_out) == len(groups)
    assert (coded.grouped_folds(groups, strata, count, seed) == fold_of).all()


def test_strata_are_spread_evenly() -> None:
    strata = np.repeat([0, 1, 2], [60, 30, 10])
    fold_of = coded.grouped_folds(np.arange(100), strata, 5, 7)
    for stratum, share in ((0, 12), (1, 6), (2, 2)):
        assert np.bincount(fold_of[strata == stratum], minlength=5).tolist() == [share] * 5


def test_outlets_are_held_out_whole_and_so_is_what_resembles_them() -> None:
    outlets = [f"outlet {i % 7}" for i in range(70)]
    fold_of = coded.folds_by(outlets, 3, 7)
    assert all(len(set(fold_of[[o == name for o in outlets]])) == 1 for name in set(outlets))
    assert set(fold_of) == {0, 1, 2}
    groups = np.arange(70)
    groups[fold_of == 1] = 0  # copies of item 0 at other outlets
    for learned, held_out in coded.splits(fold_of, groups):
        assert not set(groups[learned]) & set(groups[held_out])
