"""Who may use which connection, and when."""
