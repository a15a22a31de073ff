"""``priyom``: the command line. Each command is a file or a function of gateway.commands."""

import typer

from gateway.commands import agents, books, customers, people, policy, serve
from gateway.settings import described

app = typer.Typer(
    name="priyom",
    help="Intake and routing for support: every message becomes a routed and explained ticket, and none is lost.",
    epilog="Settings, from the environment or priyom.toml (secrets also from PRIYOM_..._FILE):\n\n" + described(),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(serve.up)
app.command()(serve.run)
app.command()(books.ledger)
app.command()(books.trace)
app.add_typer(serve.db, name="db")
app.add_typer(policy.policy, name="policy")
app.add_typer(agents.agent, name="agent")
app.add_typer(customers.organization, name="organization")
app.add_typer(customers.contact, name="contact")
app.add_typer(people.token, name="token")
app.add_typer(books.quarantine, name="quarantine")


def main() -> None:
    app()


if __name__ == "__main__":
    main()
