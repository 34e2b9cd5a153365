"""The words in which people write a language, a province or a yes, for the functions of those names."""

import re
import unicodedata

FRENCH, ENGLISH = "fr_ca", "en_ca"
"""The two languages of a contact (cyberimpact.md section 4, `language`)."""

LANGUAGE_OF_WORD = {
    **dict.fromkeys(("fr", "fra", "fre", "french", "francais", "francaise", "francophone"), FRENCH),
    **dict.fromkeys(("en", "eng", "english", "anglais", "anglaise", "anglophone"), ENGLISH),
}

_PROVINCES = {
    "AB": ("Alberta", "Alta"),
    "BC": ("British Columbia", "Colombie-Britannique", "CB"),
    "MB": ("Manitoba", "Man"),
    "NB": ("New Brunswick", "Nouveau-Brunswick"),
    "NL": ("Newfoundland and Labrador", "Newfoundland", "Labrador", "Terre-Neuve-et-Labrador", "Terre-Neuve", "NF"),
    "NS": ("Nova Scotia", "Nouvelle-Écosse"),
    "NT": ("Northwest Territories", "Territoires du Nord-Ouest"),
    "NU": ("Nunavut",),
    "ON": ("Ontario", "Ont"),
    "PE": ("Prince Edward Island", "Île-du-Prince-Édouard", "PEI"),
    "QC": ("Québec", "Que", "PQ"),
    "SK": ("Saskatchewan", "Sask"),
    "YT": ("Yukon", "Yukon Territory"),
}

YES = frozenset({"1", "true", "t", "yes", "y", "oui", "o", "on", "vrai"})
NO = frozenset({"", "0", "false", "f", "no", "n", "non", "off", "faux"})


def plain_words(text: str) -> list[str]:
    """The words of a text in small letters without accents: "Français (Canada)" → francais, canada."""
    spread = unicodedata.normalize("NFKD", text.casefold())
    return re.findall(r"[a-z0-9]+", "".join(letter for letter in spread if not unicodedata.combining(letter)))


PROVINCE_OF_NAME = {
    " ".join(plain_words(name)): code for code, names in _PROVINCES.items() for name in (code, f"CA-{code}", *names)
}
