"""feeds.yaml: what is accepted, and what is said about what is not."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import media_coverage
from media_coverage.classify import BACKENDS
from media_coverage.config import GROUPS, MODELS, Config, load, parse
from media_coverage.errors import ConfigError, ExitCode
from media_coverage.framing import DEFAULT_FRAMES, Frames
from media_coverage.records import Feed, FeedKind, Frame, Outlet

SHIPPED = Path(__file__).parents[1] / "feeds.yaml"
SAMPLES = Path(media_coverage.__file__).parent / "samples"

GOOD = """\
topic:
  name: Invented summit
  query: peace OR talks
  groups: [pacific]
  events:
    - {date: 2026-02-03, name: The summit}
frames:
  hopeful_peace: {output: hope, title: Hope}
  appeasement: {output: appease, title: Sell-out}
outlets:
  - name: The Harbour Post
    country: US
    group: us_center
    aliases: [Harbour, harbour.example]
    feeds:
      - https://post.example/rss
      - {url: "https://post.example/opinion", kind: feed}
  - name: Newsfinder
    country: null
    group: aggregator
    feeds:
      - {url: "https://finder.example/rss?q=peace", kind: search}
network:
  contact: desk@tracker.example
  allow_addresses: [127.0.0.0/8]
database: coverage.db
"""

HERE = "# <-- here"
"""Marks the line that the message must name."""


def changed(old: str, new: str) -> str:
    assert GOOD.count(old) == 1
    return GOOD.replace(old, new)


def refusal(folder: Path, text: str) -> ConfigError:
    path = folder / "feeds.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert caught.value.path == path
    assert caught.value.exit_code is ExitCode.USAGE
    return caught.value


def test_a_good_file_becomes_the_values_it_spells(tmp_path: Path) -> None:
    path = tmp_path / "feeds.yaml"
    path.write_text(GOOD, encoding="utf-8")
    config = load(path)
    post = Outlet("The Harbour Post", "US", "us_center", ("Harbour", "harbour.example"))
    assert config.feeds == (
        Feed("https://post.example/rss", post),
        Feed("https://post.example/opinion", post),
        Feed("https://finder.example/rss?q=peace", Outlet("Newsfinder", None, "aggregator"), FeedKind.SEARCH),
    )
    assert [(event.date, event.name) for event in config.topic.events] == [(date(2026, 2, 3), "The summit")]
    assert config.frames == DEFAULT_FRAMES
    assert [(frame.title, frame.description) for frame in config.frames.both] == [("Hope", ""), ("Sell-out", "")]
    assert config.network.contact == "desk@tracker.example"
    assert config.network.allow_addresses == ("127.0.0.0/8",)
    assert config.query.decide("Peace at last", "").passed
    assert config.sha256 == hashlib.sha256(GOOD.encode()).hexdigest()


def test_any_two_frames_can_be_named_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = changed("hopeful_peace: {output: hope, title: Hope}", "escalation: {title: War drums, description: More.}")
    frames = parse(text, tmp_path / "feeds.yaml").frames
    assert frames == Frames(Frame("escalation", "escalation", ""), Frame("appeasement", "appease", ""))
    assert frames.labels == ("escalation", "appeasement", "mixed", "neither")
    assert (frames.first.title, frames.first.description) == ("War drums", "More.")


def test_a_short_file_gets_the_documented_defaults(tmp_path: Path) -> None:
    text = "topic: {name: T, query: peace}\noutlets: [{name: A, group: uk, feeds: ['https://a.example/rss']}]\n"
    config = parse(text, tmp_path / "feeds.yaml")
    assert config.frames is DEFAULT_FRAMES
    assert config.topic.language == "en"
    assert config.outlets[0].country is None
    network = config.network
    assert (network.timeout_seconds, network.max_bytes, network.max_entries) == (30, 10 * 2**20, 5000)
    assert (network.concurrency, network.host_gap_seconds, network.allow_addresses) == (20, 1.0, ())


@pytest.mark.parametrize(
    ("written", "inside"),
    [
        pytest.param("data/coverage.db", "data/coverage.db", id="relative"),
        pytest.param("../coverage.db", "../coverage.db", id="above"),
    ],
)
def test_the_database_lies_relative_to_the_file_not_to_the_working_directory(
    tmp_path: Path, written: str, inside: str
) -> None:
    config = parse(changed("coverage.db", written), tmp_path / "feeds.yaml")
    assert config.database == tmp_path / inside


CLASSIFIER = """classifier:
  model: hub:models/coded
  device: cuda
  labels: {LABEL_0: hope, LABEL_1: appease}
  thresholds: {hope: 0.6}
  hypotheses: {hope: Peace is near.}
