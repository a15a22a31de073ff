"""An invitation (RFC 5545, 5546) told in words. Called by content. Never raises."""

from datetime import date, datetime

from icalendar import Calendar

from normalizer.mail import caps, charsets
from normalizer.mail.headers import one_line

_METHODS = {
    "REQUEST": "Invitation",
    "CANCEL": "Cancelled",
    "REPLY": "Answer to an invitation",
    "COUNTER": "Counter-proposal",
}


def tell(data: bytes, charset: str) -> str:
    """What, when, where, by whom; ``""`` if it cannot be read."""
    try:
        return _tell(charsets.decode(data[: caps.CALENDAR], charset or "utf-8")[0])
    except Exception:  # icalendar raises many kinds on broken input; the file is attached all the same
        return ""


def _tell(text: str) -> str:
    calendar = Calendar.from_ical(text)
    method = str(calendar.get("METHOD", "")).upper()
    told = []
    for event in calendar.walk("VEVENT")[:20]:
        lines = [f"{_METHODS.get(method, 'Event')}: {one_line(str(event.get('SUMMARY', '')))[:500]}".rstrip(": ")]
        when = " - ".join(_when(getattr(event[name], "dt", "")) for name in ("DTSTART", "DTEND") if name in event)
        organizer = event.get("ORGANIZER")
        by = ""
        if organizer is not None:
            address = str(organizer).removeprefix("mailto:").removeprefix("MAILTO:")
            name = str(getattr(organizer, "params", {}).get("CN", ""))
            by = f"{name} <{address}>" if name and name != address else address
        for label, value in (("When", when), ("Where", str(event.get("LOCATION", ""))), ("Organiser", by)):
            if value:
                lines.append(f"{label}: {one_line(value)[:500]}")
        description = charsets.clean(str(event.get("DESCRIPTION", ""))).strip()
        if description:
            lines += ["", description[:4000]]
        told.append("\n".join(lines))
    return "\n\n".join(told)


def _when(value: object) -> str:
    if isinstance(value, datetime):
        zone = f" {value.tzinfo}" if value.tzinfo is not None else ""
        return f"{value:%Y-%m-%d %H:%M}{zone}"
    return f"{value:%Y-%m-%d}" if isinstance(value, date) else str(value)
