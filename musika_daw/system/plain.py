"""`plain`: texts of other people's files as a terminal may show them."""

import unicodedata

# control and format characters (which can move the cursor or turn the writing round), and ends of lines
_KINDS = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))


def plain(text: str) -> str:
    """A text on one line without characters that act on a terminal; bytes of a name that is not UTF-8 as `\\xe9`."""
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace") if _is_of_bytes(text) else text
    return "".join(" " if unicodedata.category(letter) in _KINDS else letter for letter in text).strip()


def _is_of_bytes(text: str) -> bool:
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True
