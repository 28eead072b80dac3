"""Who may do what: scopes, principals, projects, and the text of a key. No database and no HTTP here."""

from service.access.principal import DEFAULT_PROJECT, OPERATOR, THE_OPERATOR, Principal, Scope
from service.access.secret import Secret, digest

__all__ = ["DEFAULT_PROJECT", "OPERATOR", "THE_OPERATOR", "Principal", "Scope", "Secret", "digest"]