"""


def test_the_classifier_is_taken_from_the_file_with_its_folder_beside_it(tmp_path: Path) -> None:
    (tmp_path / "models" / "coded").mkdir(parents=True)
    config = parse(GOOD + CLASSIFIER, tmp_path / "feeds.yaml")
    assert config.classifier_options() == {
        "model": f"hub:{tmp_path / 'models' / 'coded'}",
        "device": "cuda",
        "frames": DEFAULT_FRAMES,
        "language": "en",
        "hypotheses": {"hope": "Peace is near."},
        "labels": {"LABEL_0": "hope", "LABEL_1": "appease"},
        "thresholds": {"hope": 0.6},
    }
    assert parse(GOOD, tmp_path / "feeds.yaml").classifier_options()["model"] == "embedded"
    assert parse(GOOD + CLASSIFIER, tmp_path / "elsewhere" / "feeds.yaml").classifier.model == "hub:models/coded"


def test_the_command_line_wins_and_keeps_what_belongs_to_the_configured_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models" / "coded").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    config = parse(GOOD + CLASSIFIER, tmp_path / "feeds.yaml")
    for named in ("hub:models/coded", f"hub:{tmp_path}/models/coded"):
        assert config.classifier_options(named, "cpu") == config.classifier_options() | {"device": "cpu"}
    other = config.classifier_options("zero-shot")
    assert (other["model"], other["device"]) == ("zero-shot", "cuda")
    assert (other["labels"], other["thresholds"]) == ({}, {})
    assert other["hypotheses"] == {"hope": "Peace is near."}


def test_the_kinds_of_classifier_are_those_that_can_be_loaded() -> None:
    assert tuple(BACKENDS) == MODELS


def test_an_absolute_database_path_stays(tmp_path: Path) -> None:
    absolute = tmp_path / "elsewhere" / "coverage.db"
    config = parse(changed("database: coverage.db", f"database: {absolute}"), tmp_path / "a" / "feeds.yaml")
    assert config.database == absolute


def test_topic_groups_declares_more_groups(tmp_path: Path) -> None:
    config = parse(changed("group: us_center", "group: pacific"), tmp_path / "feeds.yaml")
    assert config.outlets[0].group == "pacific"


def test_one_feed_may_be_listed_with_white_space_around_it(tmp_path: Path) -> None:
    config = parse(changed("https://post.example/rss", "'  https://post.example/rss '"), tmp_path / "feeds.yaml")
    assert config.feeds[0].url == "https://post.example/rss"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("", ["the file is empty", "`topic`", "`outlets`"], id="empty"),
        pytest.param("# nothing yet\n\n", ["the file is empty"], id="comments only"),
        pytest.param("outlets: []\n", ['key "topic": is required'], id="no topic"),
        pytest.param(GOOD[: GOOD.index("outlets:")], ['key "outlets": is required'], id="no outlets"),
        pytest.param("[" * 3000, ["not valid YAML", "too deep"], id="too deep"),
        pytest.param("topic: &a [*a]\n", ["not valid YAML", "too deep"], id="an alias that contains itself"),
    ],
)
def test_what_has_no_line_is_refused_with_the_file_alone(tmp_path: Path, text: str, says: list[str]) -> None:
    error = refusal(tmp_path, text)
    assert error.line is None
    assert str(error).startswith(f"{tmp_path / 'feeds.yaml'}: ")
    for part in says:
        assert part in str(error)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param(f"- topic   {HERE}\n- outlets\n", ["top level must be a mapping"], id="a list"),
        pytest.param(f"just a sentence   {HERE}\n", ["top level must be a mapping"], id="a sentence"),
        pytest.param(
            changed("[pacific]", f"[pacific\n  events:   {HERE}").replace("  events:\n", ""),
            ["not valid YAML: expected ',' or ']'"],
            id="malformed: unclosed bracket",
        ),
        pytest.param(f"{GOOD}\tdatabase: x   {HERE}\n", ["not valid YAML", "'\\t'"], id="malformed: tab"),
        pytest.param(f"{GOOD}---   {HERE}\ntopic: x\n", ["not valid YAML", "another document"], id="two documents"),
        pytest.param(
            changed("{date: 2026-02-03, name: The summit}", f"{{date: 2026-02-30, name: The summit}}   {HERE}"),
            ["not valid YAML: '2026-02-30' makes no value: day is out of range for month"],
            id="a day that does not exist",
        ),
        pytest.param(
            changed("  groups: [pacific]", f"  query: war   {HERE}"),
            ["the key 'query' appears twice"],
            id="repeated key",
        ),
        pytest.param(
            f"{GOOD}topic: {{name: T, query: war}}   {HERE}\n", ["the key 'topic' appears twice"], id="repeated section"
        ),
        # Unknown keys, at every level, with the nearest known one.
        pytest.param(
            changed("network:", f"netwrok:   {HERE}"),
            ["key \"netwrok\": unknown key; did you mean 'network'?"],
            id="unknown key at the top",
        ),
        pytest.param(
            f"{GOOD}xyz: 1   {HERE}\n",
            ['key "xyz": unknown key; known: topic, frames, outlets, classifier, network, alerts, database'],
            id="unknown key like no other",
        ),
        pytest.param(
            changed("  groups: [pacific]", f"  grups: [pacific]   {HERE}"),
            ['"topic", key "grups": unknown key; did you mean \'groups\'?'],
            id="unknown key in topic",
        ),
        pytest.param(
            changed("{date: 2026-02-03, name: The summit}", f"{{date: 2026-02-03, nam: The summit}}   {HERE}"),
            ['"topic", event number 1, key "nam": unknown key; did you mean \'name\'?', "1 more problem"],
            id="unknown key in event",
        ),
        pytest.param(
            changed("{output: hope, title: Hope}", f"{{output: hope, titel: Hope}}   {HERE}"),
            ['"frames", "hopeful_peace", key "titel": unknown key; did you mean \'title\'?'],
            id="unknown key in frame",
        ),
        pytest.param(
            changed("    country: US", f"    contry: US   {HERE}"),
            ['outlet "The Harbour Post", key "contry": unknown key; did you mean \'country\'?'],
            id="unknown key in outlet",
        ),
        pytest.param(
            changed('opinion", kind: feed}', f'opinion", knd: feed}}   {HERE}'),
            [
                'outlet "The Harbour Post", feed "https://post.example/opinion", key "knd": unknown key',
                "did you mean 'kind'?",
            ],
            id="unknown key in feed",
        ),
        pytest.param(
            changed("  contact:", f"  timeout: 3   {HERE}\n  contact:"),
            ['"network", key "timeout": unknown key; did you mean \'timeout_seconds\'?'],
            id="unknown key in network",
        ),
        # Missing keys: the line is that of the thing they are missing from.
        pytest.param(
            changed("topic:\n", f"topic:   {HERE}\n").replace("  query: peace OR talks\n", ""),
            ['"topic", key "query": is required'],
            id="missing query",
        ),
        pytest.param(
            changed("- name: The Harbour Post", f"- country: US   {HERE}").replace("    country: US\n", ""),
            ['outlet number 1, key "name": is required'],
            id="missing name",
        ),
        pytest.param(
            changed("- name: The Harbour Post", f"- name: The Harbour Post   {HERE}").replace(
                "    group: us_center\n", ""
            ),
            ['outlet "The Harbour Post", key "group": is required'],
            id="missing group",
        ),
        pytest.param(
            changed('{url: "https://post.example/opinion", kind: feed}', f"{{kind: feed}}   {HERE}"),
            ['outlet "The Harbour Post", feed number 2, key "url": is required'],
            id="missing url",
        ),
        pytest.param(
            changed("{date: 2026-02-03, name: The summit}", f"{{name: The summit}}   {HERE}"),
            ['"topic", event "The summit", key "date": is required'],
            id="missing date",
        ),
        # Values
        pytest.param(
            changed("group: us_center", f"group: us_centre   {HERE}"),
            ['outlet "The Harbour Post", key "group": unknown group \'us_centre\'', "did you mean 'us_center'?"],
            id="unknown group",
        ),
        pytest.param(
            changed("group: us_center", f"group: pacfic   {HERE}"),
            ["unknown group 'pacfic'; did you mean 'pacific'?", "topic.groups declares more"],
            id="unknown group near a declared one",
        ),
        pytest.param(
            changed("group: us_center", f"group: zzz   {HERE}"),
            ["unknown group 'zzz'; known: us_left, us_center", "pacific"],
            id="unknown group near none",
        ),
        pytest.param(
            changed("- name: Newsfinder", f"- name: the HARBOUR  post   {HERE}"),
            ['outlet "the HARBOUR post" appears twice'],
            id="repeated outlet",
        ),
        pytest.param(
            changed(
                '{url: "https://finder.example/rss?q=peace"', f'{{   {HERE}\n        url: "https://post.example/rss"'
            ),
            ['outlet "Newsfinder": feed https://post.example/rss is already listed under "The Harbour Post"'],
            id="repeated feed",
        ),
        pytest.param(
            changed("- https://post.example/rss", f"- ftp://post.example/rss   {HERE}"),
            ['outlet "The Harbour Post", feed "ftp://post.example/rss", key "url"', "is not an http(s) address"],
            id="ftp address",
        ),
        pytest.param(
            changed("- https://post.example/rss", f"- post.example/rss   {HERE}"),
            ['feed "post.example/rss", key "url"', "is not an http(s) address"],
            id="address without scheme",
        ),
        pytest.param(
            changed("- https://post.example/rss", f"- https://   {HERE}"),
            ['feed "https://", key "url"', "is not an http(s) address"],
            id="address without host",
        ),
        pytest.param(
            changed("- https://post.example/rss", f"- https://post.example:99999/rss   {HERE}"),
            ['feed "https://post.example:99999/rss", key "url"', "0-65535"],
            id="address with an impossible port",
        ),
        pytest.param(
            changed("- https://post.example/rss", f"- http://[::1/rss   {HERE}"),
            ['feed "http://[::1/rss", key "url"', "Invalid IPv6 URL"],
            id="address with half a bracket",
        ),
        pytest.param(
            changed('opinion", kind: feed}', f'opinion", kind: serch}}   {HERE}'),
            ["feed \"https://post.example/opinion\", key \"kind\": 'serch' is not known; did you mean 'search'?"],
            id="unknown kind",
        ),
        pytest.param(
            changed("country: US", f"country: us   {HERE}"),
            ['outlet "The Harbour Post", key "country": \'us\' is not a two-letter country code in capitals'],
            id="country in small letters",
        ),
        pytest.param(
            changed("country: US", f"country: USA   {HERE}"),
            ["key \"country\": 'USA' is not"],
            id="three-letter country",
        ),
        pytest.param(
            # YAML 1.1 reads an unquoted NO as false.
            changed("country: US", f"country: NO   {HERE}"),
            ['outlet "The Harbour Post", key "country": ', "valid string"],
            id="Norway without quotes",
        ),
        pytest.param(
            changed("query: peace OR talks", f"query: (peace OR talks   {HERE}"),
            ['"topic", key "query": the query cannot be read: expected \')\''],
            id="query with an open parenthesis",
        ),
        pytest.param(
            changed("query: peace OR talks", f"query: ''   {HERE}"),
            ['"topic", key "query": the query cannot be read: the query is empty'],
            id="empty query",
        ),
        pytest.param(
            changed("  query:", f"  language: english   {HERE}\n  query:"),
            ['"topic", key "language"'],
            id="language name",
        ),
        pytest.param(
            changed("{date: 2026-02-03, name: The summit}", f"{{date: soon, name: The summit}}   {HERE}"),
            ['"topic", event "The summit", key "date"', "valid date"],
            id="no date",
        ),
        pytest.param(
            changed("database: coverage.db", f"database: !!int ''   {HERE}"),
            ["not valid YAML: '' makes no value"],
            id="a number without digits",
        ),
        pytest.param(
            changed("database: coverage.db", f"database: !!bool maybe   {HERE}"),
            ["not valid YAML: 'maybe' makes no value"],
            id="neither yes nor no",
        ),
        pytest.param(
            changed("frames:", f"frames:   {HERE}").replace("output: hope", "output: relevant"),
            ["key \"frames\": the output 'relevant' has a meaning of its own"],
            id="frame with the output that says relevance",
        ),
        pytest.param(
            changed("frames:", f"frames:   {HERE}").replace("  appeasement:", "  Sell-out:"),
            ["key \"frames\": the name 'Sell-out' must be small letters"],
            id="frame whose name is no column",
        ),
        pytest.param(
            changed("frames:", f"frames:   {HERE}").replace("  appeasement: {output: appease, title: Sell-out}\n", ""),
            ['key "frames": takes exactly two frames, not 1'],
            id="one frame",
        ),
        pytest.param(
            changed("frames:", f"frames:   {HERE}\n  third: {{output: x, title: X}}"),
            ['key "frames": takes exactly two frames, not 3'],
            id="three frames",
        ),
        pytest.param(
            changed("network:", f"classifier:\n  model: zeroshot:a/b   {HERE}\nnetwork:"),
            ["\"classifier\", key \"model\": 'zeroshot' is not known; did you mean 'zero-shot'?"],
            id="classifier of an unknown kind",
        ),
        pytest.param(
            changed("network:", f"classifier:\n  device: gpu   {HERE}\nnetwork:"),
            ["\"classifier\", key \"device\": Input should be 'cpu' or 'cuda'"],
            id="unknown device",
        ),
        pytest.param(
            changed("network:", f"classifier:\n  treshold: {{}}   {HERE}\nnetwork:"),
            ['"classifier", key "treshold": unknown key; did you mean \'thresholds\'?'],
            id="misspelt key of the classifier",
        ),
        pytest.param(
            changed("network:", f"classifier:\n  thresholds:\n    hope: 1.5   {HERE}\nnetwork:"),
            ['"classifier", "thresholds", key "hope"', "less than 1"],
            id="threshold that nothing reaches",
        ),
        pytest.param(
            changed("network:", f"classifier:\n  thresholds:\n    apease: 0.5   {HERE}\nnetwork:"),
            ['"classifier", "thresholds", key "apease": no output is called so; did you mean \'appease\'?'],
            id="threshold of no output",
        ),
        pytest.param(
            changed("network:", f"classifier:\n  hypotheses:\n    hopeful_peace: Peace.   {HERE}\nnetwork:"),
            ['"classifier", "hypotheses", key "hopeful_peace": no output is called so; did you mean'],
            id="hypothesis by the name of the frame",
        ),
        pytest.param(
            changed("network:", f"classifier:\n  hypotheses:\n    hope: ''   {HERE}\nnetwork:"),
            ['"classifier", "hypotheses", key "hope": must not be empty'],
            id="empty hypothesis",
        ),
        pytest.param(
            changed("network:", f"classifier:\n  labels:\n    LABEL_0: 5   {HERE}\nnetwork:"),
            ['"classifier", "labels", key "LABEL_0"', "valid string"],
            id="label that means a number",
        ),
        pytest.param(
            changed("[127.0.0.0/8]", f"[10.0.0.0/99]   {HERE}"),
            ['"network", key "allow_addresses", item "10.0.0.0/99"', "does not appear to be an IPv4 or IPv6 network"],
            id="range too narrow",
        ),
        pytest.param(
            changed("[127.0.0.0/8]", f"['my host']   {HERE}"),
            ['"network", key "allow_addresses", item "my host"', "neither a host name nor an address range"],
            id="host name with a space",
        ),
        pytest.param(
            changed("contact: desk@tracker.example", f'contact: "desk\\nX-Evil: 1"   {HERE}'),
            ['"network", key "contact"'],
            id="contact with a line break",
        ),
        pytest.param(
            changed("contact: desk@tracker.example", f"contact: büro@tracker.example   {HERE}"),
            ['"network", key "contact"'],
            id="contact beyond ASCII",
        ),
        pytest.param(
            changed("contact: desk@tracker.example", f"contact: {'x' * 201}   {HERE}"),
            ['"network", key "contact"', "200 characters"],
            id="contact too long",
        ),
        pytest.param(
            changed("  contact:", f"  concurrency: 0   {HERE}\n  contact:"),
            ['"network", key "concurrency"', "greater than or equal to 1"],
            id="no concurrency",
        ),
        pytest.param(
            changed("[Harbour, harbour.example]", f"[Harbour, ' ']   {HERE}"),
            ['outlet "The Harbour Post", key "aliases", item " ": must not be empty'],
            id="empty alias",
        ),
        pytest.param(
            changed('      - {url: "https://finder.example/rss?q=peace", kind: search}\n', "").replace(
                "group: aggregator\n    feeds:", f"group: aggregator\n    feeds: []   {HERE}"
            ),
            ['outlet "Newsfinder", key "feeds"', "at least 1 item"],
            id="no feeds",
        ),
        pytest.param(
            changed("  - name: Newsfinder", f"  - Newsletter   {HERE}\n  - name: Newsfinder"),
            ['outlet "Newsletter": '],
            id="outlet without a mapping",
        ),
    ],
)
def test_what_is_wrong_is_named_by_file_line_place_and_key(tmp_path: Path, text: str, says: list[str]) -> None:
    (line,) = (number for number, row in enumerate(text.splitlines(), 1) if HERE in row)
    error = refusal(tmp_path, text)
    assert error.line == line, str(error)
    assert str(error).startswith(f"{tmp_path / 'feeds.yaml'}:{line}: ")
    for part in says:
        assert part in str(error)


def test_several_problems_are_counted_and_the_first_is_explained(tmp_path: Path) -> None:
    text = changed("country: US", "country: usa").replace("group: us_center", "group: 5")
    assert str(refusal(tmp_path, text)).endswith("(1 more problem after this one)")
    text = text.replace("kind: feed}", "kind: fed}")
    assert str(refusal(tmp_path, text)).endswith("(2 more problems after this one)")


def test_a_missing_file_says_how_to_name_one(tmp_path: Path) -> None:
    path = tmp_path / "nowhere.yaml"
    with pytest.raises(ConfigError, match="--config or MEDIA_COVERAGE_CONFIG") as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: there is no such file")


def test_a_folder_and_bytes_that_are_not_utf_8_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path)
    latin = tmp_path / "latin.yaml"
    latin.write_bytes("topic: {name: Gespräch}".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"latin\.yaml: cannot be read: 'utf-8'"):
        load(latin)


# Pieces that turn one valid line into another, and a valid file into most kinds of broken ones.
_PIECES = st.sampled_from(
    [
        "",
        "\n",
        ":",
        "- ",
        "{",
        "}",
        "[",
        "]",
        '"',
        "'",
        "&a",
        "*a",
        "!!int ",
        "!!timestamp ",
        "!!bool ",
        "!!set ",
        "!!binary ",
        "<<: ",
        "? ",
        "#",
        "0",
        "~",
        "\t",
    ]
)


@settings(deadline=None, max_examples=250)
@given(start=st.integers(0, len(GOOD)), length=st.integers(0, 40), piece=_PIECES | st.text(max_size=4))
def test_a_damaged_file_is_understood_or_refused_but_never_crashes(start: int, length: int, piece: str) -> None:
    text = GOOD[:start] + piece + GOOD[start + length :]
    result: Config | str
    try:
        result = parse(text, Path("feeds.yaml"))
    except ConfigError as error:
        result = str(error)
    if isinstance(result, Config):
        assert result.feeds
    else:
        assert result.startswith("feeds.yaml:")


def test_the_shipped_file_loads_with_at_least_forty_outlets_and_one_in_every_group() -> None:
    config = load(SHIPPED)
    assert len(config.outlets) >= 40
    # "other" is for outlets that only searches find.
    assert {outlet.group for outlet in config.outlets} == set(GROUPS) - {"other"}
    assert {feed.outlet.group for feed in config.feeds if feed.kind is FeedKind.SEARCH} == {"aggregator"}
    assert len({feed.url for feed in config.feeds}) == len(config.feeds)
    assert config.database == SHIPPED.parent / "media-coverage.db"


@pytest.mark.parametrize(
    ("title", "passes"),
    [
        pytest.param("Witkoff flies to Moscow for another round", True, id="envoy"),
        pytest.param("Kremlin lauds Trump’s patience", True, id="two leaders"),
        pytest.param("Kyiv fears a ceasefire on bad terms", True, id="without America"),
        pytest.param("Anchorage readies itself for the summit", True, id="place"),
        pytest.param("Local bakery wins bread prize", False, id="bread"),
        pytest.param("Trump unveils a new golf course", False, id="one leader"),
    ],
)
def test_the_shipped_query_passes_the_topic_and_little_else(title: str, passes: bool) -> None:
    assert load(SHIPPED).query.decide(title, "").passed is passes


def test_the_configuration_of_the_samples_loads_and_every_feed_has_a_sample(tmp_path: Path) -> None:
    text = (SAMPLES / "feeds.yaml").read_text(encoding="utf-8").replace("{base}", "http://127.0.0.1:8000")
    config = parse(text, tmp_path / "feeds.yaml")
    listed = {feed.url.removeprefix("http://127.0.0.1:8000/") for feed in config.feeds}
    assert listed == {path.name for path in (SAMPLES / "first").iterdir()}
    assert len(config.topic.events) == 3
    assert config.database == tmp_path / "demo.db"
