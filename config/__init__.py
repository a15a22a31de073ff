"""Policy files: read, checked, compiled. The way in is ``config.loader``; ``config.schema`` has their shape."""
