"""Words for people, in each language the policy speaks."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """The same words in Russian and English; both are always there."""

    ru: str
    en: str

    def in_language(self, language: str | None) -> str:
        return self.ru if language == "ru" else self.en
