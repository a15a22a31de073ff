"""Whether a program wrote the mail, and what gave it away. Called by the pipeline.

RFC 3834 for automatic answers, RFC 3464 and 8098 for reports, RFC 2919 and 2369 for lists, and the habits of servers
that follow none of them. A person who writes through a list, or whose mail merely talks of a bounce, stays a person.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from domain.message import Automatic, Bounce
from normalizer.mail import bounces
from normalizer.mail.content import Content
from normalizer.mail.headers import Headers
from normalizer.mail.parts import Part

MARKER = "x-priyom"
"""The field that we put on every mail that nobody wrote (``channels.mailbody``)."""


@dataclass(frozen=True, slots=True)
class Recognised:
    automatic: Automatic | None
    bounces: tuple[Bounce, ...]
    flags: tuple[str, ...]


_REPORT_KINDS = {
    "delivery-status": "bounce",
    "disposition-notification": "delivery_report",
    "feedback-report": "delivery_report",
}


def _any(*words: str) -> str:
    """Alternatives of a regular expression, one a line for the reader."""
    return "(?:" + "|".join(words) + ")"


_DAEMON = re.compile(
    _any(
        r"mailer[-_]?daemon",
        r"postmaster",
        r"mail[-_.]?(?:delivery|daemon|system)\w*",
        r"mdaemon",
        r"mmdf",
        r"smtp[-_]?daemon",
        r"bounces?",
        r"microsoftexchange[0-9a-f]+",
        r"mrmail",
        r"ndr",
        r"imss",
        r"inetgw\d*",
        r'"?system[. ]administrator"?',
        r"[^@]{0,40}(?:antivirus|viruswall|smtp)[^@]{0,40}",
    )
    + r"(?:[+=-][^@]*)?@",
    re.IGNORECASE,
)
_DAEMON_NAME = re.compile(
    _any(
        r"mail(?:er)? ?(?:delivery|administrator|daemon|system|router)",
        r"delivery sub ?system",
        r"postmaster",
        r"system administrator",
        r"Microsoft Outlook\Z",
        r"Служба доставки",
    ),
    re.IGNORECASE,
)
_NO_REPLY = re.compile(r"(?:no|do[-_.]?not|ne)[-_.]?(?:reply|answer|otvechai?t?e?)(?:[+=._-][^@]*)?@", re.IGNORECASE)
_BOUNCE_SUBJECT = re.compile(
    r"\s*(?:\[[^\]]{1,30}\]\s*|\*+\S{0,30}\*+\s*)?"
    + _any(
        r"undeliver(?:able|ed)",
        r"delivery (?:status )?(?:notification|failure|failed|has failed|problem|error|report|delayed|warning)",
        r"e?mail (?:delivery|system error|error|undeliverable|could not|failed|failure|not delivered)",
        r"(?:permanent )?delivery fail",
        r"failure (?:notice|delivery)",
        r"failed mail",
        r"returned (?:e-?)?mail",
        r"message (?:delivery )?(?:delayed|undeliverable|not delivered|failed|failure)",
        r"message status - undeliverable",
        r"your message .{0,80}(?:could not|was not) ",
        r"warning: .{0,100}(?:delayed|not yet been|could not|unknown)",
        r"non-?deliver(?:y|able)",
        r"error sending",
        r"processing error",
        r"rejected mail",
        r"automatically rejected mail",
        r"delayed mail",
        r"unable to deliver",
        r"could not deliver",
        r"[^\n]{0,200}: non remis\b",
        r"недоставленн",
        r"не уда(?:ется|ётся|лось) доставить",
        r"(?:ваше )?(?:сообщение|письмо) не (?:было )?доставлено",
        r"ошибка доставки",
        r"уведомление о (?:не)?доставке",
        r"возврат письма",
        r"unzustellbar",
        r"nicht zustellbar",
        r"non remis",
        r"échec de la remise",
        r"no se puede entregar",
        r"no entregado",
        r"邮件传输失败",
        r"退信",
    ),
    re.IGNORECASE,
)
_BOUNCE_TEXT = re.compile(
    _any(
        r"this is the (?:mail system|qmail-send|postfix|mail delivery agent|mail transfer agent)",
        r"i(?:'|’)m afraid i wasn(?:'|’)t able to deliver",
        r"this message was created automatically by (?:the )?mail",
        r"(?:could not|couldn(?:'|’)t|cannot) be delivered",
        r"following address(?:es)? (?:had|failed|were not)",
        r"the following (?:recipient|address|message)[^\n]{0,60}(?:fail|undeliver|not (?:be )?(?:reach|deliver))",
        r"permanent (?:and )?fatal|transient non-fatal errors",
        r"delivery to the following recipients? (?:has been delayed|failed)",
        r"your message (?:did not reach|wasn(?:'|’)t delivered)",
        r"did not reach the following recipient",
        r"unable to deliver (?:your |the |this )?(?:message|mail)",
        r"delivery (?:has )?failed|delivery failure notification|delivery of e?mail to",
        r"user unknown|unknown user|no such user",
        r"mailbox (?:is )?(?:full|unavailable)|(?:over|exceed\w*) (?:\w+ )?quota",
        r"recipient(?:'s)? (?:address )?rejected|automatically rejected",
        r"could not deliver|undeliverable|not delivered|has been returned|returned to (?:you|sender)",
        r"permanent(?:ly)? (?:error|fail)",
        r"не (?:может|удалось|удаётся|удается|было|был[ао]?) (?:быть )?доставл?(?:ено|ить|ен)",
        r"не доставлено|пользователь не найден|ящик (?:получателя )?переполнен|ящик не существует",
        r"(?:сообщение|письмо) (?:было )?(?:создано|сформировано) автоматически",
        r"konnte nicht zugestellt werden",
        r"n'a pas p[uû] [eê]tre (?:remis|distribué|d[eé]livr)",
        r"no se (?:ha podido|pudo) entregar|no pudo ser entregado",
        r"邮件无法(?:发送|送达)",
    ),
    re.IGNORECASE,
)
_PROGRAM_TEXT = re.compile(
    _any(
        r"this message was created automatically by (?:the )?mail (?:delivery|system)",
        r"-+ ?non-delivery report",
        r"this is the (?:mail system|qmail-send|postfix program) at ",
        r"message from (?:interscan|\S+\.\S+\.\s+unable to deliver)",
        r"\*{20,}\s+votre message n'a pas p[uû]",
        r"-{4,} failed recipients -{4,}",
    ),
    re.IGNORECASE,
)
"""What no person writes: with the subject of a bounce it is one, whoever it says it is from."""

_AUTO_SUBJECT = re.compile(
    r"\s*"
    + _any(
        r"automatic reply",
        r"auto(?:matic)?[- ]?(?:reply|response|responder|answer)",
        r"automated (?:reply|response)",
        r"out of (?:the )?office",
        r"автоответ",
        r"автоматический ответ",
        r"автоматическое уведомление об отсутствии",
        r"отсутстви[ея] на рабочем месте",
        r"вне офиса",
        r"automatische antwort",
        r"abwesenheits",
        r"réponse automatique",
        r"absence du bureau",
        r"respuesta automática",
        r"fuera de la oficina",
    ),
    re.IGNORECASE,
)
_AUTO_FIELDS = (
    "x-autoreply",
    "x-autorespond",
    "x-autoresponder",
    "x-auto-reply",
    "x-mail-autoreply",
    "x-autoreply-from",
    "x-vacation",
)
_EXCHANGE = (
    "x-auto-response-suppress",
    "x-ms-exchange-inbox-rules-loop",
    "x-ms-exchange-generated-message-source",
    "x-ms-has-attach",
    "x-ms-tnef-correlator",
)
_LIST_FIELDS = ("list-id", "list-post", "mailing-list", "x-mailing-list", "x-beenthere")
_BULK_FIELDS = ("list-unsubscribe", "list-help", "list-owner", "list-subscribe", "list-archive", "feedback-id")


def recognise(
    root: Part, content: Content, *, sender: str, name: str, subject: str, text: str, meta: Mapping[str, Any]
) -> Recognised:
    """The verdict, the reports inside, and ``no_auto_reply`` where the sender asks for no automatic answer."""
    fields = root.headers
    found = bounces.read(content)
    automatic = (
        _own_mark(fields)
        or _report(root, content, found)
        or _prose(fields, sender, name, subject, text, meta)
        or _answer(fields, subject, meta)
        or _distribution(fields)
        or _loop(fields)
        or _by_sender(fields, sender, meta)
    )
    if automatic is not None and automatic.kind == "bounce" and not found:
        found = bounces.from_prose(subject, text, sender)
    asks = fields.plain("x-auto-response-suppress").lower()
    flags = ("no_auto_reply",) if any(word in asks for word in ("all", "oof", "autoreply")) else ()
    return Recognised(automatic, found, flags)


def _own_mark(fields: Headers) -> Automatic | None:
    return Automatic(kind="loop", because="X-Priyom") if MARKER in fields else None


def _loop(fields: Headers) -> Automatic | None:
    """X-Loop of a program that marks what it sent; lists mark theirs as well and were told before."""
    return Automatic(kind="loop", because="X-Loop") if "x-loop" in fields else None


def _report(root: Part, content: Content, found: tuple[Bounce, ...]) -> Automatic | None:
    """multipart/report by its type; a report part in another wrapping counts as well."""
    kinds = {report.media_type for report in content.reports}
    declared = root.parameters.get("report-type", "").lower() if root.media_type == "multipart/report" else ""
    if "message/disposition-notification" in kinds or declared == "disposition-notification":
        rejected = any(one.action == "failed" for one in found)
        return Automatic(
            kind="bounce" if rejected else "delivery_report", because="report-type=disposition-notification"
        )
    if kinds or declared in _REPORT_KINDS:
        if found and all(one.action in ("delivered", "relayed", "expanded") for one in found):
            return Automatic(kind="delivery_report", because=f"report-type=delivery-status action={found[0].action}")
        if declared == "feedback-report":
            return Automatic(kind="delivery_report", because="report-type=feedback-report")
        return Automatic(kind="bounce", because="report-type=delivery-status")
    if "x-failed-recipients" in root.headers:
        return Automatic(kind="bounce", because="X-Failed-Recipients")
    return None


def _answer(fields: Headers, subject: str, meta: Mapping[str, Any]) -> Automatic | None:
    """Automatic answers: those that say so (RFC 3834, 5), and those of Exchange, which say it in the subject."""
    submitted = _submitted(fields)
    if submitted.startswith("auto-replied"):
        return Automatic(kind="auto_reply", because=f"Auto-Submitted: {submitted[:40]}")
    for name in _AUTO_FIELDS:
        if name in fields and fields.plain(name).strip().lower() not in ("no", "false"):
            return Automatic(kind="auto_reply", because=name.title())
    precedence = fields.plain("precedence").strip().lower()
    if precedence in ("auto_reply", "auto-reply"):
        return Automatic(kind="auto_reply", because=f"Precedence: {precedence}")
    marked = submitted or precedence or any(name in fields for name in _EXCHANGE) or _null_path(fields, meta)
    if marked and _AUTO_SUBJECT.match(subject):
        return Automatic(kind="auto_reply", because="subject of an automatic reply")
    return None


def _submitted(fields: Headers) -> str:
    """The value of Auto-Submitted; ``""`` for ``no``."""
    value = fields.plain("auto-submitted").partition(";")[0].strip().lower()
    return "" if value == "no" else value


def _prose(
    fields: Headers, sender: str, name: str, subject: str, text: str, meta: Mapping[str, Any]
) -> Automatic | None:
    """A bounce in plain words. The sender is a mail system and the subject or the text tells of a failure; or the
    subject does and the text is one that only programs write. A person's complaint about a bounce is neither."""
    titled = _BOUNCE_SUBJECT.match(subject) is not None
    daemon = _DAEMON.match(sender) is not None or _DAEMON_NAME.search(name) is not None or _null_path(fields, meta)
    if daemon and titled:
        return Automatic(kind="bounce", because="subject of a bounce")
    if daemon and _BOUNCE_TEXT.search(text[:4000]):
        return Automatic(kind="bounce", because="text of a bounce")
    if titled and _PROGRAM_TEXT.search(text[:1500]):
        return Automatic(kind="bounce", because="text of a mail system")
    return None


