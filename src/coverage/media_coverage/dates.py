"""Dates as feeds and addresses spell them → aware UTC. Pure.

Feeds write dates in RFC 822 and ISO 8601, and in whatever the content system prints: other languages' month names,
day before month, 12-hour clocks, zone abbreviations, two-digit years, seconds since 1970. What can be read in two
ways ("03/02/2026") is not read.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta, timezone

from .topic import fold

_MONTHS = """
en january february march april may june july august september october november december
de januar februar märz april mai juni juli august september oktober november dezember
de-at jänner feber märz april mai juni juli august september oktober november dezember
fr janvier février mars avril mai juin juillet août septembre octobre novembre décembre
es enero febrero marzo abril mayo junio julio agosto setiembre octubre noviembre diciembre
it gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre
pt janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro
nl januari februari maart april mei juni juli augustus september oktober november december
sv januari februari mars april maj juni juli augusti september oktober november december
da januar februar marts april maj juni juli august september oktober november december
no januar februar mars april mai juni juli august september oktober november desember
pl styczeń luty marzec kwiecień maj czerwiec lipiec sierpień wrzesień październik listopad grudzień
pl-of stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia
cs leden únor březen duben květen červen červenec srpen září říjen listopad prosinec
cs-of ledna února března dubna května června července srpna září října listopadu prosince
sk január február marec apríl máj jún júl august september október november december
hu január február március április május június július augusztus szeptember október november december
ro ianuarie februarie martie aprilie mai iunie iulie august septembrie octombrie noiembrie decembrie
et jaanuar veebruar märts aprill mai juuni juuli august september oktoober november detsember
tr ocak şubat mart nisan mayıs haziran temmuz ağustos eylül ekim kasım aralık
id januari februari maret april mei juni juli agustus september oktober november desember
ru январь февраль март апрель май июнь июль август сентябрь октябрь ноябрь декабрь
ru-of января февраля марта апреля мая июня июля августа сентября октября ноября декабря
uk січень лютий березень квітень травень червень липень серпень вересень жовтень листопад грудень
uk-of січня лютого березня квітня травня червня липня серпня вересня жовтня листопада грудня
be студзень люты сакавік красавік май чэрвень ліпень жнівень верасень кастрычнік лістапад снежань
bg януари февруари март април май юни юли август септември октомври ноември декември
el ιανουαρίου φεβρουαρίου μαρτίου απριλίου μαΐου ιουνίου ιουλίου αυγούστου σεπτεμβρίου οκτωβρίου νοεμβρίου δεκεμβρίου
ar يناير فبراير مارس أبريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر
"""

_ZONES = {
    name: float(line.split()[0])
    for line in """
