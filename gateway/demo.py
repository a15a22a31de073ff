"""``priyom up --demo``: an agent, two customers with contracts, and a few messages that come in by the real way."""

import asyncio
import smtplib
from datetime import date, timedelta
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path

from domain.errors import Conflict
from domain.identity import Contract, Identity, Organization
from domain.ports import Clock, Ids
from store import Database

AGENT = "agent@example.org"
_ORGANIZATIONS = (
    Organization(
        id="romashka",
        name="ООО «Ромашка»",
        domains=("romashka.example",),
        contracts=(Contract(id="romashka-1", plan="premium", since=date(2025, 1, 1)),),
    ),
    Organization(
        id="northwind",
        name="Northwind Trading",
        domains=("northwind.example",),
        contracts=(Contract(id="northwind-1", plan="extended", since=date(2025, 6, 1)),),
    ),
)
_PEOPLE = (
    ("Анна Петрова", "romashka", "anna.petrova@romashka.example"),
    ("John Smith", "northwind", "john.smith@northwind.example"),
)
_MAILS = (
    (
        "Анна Петрова <anna.petrova@romashka.example>",
        "Не проводится накладная, склад стоит",
        "Добрый день!\n\nС утра не проводятся расходные накладные: ошибка «Недостаточно прав на регистр». "
        "Склад стоит, машины под погрузкой. Версия 8.3.27.\n\n--\nАнна Петрова\nООО «Ромашка», склад\n",
        ("error.txt", "2025-01-09 09:12:44 ERROR register.access denied user=anna\n"),
    ),
    (
        "John Smith <john.smith@northwind.example>",
        "How do I add a second warehouse to the mobile app?",
        "Hello,\n\nour sales people need to see the stock of the new warehouse in the mobile app. "
        "Where is it switched on?\n\nBest regards,\nJohn Smith\n",
        None,
    ),
    (
        "Ольга <olga@mail.ru>",
        "Счёт за ноябрь",
        "Здравствуйте, пришлите, пожалуйста, закрывающие документы и счёт за ноябрь.\n\nС уважением, Ольга\n",
        None,
    ),
)


async def add_people(database: Database, ids: Ids, clock: Clock) -> None:
    """What is there already stays as it is."""
    for organization in _ORGANIZATIONS:
        await database.people.add_organization(organization, clock.now())
    if await database.accounts.agent_by_email(AGENT) is not None:
        return
    for name, organization_id, address in _PEOPLE:
        identity = Identity(id=ids.new(), channel="email", address=address, name=name, verified=True)
        await database.people.add_person(name, organization_id, [identity], clock.now())
    try:
        await database.accounts.add_agent(
            email=AGENT, name="Demo agent", lines=("first", "second", "third"), admin=True
        )
    except Conflict:
        return


async def sign_in_link(database: Database, base_url: str, clock: Clock) -> str:
    agent = await database.accounts.agent_by_email(AGENT)
    if agent is None:
        raise Conflict("The demo agent is gone")
    secret = await database.accounts.new_link(agent.id, clock.now(), timedelta(minutes=15))
    return f"{base_url}/desk/sign-in/{secret}"


async def send_samples(data_dir: Path, smtp: str) -> None:
    """Sends the sample mails once in an instance's life."""
    await asyncio.to_thread(_send_once, data_dir / "demo-sent", smtp)


def _send_once(mark: Path, smtp: str) -> None:
    if mark.exists():
        return
    host, _, port = smtp.rpartition(":")
    with smtplib.SMTP(host.strip("[]"), int(port), timeout=30) as client:
        for sender, subject, text, attachment in _MAILS:
            mail = EmailMessage()
            mail["From"], mail["To"], mail["Subject"] = sender, "support@example.org", subject
            mail["Date"], mail["Message-ID"] = formatdate(), make_msgid(domain="demo.example")
            mail.set_content(text)
            if attachment is not None:
                mail.add_attachment(attachment[1], filename=attachment[0])
            client.send_message(mail)
    mark.touch()