def _null_path(fields: Headers, meta: Mapping[str, Any]) -> bool:
    if "mail_from" in meta:
        return meta["mail_from"] in ("", "<>")
    return fields.plain("return-path").replace(" ", "") == "<>"


def _distribution(fields: Headers) -> Automatic | None:
    """Lists (RFC 2919, 2369) and mass mail: read by people, never answered automatically."""
    for name in _LIST_FIELDS:
        if name in fields:
            return Automatic(kind="list", because=name.title())
    precedence = fields.plain("precedence").strip().lower()
    if precedence == "list":
        return Automatic(kind="list", because="Precedence: list")
    if precedence in ("bulk", "junk"):
        return Automatic(kind="bulk", because=f"Precedence: {precedence}")
    for name in _BULK_FIELDS:
        if name in fields:
            return Automatic(kind="bulk", because=name.title())
    return None


def _by_sender(fields: Headers, sender: str, meta: Mapping[str, Any]) -> Automatic | None:
    submitted = _submitted(fields)
    if submitted:
        return Automatic(kind="bulk", because=f"Auto-Submitted: {submitted[:40]}")
    if _DAEMON.match(sender):
        return Automatic(kind="auto_reply", because="sender is a mail daemon")
    if _null_path(fields, meta):
        return Automatic(kind="auto_reply", because="null return path")
    if _NO_REPLY.match(sender):
        return Automatic(kind="bulk", because="sender takes no replies")
    return None
