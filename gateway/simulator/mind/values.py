"""Values that a prompt names: numbers, quoted strings, proper names, words. No language is assumed; what looks like a
name is what starts with a capital where the script has capitals.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

QUOTED = re.compile(
    r'"([^"\n]{1,400})"|“([^”]{1,400})”|«\s?([^»]{1,400}?)\s?»|「([^」]{1,400})」'
    r"|(?<!\w)'([^'\n]{1,400})'(?!\w)|‘([^’]{1,400})’(?!\w)|`([^`\n]{1,400})`"
)
NUMBER = re.compile(r"(?<![\w.])-?(?:\d{1,3}(?:,\d{3})+|\d{1,30})(?:\.\d{1,30})?(?!\w|\.\d)")
WORD = re.compile(r"[^\W_][\w'’-]*")
EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
URL = re.compile(r"https?://[^\s<>\"'`)]+")
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
BARE_VALUE = re.compile(r"[^\s,;.!?\"'`(){}\[\]]+")

Number = int | float

LONGEST_INTEGER = 18


def as_number(text: str) -> Number:
    """An int, or a float where the text has a point or is beyond 64 bits (which JSON readers may not take)."""
    plain = text.replace(",", "")
    return float(plain) if "." in plain or len(plain) > LONGEST_INTEGER else int(plain)


def _unquote(match: re.Match[str]) -> str:
    return next(group for group in match.groups() if group is not None)


class Values:
    """The values of one prompt. `numbers` and `strings` are consumed in order, each once; `named` looks one up."""

    __slots__ = ("_lowered", "numbers", "strings", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._lowered = text.lower()
        self.numbers: list[Number] = [as_number(found) for found in NUMBER.findall(text)]
        self.strings: list[str] = list(_strings(text))

    def mentions(self, phrase: str) -> bool:
        """Whether the phrase stands in the prompt as whole words, whatever its case."""
        lowered = phrase.lower()
        at = self._lowered.find(lowered) if lowered else -1
        while at >= 0:
            end = at + len(lowered)
            before, after = self._lowered[at - 1 : at], self._lowered[end : end + 1]
            if not (before.isalnum() and lowered[0].isascii()) and not (after.isalnum() and lowered[-1].isascii()):
                return True
            at = self._lowered.find(lowered, at + 1)
        return False

    def take_number(self, whole: bool, low: float, high: float) -> Number | None:
        """The first number left that fits; it is used up."""
        for index, number in enumerate(self.numbers):
            if low <= number <= high and (not whole or float(number).is_integer()):
                del self.numbers[index]
                return int(number) if whole else number
        return None

    def take_string(self) -> str | None:
        return self.strings.pop(0) if self.strings else None

    def named(self, key: str) -> str | None:
        """The value written after the key: `key: value`, `key = "value"`, `key is 'value'`, `with key 3`; or
        a number before it: `3 keys`."""
        name = _as_words(key)
        before = re.search(rf"(?i)(?<![\w.])(-?\d{{1,30}}(?:\.\d{{1,30}})?) {name}(?!\w)", self.text)
        if before is not None:
            return before.group(1)
        match = re.search(rf"(?i)(?<!\w){name}(?!\w)[\"'`]?\s*(?:([:=])|(?!\d)\w{{1,4}}\b)?\s*", self.text)
        if match is None:
            return None
        rest = self.text[match.end() :]
        quoted = QUOTED.match(rest)
        if quoted:
            return _unquote(quoted)
        number = NUMBER.match(rest)
        if number:
            return number.group()
        if match.group(1):
            bare = BARE_VALUE.match(rest)
            return bare.group() if bare else None
        return None


def _strings(text: str) -> Iterator[str]:
    """What is quoted and what looks like a name, in the order of the text."""
    quoted = list(QUOTED.finditer(text))
    plain = list(text)
    for match in quoted:
        plain[match.start() : match.end()] = "\0" * (match.end() - match.start())
    found = [(match.start(), _unquote(match)) for match in quoted]
    yield from (string for _, string in sorted([*found, *proper_names("".join(plain))]))


def _as_words(key: str) -> str:
    """A pattern for a property's name as prose has it: `customer_name` is also `customer name`."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])|[_\-]+", " ", key).split()
    return r"[ _-]?".join(map(re.escape, words)) or re.escape(key)


def proper_names(text: str) -> Iterator[tuple[int, str]]:
    """Runs of capitalised words that do not merely start a sentence (`San Francisco, CA`), and where they are."""
    run_start = run_end = -1
    for match in WORD.finditer(text):
        word, start = match.group(), match.start()
        capital = word[0].isupper() and (len(word) > 1 or run_end >= 0)
        if capital and run_end >= 0 and text[run_end:start] in (" ", ", "):
            run_end = match.end()
            continue
        if run_end >= 0:
            yield run_start, text[run_start:run_end]
            run_end = -1
        if capital and not _starts_sentence(text, start):
            run_start, run_end = start, match.end()
    if run_end >= 0:
        yield run_start, text[run_start:run_end]


def _starts_sentence(text: str, at: int) -> bool:
    before = text[:at].rstrip(" \t\"'`“«(*-")
    return not before or before[-1] in ".!?\n"
