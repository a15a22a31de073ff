"""The commands of ``priyom``, a file a group."""
