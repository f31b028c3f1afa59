"""The paths of an app: with or without a final slash, and the methods that each accepts."""

from __future__ import annotations

import re
from collections.abc import Iterable

from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute, Match, Route


class RouteTable:
    """Looks up paths, which mean the same with and without a final slash. Made once from the routes."""

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self._routes = list(routes)
        paths = [path for context in iter_route_contexts(self._routes) if (path := context.path)]
        self._without_slash = frozenset(path for path in paths if not path.endswith("/"))
        unservable = [path for path in self._without_slash if re.search(r"[{}]", path)]
        if unservable:
            raise ValueError(f"a path with parameters must end in a slash: {', '.join(sorted(unservable))}")

    def spelled(self, path: str) -> str:
        """Return the path as the routes spell it."""
        if path.endswith("/"):
            return path[:-1] if path[:-1] in self._without_slash else path
        return path if path in self._without_slash else path + "/"

    def allowed(self, path: str) -> list[str]:
        """Return the methods that any route accepts at this path, ascending: the value of `Allow`."""
        scope = {"type": "http", "path": path, "method": "", "headers": [], "root_path": ""}
        methods: set[str] = set()
        for context in iter_route_contexts(self._routes):
            route = context.original_route
            if isinstance(route, Route) and route.matches(scope)[0] is not Match.NONE:
                methods |= context.methods or set()
        return sorted(methods)
