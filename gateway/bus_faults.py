"""Every failure to reach the bus, as ours: ``Unavailable("bus")``; what it will never take: ``Permanent``."""

import contextlib
from collections.abc import Iterator

import nats.errors
from nats.js.errors import APIError, NotFoundError, ServiceUnavailableError
from nats.js.errors import Error as JetStreamError

from domain.errors import Permanent, Unavailable

_TOO_LARGE = 10054


@contextlib.contextmanager
def faults() -> Iterator[None]:
    try:
        yield
    except NotFoundError:
        raise
    except APIError as error:
        if error.err_code == _TOO_LARGE:
            raise Permanent("The message is too large", reason="bus: message too large") from error
        raise Unavailable("bus", reason=f"bus: {error.err_code} {error.description}") from error
    except nats.errors.MaxPayloadError as error:
        raise Permanent("The message is too large", reason="bus: payload over the server's limit") from error
    except (nats.errors.Error, JetStreamError, ServiceUnavailableError, TimeoutError, OSError) as error:
        raise Unavailable("bus", reason=f"bus: {type(error).__name__}") from error


@contextlib.contextmanager
def present(name: str) -> Iterator[None]:
    """What the topology declares is missing only until it is mended."""
    try:
        yield
    except NotFoundError as error:
        raise Unavailable("bus", reason=f"bus: {name} is missing") from error
