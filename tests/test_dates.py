"""Dates as feeds and addresses spell them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from media_coverage.dates import _prose, _rfc_822, in_address, read

FEB_3 = datetime(2026, 2, 3, tzinfo=UTC)
NOON = datetime(2026, 2, 3, 12, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")


@pytest.mark.parametrize(
    ("text", "time"),
    [
        # RFC 822 and its relatives
        ("Tue, 03 Feb 2026 12:00:00 GMT", NOON),
        ("Tue, 3 Feb 2026 12:00 GMT", NOON),
        ("03 Feb 2026 12:00:00 Z", NOON),
        ("Tue, 03 Feb 2026 14:00:00 +0200", NOON),
        ("Tue, 03 Feb 2026 08:30:00 -0330", NOON),
        ("Tue, 03 Feb 2026 14:00:00+02:00", NOON),
        ("Tue, 03 Feb 2026 12:00:00GMT", NOON),
        ("Tue, 3 Feb 2026 07:00:00 -0500 (EST)", NOON),
        ("Tue Feb  3 12:00:00 2026", NOON),
        ("Tue Feb  3 07:00:00 EST 2026", NOON),
        ("Tue Feb 3 2026 15:00:00 GMT+0300 (MSK)", NOON),
        ("03 Feb 2026 15:00 UTC+3", NOON),
        ("Tue, 03-Feb-2026 12:00:00 GMT", NOON),
        ("Tuesday, February 3, 2026, 12:00 UTC", NOON),
        # ISO 8601
        ("2026-02-03T12:00:00Z", NOON),
        ("2026-02-03T12:00:00.123456Z", NOON),
        ("2026-02-03T15:00:00+03:00", NOON),
        ("2026-02-03T15:00:00+03", NOON),
        ("2026-02-03 15:00:00 +0300", NOON),
        ("2026-02-03T12:00", NOON),
        ("2026-02-03T12", NOON),
        ("2026-02-03 12:00", NOON),
        ("2026-02-03T07:00:00 EST", NOON),
        ("20260203T120000Z", NOON),
        ("2026-02-03", FEB_3),
        ("20260203", FEB_3),
        ("2026-02", at("2026-02-01T00:00")),
        ("2026-W06-2", FEB_3),
        ("2026W062", FEB_3),
        ("2026-W06-2T12:00:00Z", NOON),
        ("2026-034", FEB_3),
        ("2020-W53-5", at("2021-01-01T00:00")),
        ("2025-W01-1", at("2024-12-30T00:00")),
        ("2026-02-02T24:00:00Z", FEB_3),
        ("2026-06-30T23:59:60Z", at("2026-06-30T23:59:59")),
        ("2026-2-3 12:00", NOON),
        # seconds and milliseconds since 1970
        ("1770120000", NOON),
        ("1770120000000", NOON),
        # zone abbreviations
        ("3 Feb 2026 15:00 MSK", NOON),
        ("3 Feb 2026 13:00 CET", NOON),
        ("3 Aug 2026 14:00 CEST", at("2026-08-03T12:00")),
        ("3 Feb 2026 07:00 EST", NOON),
        ("3 Feb 2026 04:00 PST", NOON),
        ("3 Feb 2026 17:30 IST", NOON),
        ("3 Feb 2026 13:00 MEZ", NOON),
        ("3 Feb 2026 15:00 МСК", NOON),
        ("3 Feb 2026 12:00 XYZ", NOON),  # nobody knows it
        # two-digit years, as in RFC 2822
        ("Tue, 03 Feb 26 12:00:00 GMT", NOON),
        ("3 Feb 99 12:00 GMT", at("1999-02-03T12:00")),
        ("3 Feb 49", at("2049-02-03T00:00")),
        ("3 Feb 50", at("1950-02-03T00:00")),
        ("03.02.26 12:00", NOON),
        # numbers only
        ("03.02.2026 12:00", NOON),
        ("3. 2. 2026", FEB_3),
        ("12.00 03.02.2026", NOON),
        ("13/02/2026", at("2026-02-13T00:00")),
        ("02/13/2026", at("2026-02-13T00:00")),
        ("2026/02/03 12:00:00", NOON),
        ("2/2/2026", at("2026-02-02T00:00")),
        ("2026年2月3日 12:00", NOON),
        ("2026년 2월 3일", FEB_3),
        # twelve hours
        ("February 3, 2026, 12:00 PM", NOON),
        ("February 3, 2026, 12:00 a.m.", FEB_3),
        ("Feb 3rd, 2026 4am PST", NOON),
        ("02/13/2026 3:05 p.m. EST", at("2026-02-13T20:05")),
        ("10:00 AM, Feb 3 2026", at("2026-02-03T10:00")),
        ("February 3, 2026, 7:00 AM ET", NOON),
        ("14.05.30 3 Feb 2026", at("2026-02-03T14:05:30")),
    ],
)
def test_a_date_is_read_however_it_is_spelt(text: str, time: datetime) -> None:
    assert read(text) == time
    assert read(f"  {text}\n") == time


@pytest.mark.parametrize(
    ("text", "time"),
    [
        pytest.param("Di., 3. Februar 2026, 12:00 Uhr MEZ", at("2026-02-03T11:00"), id="German"),
        pytest.param("Dienstag, 03. März 2026 12:00", at("2026-03-03T12:00"), id="German, umlaut"),
        pytest.param("3. Jänner 2026", at("2026-01-03T00:00"), id="Austrian"),
        pytest.param("mar., 3 févr. 2026 12:00:00 +0100", at("2026-02-03T11:00"), id="French, weekday like a month"),
        pytest.param("mardi 3 mars 2026 à 12h05", at("2026-03-03T12:05"), id="French, hours"),
        pytest.param("1er août 2026", at("2026-08-01T00:00"), id="French, first"),
        pytest.param("martes, 3 de febrero de 2026, 12:00", NOON, id="Spanish"),
        pytest.param("mar, 03 mar 2026 12:00:00 +0000", at("2026-03-03T12:00"), id="Spanish, twice the same letters"),
        pytest.param("3 ene 2026", at("2026-01-03T00:00"), id="Spanish, short"),
        pytest.param("martedì 3 febbraio 2026 ore 12:00", NOON, id="Italian"),
        pytest.param("3 gen 2026", at("2026-01-03T00:00"), id="Italian, short"),
        pytest.param("terça-feira, 3 de março de 2026 às 12h00", at("2026-03-03T12:00"), id="Portuguese"),
        pytest.param("di, 3 mrt 2026 12:00", at("2026-03-03T12:00"), id="Dutch"),
        pytest.param("3 февраля 2026 г., 15:00 МСК", NOON, id="Russian"),
        pytest.param("Вт, 03 фев 2026 15:00:00 +0300", NOON, id="Russian, short"),
        pytest.param("3 мая 2026", at("2026-05-03T00:00"), id="Russian, May"),
        pytest.param("вівторок, 3 лютого 2026 12:00", NOON, id="Ukrainian"),
        pytest.param("сер, 4 лют 2026 12:00", at("2026-02-04T12:00"), id="Ukrainian, weekday like a month"),
        pytest.param("3 серпня 2026", at("2026-08-03T00:00"), id="Ukrainian, August"),
        pytest.param("3 lutego 2026 r., godz. 12:00", NOON, id="Polish"),
        pytest.param("3 paź 2026", at("2026-10-03T00:00"), id="Polish, short"),
        pytest.param("3 Şubat 2026 Salı 12:00", NOON, id="Turkish"),
        pytest.param("3 Kasım 2026", at("2026-11-03T00:00"), id="Turkish, dotless i"),
        pytest.param("2026. február 3. 12:00", NOON, id="Hungarian"),
        pytest.param("3. února 2026", FEB_3, id="Czech"),
        pytest.param("3 Φεβρουαρίου 2026", FEB_3, id="Greek"),
        pytest.param("٣ فبراير ٢٠٢٦", FEB_3, id="Arabic, with its digits"),
    ],
)
def test_months_have_names_in_many_languages(text: str, time: datetime) -> None:
    assert read(text) == time
    assert read(text.upper()) == time


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "yesterday",
        "2 hours ago",
        "2026",
        "3 Feb",
        "Feb 2026",
        "03/02/2026",  # the third of February, or the second of March
        "03-02-2026",
        "12/11/10",
        "2026-02-30",
        "Tue, 31 Feb 2026 10:00:00 GMT",
        "2026-13-01",
        "2020-W54-1",
        "2021-366",
        "3 Feb 2026 25:00",
        "9999-12-31T23:59:59-05:00",  # beyond the last year in UTC
        "0001-01-01T00:00:00+05:00",
        "0000-00-00 00:00:00",
        "1" * 200,
        "3 Feb 2026 " + "x" * 200,
    ],
)
def test_what_names_no_time_or_two_is_not_read(text: str | None) -> None:
    assert read(text) is None


_pieces = st.sampled_from(
    "Tue, 03 3 Feb febrero февраля лютого 2026 26 99 0001 9999 12:00 25:61 24:00:00 T Z GMT MSK EST +0300 -99:99 . , / "
    "- 2026-02-03 03.02.2026 13/02/2026 2026-W06-2 2026-034 pm a.m. 12h05 Uhr 年 月 日 ٣ 1770120000 1er ²".split(" ")
)


@given(st.lists(_pieces | st.text(max_size=3), max_size=8).map(" ".join) | st.lists(_pieces).map("".join) | st.text())
@example("²")
@example("3 Feb 2026 12:00 -2359")
@example("99991231T235959-2359")
def test_any_text_gives_an_aware_time_in_utc_or_none(text: str) -> None:
    time = read(text)
    assert time is None or time.utcoffset() == timedelta(0)


_minutes = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
_times = st.datetimes(datetime(1951, 1, 2), datetime(2999, 12, 30), timezones=_minutes)  # noqa: DTZ001 - bounds


@given(_times)
def test_what_is_written_by_the_standards_is_read_back(time: datetime) -> None:
    whole = time.replace(microsecond=0)
    assert read(format_datetime(whole)) == whole
    assert read(whole.isoformat()) == whole
    assert read(whole.isoformat(" ")) == whole
    assert read(whole.astimezone(UTC).strftime("%G-W%V-%uT%H:%M:%SZ")) == whole


@given(_times, st.sampled_from(["%a, %d %b %Y %H:%M:%S %z", "%d %b %Y %H:%M %z", "%a, %d %b %Y %H:%M:%S GMT"]))
def test_the_short_way_through_the_usual_spelling_leads_to_the_same_time(time: datetime, spelling: str) -> None:
    text = time.strftime(spelling).lower()
    assert _rfc_822(text) == _prose(text) is not None


@pytest.mark.parametrize(
    "address",
    [
        "https://post.example/2026/02/03/leaders-meet",
        "https://post.example/world/2026/2/3/leaders-meet?page=2",
        "https://post.example/2026/feb/03/leaders-meet",
        "https://post.example/2026/February/3/leaders-meet",
        "https://post.example/20260203/leaders-meet-1123190835.html",
        "https://post.example/leaders-meet-2026-02-03",
        "https://post.example/leaders-meet-2026-02-03-1234/",
        "https://post.example/a_2026_02_03_b.html",
    ],
)
def test_an_address_may_name_the_day(address: str) -> None:
    assert in_address(address) == FEB_3


@pytest.mark.parametrize(
    "address",
    [
        None,
        "",
        "https://post.example/leaders-meet",
        "https://post.example/leaders-meet-1123190835.html",
        "https://post.example/202602031/a",
        "https://post.example/2026/02/leaders-meet",
        "https://post.example/2026/13/03/a",
        "https://post.example/2026/02/30/a",
        "https://post.example/2026/foo/03/a",
        "https://post.example/1826/02/03/a",
        "https://20260203.example/a",
        "https://post.example/a?date=2026-02-03",
        "https://post.example/2026/2-3/a",
    ],
)
def test_an_address_that_names_no_day_gives_none(address: str | None) -> None:
    assert in_address(address) is None


@given(st.text() | st.text("0123456789/-_.?:feb").map("https://a.example/{}".format))
def test_any_address_gives_midnight_in_utc_or_none(address: str) -> None:
    day = in_address(address)
    assert day is None or (day.utcoffset() == timedelta(0) and (day.hour, day.minute, day.second) == (0, 0, 0))
