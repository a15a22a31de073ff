"""The steps of a decision, in the order in which ``router.decide`` takes them."""
