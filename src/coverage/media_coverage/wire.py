"""Whose words are these? News agencies as credited in datelines, bylines and publishers' names. Pure.

A credit names the agency that wrote the text ("KYIV, Jan 2 (Reuters) - …", "By The Associated Press"). A mention
("told Reuters", "a Reuters poll", "…, Reuters reports") does not count, and neither does an agency's name after a
headline, by which outlets attribute news rather than copy it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

_SIGNATURES = """
AAP: AAP, Australian Associated Press
AFP: AFP, Agence France-Presse, Agence France Presse
ANI: ANI, Asian News International
ANP: ANP
ANSA: ANSA
AP: AP, AP News, Associated Press, The Associated Press
APA: APA
Anadolu: Anadolu, Anadolu Agency, Anadolu Ajansı, AA
Belga: Belga, BELGA, Belga News Agency
Bernama: Bernama, BERNAMA
Bloomberg: Bloomberg, Bloomberg News
Canadian Press: Canadian Press, The Canadian Press
EFE: EFE, Efe, Agencia EFE
Europa Press: Europa Press, EUROPA PRESS
IANS: IANS
Interfax: Interfax, Интерфакс
Interfax-Ukraine: Interfax-Ukraine, Інтерфакс-Україна, Интерфакс-Украина
Jiji Press: Jiji, Jiji Press
Keystone-SDA: Keystone-SDA, Keystone-ATS, SDA, ATS
Kyodo: Kyodo, Kyodo News, KYODO
PA: PA, PA Media, PA News, Press Association
PAP: PAP
PTI: PTI, Press Trust of India
RIA Novosti: RIA, RIA Novosti, РИА, РИА Новости
Reuters: Reuters, REUTERS, Thomson Reuters
TASS: TASS, ITAR-TASS, ТАСС
UNN: UNN, УНН
UPI: UPI, United Press International
Ukrinform: Ukrinform, Укрінформ, Укринформ
Xinhua: Xinhua, Xinhua News Agency, 新华社
Yonhap: Yonhap, Yonhap News, Yonhap News Agency
dpa: dpa, DPA, dpa-AFX, dpa-infocom, Deutsche Presse-Agentur
"""
"""Agency: the ways it signs. Case counts: "ap" and "pa" are words."""

_AGENCY = {
    name: agency
    for line in _SIGNATURES.strip().splitlines()
    for agency, _, names in [line.partition(": ")]
    for name in names.split(", ")
}
_PUBLISHER = {name.casefold(): agency for name, agency in _AGENCY.items()}
_NAMES = "|".join(map(re.escape, sorted(_AGENCY, key=len, reverse=True)))
_SIGNED = rf"(?P<agency>{_NAMES})(?:\s?[/,&]\s?[A-Z][\w .-]{{1,30}}|\sand\s(?:{_NAMES}))?"
_DASH = r"(?:-{1,2}|[–—−])"
_PLACE = r"[^\W\d_][\w.,'’/ \[\]-]{0,79}?[.,:]?\s*"
_DATELINES = tuple(
    re.compile(pattern)
    for pattern in (
        # KYIV, Jan 2 (Reuters) -    Jan 2 (Reuters) -    (Bloomberg) --    Moscow [Russia], Jan 20 (ANI):
        rf"(?:{_PLACE})?\({_SIGNED}\)\s*(?:{_DASH}|:)\s*",
        # Washington (AFP) Oct 9, 2025 US President …
        rf"{_PLACE}\({_SIGNED}\)\s+[A-Z][a-z]{{2,8}}\.?\s\d{{1,2}}(?:,\s\d{{4}})?\s+",
        # MOSCOW, January 20. /TASS/.
        rf"(?:{_PLACE})?/{_SIGNED}/[\s.,:–—-]*",
        # KYIV, Ukraine — AP —    AP —    AFP -
        rf"(?:{_PLACE}\s*{_DASH}\s*)?{_SIGNED}\s*(?:[–—−]|-{{1,2}}\s)\s*",
        # By Reuters    By The Associated Press |
        rf"[Bb]y\s+{_SIGNED}(?:\s*[|•·]\s*|\s*$|\s*{_DASH}\s+)",
    )
)
# … (with inputs from PTI)    … — AFP    … © 2026 AFP
_CLOSING = re.compile(
    rf"(?:\(\s?(?:[Ww]ith (?:agency )?inputs? from )?|{_DASH}\s?|(?:©|\([Cc]\))\s?(?:\d{{4}}\s)?)"
    rf"(?P<agency>{_NAMES})\s?\)?\s*\.?\s*$"
)
_BYLINE = re.compile(rf"(?:^|(?<=[\s(/,;&|]))(?P<agency>{_NAMES})(?=$|[\s)/,;&|.])")
_REACH = 200
"""Characters of a lead or byline in which a credit can stand."""


@dataclass(frozen=True, slots=True)
class Credit:
    """An agency and the words that credit it."""

    agency: str
    words: str


@lru_cache(maxsize=4096)  # of one lead both the credit and the text behind it are wanted
def _dateline(start: str) -> re.Match[str] | None:
    return next((found for pattern in _DATELINES if (found := pattern.match(start))), None)


def agency_named(publisher: str) -> str | None:
    """The agency that a publisher of this name is, if any."""
    name = publisher.casefold().strip()
    return _PUBLISHER.get(name) or _PUBLISHER.get(name.removesuffix(" news agency").removesuffix(" news"))


def credit(lead: str, author: str | None = None, publisher: str | None = None) -> Credit | None:
    """The agency whose text this is, by dateline, byline or closing credit; None where none is credited.

    What an agency publishes itself is its own text.
    """
    if publisher and (own := agency_named(publisher)):
        return Credit(own, publisher)
    found = _dateline(lead[:_REACH])
    if found is None and author:
        signed = _BYLINE.search(author[:_REACH])
        if signed:
            return Credit(_AGENCY[signed["agency"]], author[:_REACH].strip())
    found = found or _CLOSING.search(lead[-_REACH:])
    return Credit(_AGENCY[found["agency"]], found[0].strip()) if found else None


def without_credit(lead: str) -> str:
    """The lead without its dateline: what reprints under another dateline share."""
    found = _dateline(lead[:_REACH])
    return lead[found.end() :] if found else lead
