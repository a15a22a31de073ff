"""Decisions a second of ``router.decide`` on the sample policy, in one process, beside the same rules as plain Python;
where a decision's time goes; and calendar arithmetic beside two libraries.

``python -m bench.router [--messages N] [--write]``: no store, no bus. Rates by wall time and by the time the process
computed; the two are apart where others use the machine.
"""

import gc
import itertools
import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from time import perf_counter_ns
from typing import Annotated, Any

import typer

import router.decide as deciding
from bench.calendars import side_by_side
from bench.letters import letters
from bench.plain import Matching, written_out
from bench.report import write_section
from bench.stopwatch import Stopwatch, compared
from config.loader import SAMPLE, compile_policy, load_folder
from domain.message import Message
from domain.policy import Policy
from router.compiled import rules_of
from router.decide import decide
from router.features import Features
from router.known import Known
from router.steps.classify import Hits, apply_rules, start_catalog
from router.steps.entitle import covered_by
from router.steps.identify import identify

_STEPS = {
    "who wrote, which ticket, which plan": ("identify", "correlate", "covered_by", "start_catalog"),
    "words into stems": ("Features",),
    "rules": ("apply_rules",),
    "catalog, audience, kind": ("choose_catalog", "audiences_met", "admit", "choose_kind"),
    "entitlement": ("entitle",),
    "priority": ("repeated", "prioritise"),
    "line": ("choose_line",),
    "agent": ("_assigned",),
    "clocks": ("start_clocks",),
    "snapshot": ("to_snapshot",),
}
"""What is told of a decision -> the functions that ``router.decide`` calls for it."""
_REST = "the rest: verdict, reasons, flags"
_BATCH = 200
_SECONDS = 2.0
"""Each of the compared runs at least so long."""


@dataclass(frozen=True, slots=True)
class Case:
    message: Message
    known: Known
    now: datetime


def cases(policy: Policy, count: int) -> Sequence[Case]:
    made = letters(policy, count)
    return [Case(each.message, each.known, each.message.received_at + timedelta(seconds=1)) for each in made]


_numbers = itertools.count(1)


def fresh(all_cases: Sequence[Case]) -> Sequence[Case]:
    """The same letters, each with a number in it that no letter had before: no text is known from an earlier round."""
    return [
        replace(case, message=replace(case.message, text=f"{case.message.text}\n{next(_numbers)}"))
        for case in all_cases
    ]


def batches(all_cases: Sequence[Case]) -> Iterator[Sequence[Case]]:
    """As the router's consumer brings them."""
    return (all_cases[at : at + _BATCH] for at in range(0, len(all_cases), _BATCH))


def features_of(case: Case, policy: Policy) -> tuple[Features, bool]:
    """What the rules of a case are asked of, its words not looked at yet, and whether its entry is settled."""
    organization = identify(case.message, case.known, policy.mail).organization
    plan = covered_by(organization, policy, case.message.received_at).plan.key
    start = start_catalog(case.message, policy)
    return Features(case.message, organization=organization, plan=plan, catalog=start.path), start.chosen


def same_hits(all_cases: Sequence[Case], policy: Policy, plain: Matching) -> Mapping[str, int]:
    """How often each rule hit. Raises ``SystemExit`` where the machine and the plain code differ."""
    counted: Counter[str] = Counter()
    for case in all_cases:
        (ours, chosen), (theirs, _) = features_of(case, policy), features_of(case, policy)
        ready, written = apply_rules(rules_of(policy), ours, chosen=chosen), plain(theirs, chosen)
        if dict(ready) != dict(written) or ours.catalog != theirs.catalog:
            raise SystemExit(
                f"{case.message.envelope_id}: {_said(ready)} by the machine, {_said(written)} by plain code"
            )
        counted.update({hit.key for hit in ready.values()})
    return counted


def _said(hits: Hits) -> Mapping[str, tuple[str, str]]:
    return {name: (hit.value, hit.key) for name, hit in hits.items()}


def rates(all_cases: Sequence[Case], policy: Policy, plain: Matching) -> Mapping[str, Stopwatch]:
    def whole(watch: Stopwatch) -> None:
        for batch in batches(all_cases):
            made = fresh(batch)
            with watch.running(len(made)):
                for case in made:
                    decide(case.message, case.known, policy, case.now)

    def whole_plain(watch: Stopwatch) -> None:
        def instead(_rules: object, features: Features, *, chosen: bool) -> Hits:
            return plain(features, chosen)

        with replaced({"apply_rules": instead}):
            whole(watch)

    def matching(match: Callable[[Features, bool], object]) -> Callable[[Stopwatch], None]:
        def one(watch: Stopwatch) -> None:
            for batch in batches(all_cases):
                ready = [features_of(case, policy) for case in fresh(batch)]
                for features, _ in ready:
                    assert features.words("text")  # the stems are the same for both, and not measured here
                with watch.running(len(ready)):
                    for features, chosen in ready:
                        match(features, chosen)

        return one

    def stemming(watch: Stopwatch) -> None:
        for batch in batches(all_cases):
            ready = [features_of(case, policy)[0] for case in fresh(batch)]
            with watch.running(len(ready)):
                for features in ready:
                    assert features.words("text")

    rules = rules_of(policy)
    return compared(
        {
            "whole decision": whole,
            "whole decision, rules as plain code": whole_plain,
            "rules alone": matching(lambda features, chosen: apply_rules(rules, features, chosen=chosen)),
            "rules alone, as plain code": matching(plain),
            "words into stems alone": stemming,
        },
        _SECONDS,
    )


