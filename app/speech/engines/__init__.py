"""The engines, one file each; none of them knows of HTTP."""
