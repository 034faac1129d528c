"""Numbers with their nouns."""


def counted(number: int, noun: str) -> str:
    """1 row, 3,589 rows: of nouns whose plural adds an s."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
