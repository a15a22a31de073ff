"""Values, facts, policy models, ports, business time and the ticket's state machine.

The foundation that every room stands on. Standard library only; imports nothing of the other packages.
"""
