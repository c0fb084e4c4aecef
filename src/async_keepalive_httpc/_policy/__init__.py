"""Pure questions about a request and its response."""
