"""Pages and API: what agents, customers and scripts see of Priyom. Reads through ``domain`` ports alone."""
