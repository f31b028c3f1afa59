"""Building blocks of SQL text: bound parameters, property paths, filters and sums. Nothing here knows a driver."""
