"""Commands that leave a ticket where it is: notes, links, marks, ticked items, logged work. Pure; called by
``router.act``.
"""

from dataclasses import replace

from domain.commands import AddNote, LinkTo, LogWork, Mark, Tick
from domain.effects import Changed, Link, Note, Work
from domain.errors import Invalid
from domain.facts import MessageAppended, TicketClassified, TicketLinked, TicketMarked, WorkLogged
from domain.ticket import TicketState
from router.setting import Setting, said


def note(ticket: TicketState, command: AddNote, setting: Setting) -> Changed:
    if not command.text.strip() and not command.files:
        raise Invalid("text", "is empty")
    kept = Note(id=setting.ids.new(), author=setting.actor, text=command.text.strip("\n"), files=command.files)
    fact = MessageAppended(**said(ticket, setting), message=kept.id, direction="note", line=ticket.line)
    return Changed(before=ticket, after=ticket, facts=(fact,), note=kept)


def link(ticket: TicketState, command: LinkTo, setting: Setting) -> Changed:
    if command.other == ticket.number:
        raise Invalid("ticket", "is this ticket itself")
    if command.other not in setting.others:
        raise Invalid("ticket", "no such ticket")
    fact = TicketLinked(**said(ticket, setting), line=ticket.line, other=command.other, relation=command.relation)
    tie = Link(other=command.other, relation=command.relation)
    return Changed(before=ticket, after=ticket, facts=(fact,), link=tie)


def mark(ticket: TicketState, command: Mark, setting: Setting) -> Changed:
    if command.flag in ticket.flags:
        return Changed(before=ticket, after=ticket, facts=())
    fact = TicketMarked(**said(ticket, setting), line=ticket.line, flag=command.flag, because=command.reason)
    return Changed(before=ticket, after=replace(ticket, flags=(*ticket.flags, command.flag)), facts=(fact,))


def tick(ticket: TicketState, command: Tick, setting: Setting) -> Changed:
    kind = setting.policy.kinds.get(ticket.kind)
    known = {check.key for stage in (kind.stages.values() if kind else ()) for check in stage.checklist}
    unknown = sorted((command.done | command.undone) - known)
    if unknown:
        raise Invalid("checks", f"kind {ticket.kind} has no item {unknown[0]}")
    checks = (ticket.checks | command.done) - command.undone
    if checks == ticket.checks:
        return Changed(before=ticket, after=ticket, facts=())
    changed = {"checks": sorted(checks ^ ticket.checks)}
    fact = TicketClassified(**said(ticket, setting), line=ticket.line, changed=changed)
    return Changed(before=ticket, after=replace(ticket, checks=checks), facts=(fact,))


def work(ticket: TicketState, command: LogWork, setting: Setting) -> Changed:
    if not command.minutes:
        raise Invalid("minutes", "is 0")
    fact = WorkLogged(**said(ticket, setting), line=ticket.line, minutes=command.minutes)
    worked = Work(minutes=command.minutes, text=command.text.strip(), author=setting.actor)
    return Changed(before=ticket, after=ticket, facts=(fact,), work=worked)
