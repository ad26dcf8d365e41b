"""What the gateway is measured beside: nginx with a fixed header, and two of Node's proxies, where installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.live import free_port

NGINX = """
worker_processes 1; daemon off; pid {folder}/pid; error_log stderr crit;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 100000000;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  upstream up {{ server {upstream}; keepalive 512; keepalive_requests 100000000; }}
  server {{ listen 127.0.0.1:{port};
    location / {{ proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection "";
                  proxy_set_header Authorization "Bearer sk-real"; }} }} }}
"""
PACKAGES = {"http-proxy": "1.18.1", "fastify": "5.12.8", "@fastify/reply-from": "12.6.5"}
# As it comes, http-proxy connects anew for every call; given an agent, it keeps its connections as the others do.
HTTP_PROXY = """
const http = require('http');
const agent = process.argv[3] ? new http.Agent({ keepAlive: true, maxSockets: 1024 }) : undefined;
const proxy = require('http-proxy').createProxyServer({ target: process.argv[2], agent });
proxy.on('proxyReq', request => request.setHeader('authorization', 'Bearer sk-real'));
proxy.on('error', (error, request, response) => { response.writeHead(502); response.end(); });
const server = http.createServer((request, response) => proxy.web(request, response));
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
"""
REPLY_FROM = """
const crypto = require('crypto'), app = require('fastify')({ logger: false });
const hash = text => crypto.createHash('sha256').update(text).digest(), wanted = hash(process.argv[3]);
const options = process.argv[4] ? { http: { agentOptions: { keepAlive: true, maxSockets: 1024 } } } : {};
app.register(require('@fastify/reply-from'), { base: process.argv[2], ...options });
app.all('/*', (request, reply) => {
  const given = hash((request.headers.authorization || '').slice(7));
  if (!crypto.timingSafeEqual(given, wanted)) { reply.code(401).send(); return; }
  reply.from(request.url, {
    rewriteRequestHeaders: (_, headers) => ({ ...headers, authorization: 'Bearer sk-real' }) });
});
app.listen({ port: 0, host: '127.0.0.1' }).then(() => console.log(app.server.address().port));
"""


@dataclass
class Anchor:
    """A proxy that runs: its port, and its processes."""

    port: int
    process: subprocess.Popen[str]
    pids: list[int] = field(default_factory=list)

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(10)


def children(pid: int) -> list[int]:
    """Return the children of a process."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def started(folder: Path, upstream: str, *, token: str) -> dict[str, Anchor]:
    """Start what is installed; `upstream` is host:port, `token` what a caller brings."""
    found = {"nginx": _nginx(folder, upstream)}
    modules = _modules()
    if modules is not None:
        base = f"http://{upstream}"
        found["http-proxy"] = _node(folder, modules, HTTP_PROXY, base)
        found["http-proxy, kept alive"] = _node(folder, modules, HTTP_PROXY, base, "keep")
        found["reply-from"] = _node(folder, modules, REPLY_FROM, base, token)
        found["reply-from, over http"] = _node(folder, modules, REPLY_FROM, base, token, "http")
    return {name: anchor for name, anchor in found.items() if anchor is not None}


def _nginx(folder: Path, upstream: str) -> Anchor | None:
    program = shutil.which("nginx")
    if program is None:
        return None
    port = free_port()
    (folder / "conf").write_text(NGINX.format(folder=folder, upstream=upstream, port=port))
    process = subprocess.Popen([program, "-p", str(folder), "-c", str(folder / "conf")], text=True)
    time.sleep(1)
    return Anchor(port, process, [process.pid, *children(process.pid)])


def _modules() -> Path | None:
    """Return the folder of the two proxies' packages, fetched once; None without Node or a registry."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        return None
    folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "keylodge-benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text(json.dumps({"private": True, "dependencies": PACKAGES}))
    command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts"]
    made = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    return folder / "node_modules" if made.returncode == 0 else None


def _node(folder: Path, modules: Path, script: str, *arguments: str) -> Anchor:
    file = folder / f"{abs(hash(script))}.js"
    file.write_text(script)
    process = subprocess.Popen(
        ["node", str(file), *arguments],
        env=os.environ | {"NODE_PATH": str(modules)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return Anchor(int(process.stdout.readline()), process, [process.pid])
