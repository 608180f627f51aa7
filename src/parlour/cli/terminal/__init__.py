"""The terminal of `parlour chat`: keys, the line being typed, what is shown above it."""
