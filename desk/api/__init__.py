"""The HTTP API, version 1: one visible table of routes, from which serving and OpenAPI are both made."""
