"""From a route to a connected byte stream."""
