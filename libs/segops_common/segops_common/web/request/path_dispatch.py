"""What the paths of an app are: how they are spelled, and which methods each takes."""

from __future__ import annotations

import re
from collections.abc import Iterable

from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute, Match, Route


class RouteTable:
    """Made once from the routes: a path may end in a slash or not and means the same."""

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self._routes = list(routes)
        paths = [path for context in iter_route_contexts(self._routes) if (path := context.path)]
        self._without_slash = frozenset(path for path in paths if not path.endswith("/"))
        unservable = [path for path in self._without_slash if re.search(r"[{}]", path)]
        if unservable:
            raise ValueError(f"a path with parameters ends in a slash: {', '.join(sorted(unservable))}")

    def spelled(self, path: str) -> str:
        """The path as the routes spell it."""
        if path.endswith("/"):
            return path[:-1] if path[:-1] in self._without_slash else path
        return path if path in self._without_slash else path + "/"

    def allowed(self, path: str) -> list[str]:
        """The methods that some route takes at this path, as for `Allow`."""
        scope = {"type": "http", "path": path, "method": "", "headers": [], "root_path": ""}
        found: set[str] = set()
        for context in iter_route_contexts(self._routes):
            route = context.original_route
            if isinstance(route, Route) and route.matches(scope)[0] is not Match.NONE:
                found |= context.methods or set()
        return sorted(found)
