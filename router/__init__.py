"""Decisions: what becomes of a message. The way in is ``router.service.Router``; ``router.decide`` is its pure core."""
