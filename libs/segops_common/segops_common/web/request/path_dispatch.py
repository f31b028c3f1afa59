"""The paths of an app: with or without a final slash, and the methods that each accepts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import unquote_to_bytes

from fastapi.routing import iter_route_contexts
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.routing import BaseRoute, Match, Route

# No path contains U+0000, so it can stand for a slash within a segment of a path.
_INNER_SLASH: Final = "\0"


class OpaqueConvertor(StringConvertor):
    """A parameter that may be any text, written `{user_id:opaque}`: one segment of the path, percent-encoded."""

    def convert(self, value: str) -> str:
        """Return the text, with its slashes."""
        return value.replace(_INNER_SLASH, "/")


register_url_convertor("opaque", OpaqueConvertor())


class RouteTable:
    """Looks up paths, which mean the same with and without a final slash. Made once from the routes."""

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self._routes = list(routes)
        paths = [path for context in iter_route_contexts(self._routes) if (path := context.path)]
        self._opaque = [
            route
            for context in iter_route_contexts(self._routes)
            if isinstance(route := context.original_route, Route)
            and any(isinstance(convertor, OpaqueConvertor) for convertor in route.param_convertors.values())
        ]
        self._without_slash = frozenset(path for path in paths if not path.endswith("/"))
        unservable = [path for path in self._without_slash if re.search(r"[{}]", path)]
        if unservable:
            raise ValueError(f"a path with parameters must end in a slash: {', '.join(sorted(unservable))}")

    def spelled(self, path: str) -> str:
        """Return the path as the routes spell it."""
        if path.endswith("/"):
            return path[:-1] if path[:-1] in self._without_slash else path
        return path if path in self._without_slash else path + "/"

    def with_opaque_segments(self, raw: bytes) -> str | None:
        """Return the decoded path in which an encoded slash stays inside of its segment.

        None unless a route takes any text there: everywhere else, such a path is ambiguous.
        """
        if not self._opaque:
            return None
        segments = [unquote_to_bytes(segment).decode(errors="replace") for segment in raw.split(b"/")]
        path = self.spelled("/".join(segment.replace("/", _INNER_SLASH) for segment in segments))
        return path if any(route.path_regex.match(path) for route in self._opaque) else None

    def allowed(self, path: str) -> list[str]:
        """Return the methods that any route accepts at this path, ascending: the value of `Allow`."""
        scope = {"type": "http", "path": path, "method": "", "headers": [], "root_path": ""}
        methods: set[str] = set()
        for context in iter_route_contexts(self._routes):
            route = context.original_route
            if isinstance(route, Route) and route.matches(scope)[0] is not Match.NONE:
                methods |= context.methods or set()
        return sorted(methods)
