"""Load that counts what fails, for recipes in which nothing may."""

import http.client
import threading

THREADS = 4


class Load:
    """Clients that ask one request after the other, half of them on a connection of its own each time."""

    def __init__(self, port):
        self.port, self.stop, self.answered, self.failed = port, threading.Event(), 0, []
        self.threads = [threading.Thread(target=self.ask, args=(number % 2 == 0,), daemon=True) for number in range(THREADS)]
        for thread in self.threads:
            thread.start()

    def ask(self, keeps_alive):
        connection = None
        while not self.stop.is_set():
            is_fresh = connection is None
            connection = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
            try:
                connection.request("GET", "/", headers={} if keeps_alive else {"Connection": "close"})
                answer = connection.getresponse()
                answer.read()
                if answer.status != 200:
                    self.failed.append(f"status {answer.status}")
                self.answered += 1
                if answer.will_close:
                    connection = None
            except (OSError, http.client.HTTPException) as error:
                connection = None
                # A connection that has idled may be closed as the next request leaves (RFC 9112 §9.3.1): that one was
                # not accepted, and is asked again.
                if is_fresh:
                    self.failed.append(repr(error))

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join()
