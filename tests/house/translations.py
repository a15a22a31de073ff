"""``make check``: every text of the pages is there in every language."""

import sys

from desk.i18n import LOCALES, missing


def main() -> int:
    wrong = {locale: missing(locale) for locale in LOCALES}
    for locale, texts in wrong.items():
        for text in texts:
            print(f"{locale}: not translated: {text!r}")
    print("translations are complete" if not any(wrong.values()) else "translations are missing")
    return 1 if any(wrong.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
