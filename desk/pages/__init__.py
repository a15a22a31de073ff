"""One module a page; each has handlers that fetch, shape and render, and nothing that decides."""
