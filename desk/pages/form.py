"""Draws the public form and its receipt for the form channel, which reads what comes back.

``FormPages`` fits the channel's Protocol of the same name; gateway introduces the two.
"""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from aiohttp import web

from desk import words
from desk.i18n import gettext as _
from desk.render import render
from desk.shield import PAGE_POLICY
from domain.policy import CatalogEntry, FormPolicy
from domain.views import Receipt

RELOAD_S = 3
"""A receipt that is still on its way is looked up again after this, without script."""


class FormPages:
    """Stateless: all it needs comes with the request."""

    def form(
        self,
        request: web.Request,
        form: FormPolicy,
        choices: Sequence[CatalogEntry],
        values: Mapping[str, str],
        mistakes: Sequence[tuple[str, str, Mapping[str, object]]],
        *,
        status: int,
        carried: Mapping[str, str],
    ) -> web.Response:
        told: dict[str, str] = {}
        for field, why, details in mistakes:
            told.setdefault(field, _(why).format(**details))
        response = render(
            request,
            "form/page.html",
            status=status,
            form=form,
            groups=grouped(choices),
            values=values,
            carried=carried,
            mistakes=told,
            general=[why for field, why in told.items() if field not in FIELDS],
            lang_link=lambda locale: f"/form/{form.slug}?{urlencode({**carried, 'lang': locale})}",
        )
        return embeddable(response, form)

    def sent(self, request: web.Request, form: FormPolicy, receipt: str, state: Receipt) -> web.Response:
        response = render(request, "form/sent.html", form=form, receipt=receipt, state=state)
        if state.state == "in_flight":
            response.headers["Refresh"] = str(RELOAD_S)
        return embeddable(response, form)


FIELDS = frozenset({"name", "email", "phone", "subject", "body", "catalog", "consent", "files"})


def grouped(choices: Sequence[CatalogEntry]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Services under the title of their root entry; a root without children stands alone under ``""``."""
    by_path = {entry.path: entry for entry in choices}
    groups: dict[str, list[tuple[str, str]]] = {}
    for entry in choices:
        root, _slash, below = entry.path.partition("/")
        has_children = any(path.startswith(f"{root}/") for path in by_path)
        title = words.text(by_path[root].title) if root in by_path and has_children else ""
        label = (
            words.text(entry.title) if "/" not in below else f"{_parent(by_path, entry)} › {words.text(entry.title)}"
        )
        groups.setdefault(title, []).append((entry.path, label))
    return list(groups.items())


def _parent(by_path: Mapping[str, CatalogEntry], entry: CatalogEntry) -> str:
    parent = entry.path.rpartition("/")[0]
    return words.text(by_path[parent].title) if parent in by_path else parent.rpartition("/")[2]


def embeddable(response: web.Response, form: FormPolicy) -> web.Response:
    """Other sites may frame the form where the policy names them; nothing else of ours."""
    ancestors = " ".join(["'self'", *sorted(form.embed_origins)]) if form.embed_origins else "'none'"
    policy = PAGE_POLICY.replace("frame-ancestors 'none'", f"frame-ancestors {ancestors}")
    response.headers["Content-Security-Policy"] = policy
    response.headers["X-Robots-Tag"] = "noindex"
    return response
