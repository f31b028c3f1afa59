"""Building blocks of SQL: bound parameters, property paths, filters and statements."""
