"""Snapshots of real servers while they serve: with tracing and where it is denied."""

import os
import pathlib
import socket
import tempfile
import threading
import time
import unittest
import urllib.request

from snapshots import Session
from weir_test import program, run_alone, system_python

DENIED = [str(program("deny_tracing"))]
SNAPSHOTS = 5

HTTP_SERVER = """
import http.server, sys, threading
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = str(sum(map(len, [str(n) for n in range(2000)]))).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *arguments):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
threading.Thread(target=server.serve_forever).start()
sys.stdin.read()
server.shutdown()
"""


class Servers(unittest.TestCase):
    def check_snapshots(self, session):
        for number in range(SNAPSHOTS):
            report = session.snapshot()
            check = report["leak_check"]
            self.assertTrue(check["done"], check["why_not"])
            self.assertEqual(check["in_doubt"], None)
            self.assertEqual((check["kinds"]["definite"]["count"], check["kinds"]["indirect"]["count"]), (0, 0), self.lost(report))
            self.assertGreater(check["kinds"]["reachable"]["count"], 100)
            time.sleep(0.05)
        self.assertEqual([name for name in session.files() if name.startswith("out.snapshot")],
                         [f"out.snapshot-{number + 1}.json" for number in range(SNAPSHOTS)])

    @staticmethod
    def lost(report):
        return [(leak["kind"], leak["count"], leak["bytes"], [report["frames"][i].get("function") for i in report["stacks"][leak["stack"]]])
                for leak in report["leaks"] if leak["kind"] in ("definite", "indirect")]

    def serve_redis(self, wrapper):
        folder = tempfile.TemporaryDirectory(prefix="weir-redis-")
        self.addCleanup(folder.cleanup)
        server, path = pathlib.Path(folder.name, "redis-server"), pathlib.Path(folder.name, "socket")
        server.symlink_to("/usr/bin/redis-check-rdb")  # Debian's redis-tools have the server under that name
        session = Session(self, argv=[server, "--port", "0", "--save", "", "--unixsocket", path, "--dir", folder.name], wrapper=wrapper)
        while not path.exists():
            self.assertIsNone(session.process.poll())
            time.sleep(0.02)
        self.check_snapshots(session)  # idle
        results = []
        benchmark = threading.Thread(target=lambda: results.append(run_alone(
            ["/usr/bin/redis-benchmark", "-s", path, "-n", "10000", "-q", "-r", "5000", "-d", "100", "-t", "set,get,lpush,hset,mset"],
            timeout=200)))
        benchmark.start()
        busy = 0
        while benchmark.is_alive():
            check = session.snapshot()["leak_check"]
            self.assertEqual((check["in_doubt"], check["kinds"]["definite"]["count"]), (None, 0))
            busy += 1
        benchmark.join()
        self.assertGreater(busy, 0)
        self.assertEqual(results[0].returncode, 0, results[0].stderr)
        self.assertNotIn(b"rror", results[0].stdout + results[0].stderr)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            client.sendall(b"PING\r\n")
            self.assertEqual(client.recv(100), b"+PONG\r\n")
            client.sendall(b"SHUTDOWN NOSAVE\r\n")
            client.recv(100)
        self.assertEqual(session.process.wait(timeout=60), 0)

    @unittest.skipUnless(os.path.exists("/usr/bin/redis-check-rdb"), "no redis-tools")
    def test_redis(self):
        self.serve_redis([])

    @unittest.skipUnless(os.path.exists("/usr/bin/redis-check-rdb"), "no redis-tools")
    def test_redis_where_tracing_is_denied(self):
        self.serve_redis(DENIED)

    def serve_python(self, wrapper):
        session = Session(self, argv=[system_python(), "-c", HTTP_SERVER], wrapper=wrapper, env={"PYTHONMALLOC": "malloc"})
        port = int(session.process.stdout.readline())
        self.check_snapshots(session)
        over, answers = threading.Event(), []

        def ask_all_the_time():
            while not over.is_set():
                answers.append(urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60).read())
        clients = [threading.Thread(target=ask_all_the_time) for _ in range(3)]
        for client in clients:
            client.start()
        for _ in range(SNAPSHOTS):
            check = session.snapshot()["leak_check"]
            self.assertEqual((check["in_doubt"], check["kinds"]["definite"]["count"]), (None, 0))
        over.set()
        for client in clients:
            client.join()
        self.assertEqual(set(answers), {b"6890"})
        self.assertEqual(session.end()[:2], (0, ""))

    def test_python(self):
        self.serve_python([])

    def test_python_where_tracing_is_denied(self):
        self.serve_python(DENIED)


if __name__ == "__main__":
    unittest.main()
