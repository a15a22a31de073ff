"""Migrations by Alembic, on both databases. ``upgrade`` is what ``priyom db upgrade`` and every start call."""
