"""The settings of every process: fields, rules, and the file that documents them."""

from app.settings.fields import Settings, load
from app.settings.rules import SettingsError

__all__ = ["Settings", "SettingsError", "load"]
