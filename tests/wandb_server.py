"""A real HTTP server on 127.0.0.1 that answers as much of W&B's GraphQL as saving a report takes."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Project:
    """What is stored.

    Attributes:
        entity: Its owner.
        name: Its name.
        groups: Group of each run.
        views: The reports.
        address: Of the server.
    """

    def __init__(self, entity: str, name: str, groups: list[str]) -> None:
        self.entity, self.name, self.groups = entity, name, groups
        self.views: list[dict[str, Any]] = []
        self.address = ""

    def answer(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        if "upsertView" in query:
            return {"upsertView": {"view": self.upsert(variables), "inserted": variables["id"] is None}}
        if "viewer" in query:
            return {"viewer": {"id": "user", "entity": self.entity, "username": "user", "flags": "{}"}}
        last = {"endCursor": None, "hasNextPage": False}
        if "query Runs" in query:
            wanted = json.loads(variables["filters"]).get("group")
            count = sum(wanted in (None, group) for group in self.groups)
            return {"project": self.found(variables) and {"runCount": count, "runs": {"edges": [], "pageInfo": last}}}
        if "ProjectViews" in query:
            edges = [{"node": view, "cursor": ""} for view in self.views]
            return {"project": self.found(variables) and {"allViews": {"edges": edges, "pageInfo": last}}}
        assert "GetProjects" in query, query
        owned = {"__typename": "Project", "id": "project", "name": self.name, "entityName": self.entity}
        node = {**owned, "createdAt": "2026-01-01T00:00:00Z", "isBenchmark": False, "user": None}
        return {"models": {"pageInfo": {"__typename": "PageInfo", **last}, "edges": [{"node": node}]}}

    def found(self, variables: dict[str, Any]) -> bool | None:
        return (variables["entity"], variables["project"]) == (self.entity, self.name) or None

    def upsert(self, variables: dict[str, Any]) -> dict[str, Any]:
        view = {
            **variables,
            "id": variables["id"] or base64.b64encode(f"View:{len(self.views)}".encode()).decode(),
            "project": {"id": "project", "name": variables["projectName"], "entityName": variables["entityName"]},
        }
        self.views = [known for known in self.views if known["id"] != view["id"]] + [view]
        return view


@contextmanager
def serving(project: Project) -> Iterator[None]:
    """Serves a project until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path != "/graphql":
                self.send_error(404)  # statistics about the client
                return
            request = json.loads(body)
            answer = json.dumps({"data": project.answer(request["query"], request.get("variables") or {})}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    project.address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
