"""Who may use what: accounts, sessions, API keys and signed links, kept in one file under DATA_DIR."""
