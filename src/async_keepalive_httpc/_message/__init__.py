"""URL, headers, request, response and body: the values that every room knows."""