-10 hst
-9 akst
-8 akdt pst pt
-7 pdt mst
-6 mdt cst
-5 cdt est et
-4 edt ast
-3.5 nst
-3 adt art brt
-2.5 ndt
0 z ut utc gmt wet
1 west bst cet mez wat
2 cest mesz eet sast cat
3 eest idt msk мск trt eat
3.5 irst
4 msd gst
5 pkt
5.5 ist
5.75 npt
7 ict wib
8 hkt sgt awst
9 jst kst
10 aest
11 aedt
12 nzst
13 nzdt
""".strip().splitlines()
    for name in line.split()[1:]
}
"""Hours from UTC. Where nations share an abbreviation, the reading of English-language news: IST is India's, BST
Britain's, CST and AST America's."""

_LONGEST = 120
_RFC_2822_CENTURY = 50
_ISO = re.compile(r"(\d{4}-?(?:\d\d-?\d\d|W\d\d-?\d|\d{3})|\d{4}-\d\d)(?:[T ]+(\d.*))?", re.IGNORECASE)
_ISO_CLOCK = re.compile(r"(\d\d):?(\d\d)?(?::?(\d\d)(?:[.,]\d+)?)?\s*(z|[+-]\d\d(?::?\d\d)?|[a-z]{2,5})?")
_CLOCK = re.compile(
    r"(?<![\d:.])(?P<hour>\d{1,2})(?:[:h.](?P<minute>\d\d)(?:[:m.](?P<second>\d\d)(?:[.,]\d+)?s?)?(?![\d:.])"
    r"(?:\s*(?P<half>[ap])\.?\s?m\b\.?)?|\s*(?P<half_only>[ap])\.?\s?m\b\.?)"
)
_OFFSET = re.compile(r"(?:(?<=\d)|\b(?:gmt|utc|ut)|(?<=\s)|\()\s*([+-])(\d{1,2}):?(\d\d)?(?!\d|[-./])")
_RFC_822 = re.compile(
    r"(?:[a-z]{3}, )?(\d{1,2}) ([a-z]{3}) (\d{4}) ([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))? (gmt|[+-][01]\d[0-5]\d)"
)
_NUMERIC = re.compile(r"(?<!\d)(\d{1,4})([-./])\s?(\d{1,2})\2\s?(\d{1,4})(?!\d)")
_WORD = re.compile(r"[^\W\d_]+|\d+")
_IN_ADDRESS = re.compile(r"(?<!\d)((?:19|20)\d\d)([-/._]?)(0?[1-9]|1[0-2])\2(0?[1-9]|[12]\d|3[01])(?!\d)")
_MONTH_IN_ADDRESS = re.compile(r"/((?:19|20)\d\d)/([a-z]{3,9})/(\d{1,2})(?=/|-|$)", re.IGNORECASE)


def _months() -> tuple[dict[str, int], dict[str, int]]:
    """(month of each name, month of each abbreviation); abbreviations that languages disagree on are left out."""
    names: dict[str, int] = {}
    beginnings: dict[str, set[int]] = {}
    for line in _MONTHS.strip().splitlines():
        for number, name in enumerate(fold(line).replace("ı", "i").split()[1:], start=1):
            names[name] = number
            for length in range(3, len(name)):
                beginnings.setdefault(name[:length], set()).add(number)
    beginnings["mrt"] = {3}  # Dutch leaves vowels out
    return names, {text: numbers.pop() for text, numbers in beginnings.items() if len(numbers) == 1}


_NAMES, _ABBREVIATIONS = _months()


def _utc(year: int, month: int, day: int, clock: tuple[int, int, int], offset_minutes: float) -> datetime | None:
    hour, minute, second = clock
    try:
        # 24:00 ends the day, and a leap second is the last one of its minute.
        start = datetime(year, month, day, tzinfo=timezone(timedelta(minutes=offset_minutes)))
        if (hour, minute, second) == (24, 0, 0):
            return (start + timedelta(days=1)).astimezone(UTC)
        return start.replace(hour=hour, minute=minute, second=min(second, 59)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _full_year(digits: str) -> int:
    year = int(digits)
    if len(digits) > 2:
        return year
    return year + (2000 if year < _RFC_2822_CENTURY else 1900)


def _iso(text: str) -> datetime | None:
    """ISO 8601 in its calendar, week and ordinal forms; without a zone it is UTC."""
    found = _ISO.fullmatch(text)
    if not found:
        return None
    day, rest = found[1].upper(), found[2] or ""
    try:
        compact = day.replace("-", "")
        if len(compact) == 6 and "-" in day:
            start = datetime.strptime(compact, "%Y%m").replace(tzinfo=UTC)
        elif len(compact) == 7 and "W" not in compact:
            start = datetime.strptime(compact, "%Y%j").replace(tzinfo=UTC)
        else:
            start = datetime.fromisoformat(day).replace(tzinfo=UTC)
    except ValueError:
        return None
    if "W" not in compact and start.year != int(compact[:4]):
        return None  # day 366 of a year without it
    if not rest:
        return start
    clock = _ISO_CLOCK.fullmatch(rest.lower())
    if not clock:
        return None
    return _utc(
        start.year,
        start.month,
        start.day,
        (int(clock[1]), int(clock[2] or 0), int(clock[3] or 0)),
        _offset(clock[4] or "z") or 0,
    )


def _offset(zone: str) -> float | None:
    """Minutes east of UTC of "+0330", "msk"; None when unknown."""
    found = re.fullmatch(r"([+-])(\d{1,2}):?(\d\d)?", zone)
    if found:
        minutes = 60 * int(found[2]) + int(found[3] or 0)
        return (minutes if found[1] == "+" else -minutes) if minutes < 24 * 60 else None
    hours = _ZONES.get(zone)
    return None if hours is None else 60 * hours


def _timestamp(text: str) -> datetime | None:
    """Seconds or milliseconds since 1970, of the years 2001 to 2286."""
    if not re.fullmatch(r"\d{10}(?:\d{3})?(?:\.\d+)?", text):
        return None
    seconds = int(text.partition(".")[0])
    return datetime.fromtimestamp(seconds / 1000 if seconds >= 10**12 else seconds, UTC)


def _clock(text: str) -> tuple[tuple[int, int, int], str]:
    """(hour, minute, second), and the text without them."""
    found = _CLOCK.search(text)
    if not found:
        return (0, 0, 0), text
    hour, half = int(found["hour"]), found["half"] or found["half_only"]
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    return (hour, int(found["minute"] or 0), int(found["second"] or 0)), _without(text, found)


def _numeric_day(found: re.Match[str]) -> tuple[int, int, int] | None:
    """(year, month, day) of "3.2.2026", "2026/02/03", "13/02/2026"; None for what can be read in two ways."""
    first, separator, second, third = found.groups()
    if len(first) == 4:
        return int(first), int(second), int(third)
    if len(first) > 2 or len(third) not in {2, 4}:
        return None
    day, month = int(first), int(second)
    if separator != ".":  # a dot is never American
        if len(third) == 2 or (month <= 12 and day <= 12 and day != month):
            return None
        if month > 12:
            day, month = month, day
    return _full_year(third), month, day


def _named_day(words: list[str]) -> tuple[int, int, int] | None:
    """(year, month, day) of a date whose month has a name, whatever the order of `words` and numbers."""
    # A weekday may look like another language's month ("mar. 3 févr."), and stands before it.
    months = [(i, m) for i, word in enumerate(words) if (m := _NAMES.get(word) or _ABBREVIATIONS.get(word))]
    numbers = [(i, word) for i, word in enumerate(words) if word.isdecimal()]
    if not months or len(numbers) < 2:
        return None
    at, month = months[-1]
    # Without a century the year is the last number of the date: "3 Feb 26", "Feb 3, 26".
    year_at, year = next((number for number in numbers if len(number[1]) == 4), numbers[1])
    days = [int(word) for i, word in numbers if i != year_at and len(word) <= 2 and abs(i - at) <= 3]
    return (_full_year(year), month, days[0]) if days else None


def read(text: str | None) -> datetime | None:
    """The time that `text` names, aware and in UTC; None when it names none, or two.

    Without a zone, or with an abbreviation nobody knows, the time is taken for UTC; without a clock it is
    midnight. Two-digit years are those of RFC 2822. Never raises.
    """
    if not text or len(text) > _LONGEST:
        return None
    plain = text if text.isascii() else _in_our_digits(text)
    # Accents go, which abbreviations often leave out.
    plain = fold(" ".join(plain.split())).replace("\u2212", "-").replace("ı", "i")
    return _iso(plain) or _rfc_822(plain) or _timestamp(plain) or _prose(plain)


def _rfc_822(text: str) -> datetime | None:
    """The usual spelling, read as `_prose` would, in a tenth of the time."""
    found = _RFC_822.fullmatch(text)
    month = (_NAMES.get(found[2]) or _ABBREVIATIONS.get(found[2])) if found else None
    if not found or not month:
        return None
    day, clock = (int(found[3]), month, int(found[1])), (int(found[4]), int(found[5]), int(found[6] or 0))
    return _utc(*day, clock, _offset(found[7]) or 0)


def _in_our_digits(text: str) -> str:
    digits = "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in text)
    return re.sub(r"(?<=\d)(?:[年月년월]\s?|[日일])", lambda m: " " if m[0] in "日일" else "-", digits)


def _prose(text: str) -> datetime | None:
    """Any other order of day, clock and zone."""
    rest = re.sub(r"(?<=\d)(?:st|nd|rd|th|er|º|ª|o)\b", "", text)
    rest = re.sub(r"(?<=\d)t(?=\d)", " ", rest)
    named = any(word in _NAMES or word in _ABBREVIATIONS for word in _WORD.findall(rest))
    # "14.05.26" is a day unless the month has a name elsewhere, and "-03" in a day is no offset: days go first.
    numeric = None if named else _NUMERIC.search(rest)
    day = _numeric_day(numeric) if numeric else None
    clock, rest = _clock(_without(rest, numeric) if numeric else rest)
    found = _OFFSET.search(rest)
    offset = _offset(f"{found[1]}{found[2]}{found[3] or ''}") if found else None
    words = _WORD.findall(_without(rest, found) if found else rest)
    day = day or _named_day(words)
    if day is None:
        return None
    if offset is None:
        offset = next((_offset(word) for word in reversed(words) if word in _ZONES), None)
    return _utc(*day, clock, offset or 0)


def _without(text: str, found: re.Match[str]) -> str:
    return f"{text[: found.start()]} {text[found.end() :]}"


def in_address(url: str | None) -> datetime | None:
    """Midnight UTC of the day that an address carries: /2026/02/03/, /2026/feb/03/, /20260203/, -2026-02-03."""
    if not url:
        return None
    path = re.sub(r"^[a-z]+://[^/]*", "", url, flags=re.IGNORECASE).partition("?")[0]
    if found := _MONTH_IN_ADDRESS.search(path):
        month = _NAMES.get(fold(found[2])) or _ABBREVIATIONS.get(fold(found[2]))
        return _utc(int(found[1]), month, int(found[3]), (0, 0, 0), 0) if month else None
    for found in _IN_ADDRESS.finditer(path):
        if found[2] or (len(found[3]) == len(found[4]) == 2):
            return _utc(int(found[1]), int(found[3]), int(found[4]), (0, 0, 0), 0)
    return None
