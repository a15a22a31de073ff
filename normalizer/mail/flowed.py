"""format=flowed (RFC 3676): soft line ends undone, so that a paragraph is one line. Called by content."""


def unwrap(text: str, *, delete_space: bool) -> str:
    """Joins a line that ends in a space with the next of the same quote depth; takes the stuffed space off."""
    out: list[str] = []
    open_depth = -1
    for line in text.split("\n"):
        depth = len(line) - len(line.lstrip(">"))
        body = line[depth:]
        if body.startswith(" "):
            body = body[1:]
        flows = body.endswith(" ") and body != "-- "
        if flows and delete_space:
            body = body[:-1]
        if open_depth == depth and body != "-- ":
            out.append(body)
        else:
            if out:
                out.append("\n")
            out.append(">" * depth + (" " if depth and body else "") + body)
        open_depth = depth if flows else -1
    return "".join(out)