@contextmanager
def replaced(functions: Mapping[str, Any]) -> Iterator[None]:
    """Names of ``router.decide`` stand for others while it lasts."""
    standing = {name: getattr(deciding, name) for name in functions}
    for name, function in functions.items():
        setattr(deciding, name, function)
    try:
        yield
    finally:
        for name, function in standing.items():
            setattr(deciding, name, function)


def split(all_cases: Sequence[Case], policy: Policy, rounds: int = 5) -> Mapping[str, float]:
    """Step -> its share of a decision's time, by a clock around each function; medians of several rounds. The clocks
    take time themselves, most of which falls to what is left over."""
    spent: Counter[str] = Counter()

    def timed(step: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def called(*args: Any, **named: Any) -> Any:
            began = perf_counter_ns()
            result = function(*args, **named)
            spent[step] += perf_counter_ns() - began
            return result

        return called

    def worded(*args: Any, **named: Any) -> Features:
        made = Features(*args, **named)
        assert made.words("text")
        return made

    functions = {
        name: timed(step, worded if name == "Features" else getattr(deciding, name))
        for step, names in _STEPS.items()
        for name in names
    }
    found: dict[str, list[float]] = {}
    with replaced(functions):
        for _ in range(rounds):
            spent.clear()
            total = 0
            for batch in batches(all_cases):
                made = fresh(batch)
                began = perf_counter_ns()
                for case in made:
                    decide(case.message, case.known, policy, case.now)
                total += perf_counter_ns() - began
            spent[_REST] = total - spent.total()
            for step, nanos in spent.items():
                found.setdefault(step, []).append(nanos / total)
    return {step: statistics.median(found[step]) for step in (*_STEPS, _REST)}


def report(policy: Policy, count: int) -> list[str]:
    all_cases = cases(policy, count)
    plain = written_out(tuple(rules_of(policy)))
    hit = same_hits(all_cases, policy, plain)
    verdicts = Counter(type(decide(c.message, c.known, policy, c.now)).__name__ for c in all_cases)
    _spare_the_collector()
    watches = rates(all_cases, policy, plain)
    whole = watches["whole decision"].micros
    sizes = statistics.quantiles([len(case.message.text) for case in all_cases], n=20)
    return [
        f"{len(all_cases):,} letters ({', '.join(f'{n} {name.lower()}' for name, n in verdicts.most_common())}), "
        f"90 % of them {sizes[0]:.0f} to {sizes[-1]:.0f} characters; {len(policy.kinds)} kinds, {len(policy.rules)} "
        f"rules, of which {len(hit)} hit. The plain code gives the same hits on every letter.",
        "",
        "| | a second | by processor time | microseconds |",
        "|---|---|---|---|",
        *(f"| {n} | {w.rate:,.0f} | {w.cpu_rate:,.0f} | {w.micros:.1f} |" for n, w in watches.items()),
        "",
        f"The rule machine takes {_ratio(watches, 'rules alone')} times as long as plain `if` statements, a whole "
        f"decision {_ratio(watches, 'whole decision')} times as long as with them.",
        "",
        "| step of a decision | share | microseconds |",
        "|---|---|---|",
        *(f"| {step} | {share:.0%} | {share * whole:.1f} |" for step, share in split(all_cases, policy).items()),
    ]


def _ratio(watches: Mapping[str, Stopwatch], name: str) -> str:
    plain = next(each for key, each in watches.items() if key.startswith(f"{name}, "))
    return f"{watches[name].micros / plain.micros:.2f}"


def _spare_the_collector() -> None:
    """As ``gateway.process`` does before it serves."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def main(
    messages: Annotated[int, typer.Option(help="Letters, every one another.")] = 1000,
    write: Annotated[bool, typer.Option("--write", help="Put the figures into docs/benchmarks.md.")] = False,
) -> None:
    policy = compile_policy(load_folder(SAMPLE), 1)
    text = "\n".join([*report(policy, messages), "", *side_by_side(policy.calendars["moscow"])])
    print(text)
    if write:
        write_section("router", f"python -m bench.router --messages {messages}", text)


if __name__ == "__main__":
    typer.run(main)
