"""Which single characters read as ASCII, and as what. A table, worked out from Unicode's facts; no texts here.

Latin letters with everyday diacritics (U+00C0 to U+00FF) stay as they are: they are ordinary writing, and rules spell
them out. Punctuation that typesetters use (curly quotes, en and em dashes, the ellipsis) stays as well.
"""

from __future__ import annotations

import functools
import unicodedata

MOST = 4
"""Characters that one character may become; those that would become more stay as they are."""

_DOMAIN = (
    *((0xA0, 0xA0), (0xAD, 0xAD), (0xB2, 0xB3), (0xB9, 0xB9)),  # spaces, soft hyphen, superscripts
    *((0x100, 0x52F), (0x531, 0x58F), (0x61C, 0x61C)),  # Latin, IPA, combining marks, Greek, Cyrillic, Armenian
    *((0x660, 0x669), (0x6F0, 0x6F9), (0x7C0, 0x7C9), (0x966, 0x96F), (0x9E6, 0x9EF), (0xA66, 0xA6F)),  # digits
    *((0xAE6, 0xAEF), (0xBE6, 0xBEF), (0xC66, 0xC6F), (0xCE6, 0xCEF), (0xD66, 0xD6F), (0xE50, 0xE59)),
    *((0xED0, 0xED9), (0xF20, 0xF29), (0x1040, 0x1049), (0x17E0, 0x17E9), (0x1810, 0x1819)),
    *((0x115F, 0x1160), (0x13A0, 0x13FF), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x1AB0, 0x1AFF), (0x1D00, 0x1EFF)),
    *((0x2000, 0x2012), (0x2024, 0x2025), (0x2028, 0x202F), (0x2044, 0x2044), (0x205F, 0x209C), (0x20D0, 0x20FF)),
    *((0x2100, 0x2115), (0x2117, 0x2121), (0x2123, 0x218F), (0x2212, 0x2212), (0x2460, 0x24FF), (0x2800, 0x2800)),
    *((0x2C60, 0x2C7F), (0x3000, 0x3000), (0x3164, 0x3164), (0xA720, 0xA7FF), (0xAB30, 0xAB6F), (0xFB00, 0xFB06)),
    *((0xFE00, 0xFE0F), (0xFE20, 0xFE2F), (0xFEFF, 0xFEFF), (0xFF01, 0xFF5E), (0xFFA0, 0xFFA0), (0xFFF9, 0xFFFB)),
    *((0x1D400, 0x1D7FF), (0x1F100, 0x1F189), (0xE0000, 0xE01EF)),
)
_MARKS = ((0x300, 0x36F), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF), (0x20D0, 0x20FF), (0xFE00, 0xFE0F), (0xFE20, 0xFE2F))
_BLANK = {0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x2800, 0x3164, 0xFFA0}
"""Shown as nothing, though they are not of the category of format characters."""


def _pairs(letters: str, latin: str) -> dict[str, str]:
    return dict(zip(letters, latin, strict=True))


_LOOKS = {
    # Cyrillic
    **_pairs("аеорсухіјѕһԁԛԝѵкмтвнгпьєёїӏѡ", "aeopcyxijshdqwvkmtbhrnbeeilw"),
    **_pairs("АВЕКМНОРСТУХЅІЈԚԜѴӀҒԌЬЁЇ", "ABEKMHOPCTYXSIJQWVIFGbEI"),
    # Greek
    **_pairs("αονρυικτχεηωγβϲϳϱ", "aovpuiktxenwybcjp"),
    **_pairs("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹ", "ABEZHIKMNOPTYXC"),
    # Latin beyond ASCII: turned, small capitals, barred
    **_pairs("ɑɡıȷɩɪʟᴀʙᴄᴅᴇꜰɢʜᴊᴋᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", "agijiilabcdefghjkmnoprstuvwyz"),
    **_pairs("đħłŧƒƅʋɾɐɓɗɠɦɨɱɲʂʈʉʐ", "dhltfbvrabdghimnstuz"),
    **_pairs("ĐŁĦŦ", "DLHT"),
    # Armenian, Cherokee
    **_pairs("օսոցհքՕՏԼ", "ounghpOSL"),
    **_pairs("ᎪᏴᏟᎠᎬᏀᎻᎥᎫᏦᏞᎷᏢᎡᏚᎢᏙᎳᏃ", "ABCDEGHIJKLMPRSTVWZ"),
    # hyphens, the minus sign, the fraction slash, the lines that part lines
    **dict.fromkeys("\u2010\u2011\u2012\u2212", "-"),
    "\u2044": "/",
    "\u2028": "\n",
    "\u2029": "\n",
}


@functools.cache
def folds() -> dict[int, str]:
    """Code point to what it reads as, in ASCII, empty for what is not seen; only those that change are in it."""
    found = {}
    for first, last in _DOMAIN:
        for point in range(first, last + 1):
            reading = _reading(point)
            if reading is not None:
                found[point] = reading
    return found


def ranges() -> list[tuple[int, int]]:
    """The code points of `folds` as ranges, ends included, in order."""
    found: list[tuple[int, int]] = []
    for point in sorted(folds()):
        if found and found[-1][1] == point - 1:
            found[-1] = (found[-1][0], point)
        else:
            found.append((point, point))
    return found


def _reading(point: int) -> str | None:
    char = chr(point)
    if 0xE0020 <= point <= 0xE007E:  # tags: ASCII that is not shown
        return chr(point - 0xE0000)
    if 0xE0110 <= point <= 0xE016E:  # variation selectors, of which some write bytes behind a character
        return chr(point - 0xE00F0)
    if unicodedata.category(char) == "Cf" or point in _BLANK or point >= 0xE0000:
        return ""
    if any(first <= point <= last for first, last in _MARKS):
        return ""
    for first in (0x1F130, 0x1F150, 0x1F170):  # squared and circled capitals
        if first <= point < first + 26:
            return chr(point - first + ord("A"))
    plain = []
    for one in unicodedata.normalize("NFKD", char):
        if unicodedata.category(one) == "Mn":
            continue
        digit = unicodedata.decimal(one, None)
        plain.append(str(digit) if digit is not None else _LOOKS.get(one, one))
    reading = _LOOKS.get(char) or "".join(plain)
    return reading if reading.isascii() and 0 < len(reading) <= MOST else None
