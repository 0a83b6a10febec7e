"""The coding screen as one small page in a browser on this machine: the same sitting, the same keys, nothing loaded.

The address holds a random token, so that other users of the machine cannot code in somebody's name; pages of other
sites are kept out by the Host and Origin of each request. Every answer is a form that is posted; a script turns
keys into clicks, and without it buttons do. Feed text is escaped, and a policy allows no script but that one.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, field
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Thread
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from .coding import MAX_NOTE, Command, Outcome
from .screen import answer_word, choice_words, ending, other_codes, save_or_retract, summary, wording

if TYPE_CHECKING:
    from collections.abc import Callable

    from .coding import Sitting
    from .screen import Save, Subject

MAX_FORM = 8 * MAX_NOTE
"""Bytes of a posted form; a note is the longest part of one, percent-encoded."""

_SECONDS = 10
"""How long a connection may say nothing."""

_OLD = "That page was out of date. This is where you are."

_STYLE = """
body{font:1.1rem/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}
header,footer{display:flex;justify-content:space-between;gap:1rem;color:#555;font-size:.9rem}
h1{font-size:1.5rem;line-height:1.3}section{border-top:1px solid #ccc;margin-top:1.5rem;padding-top:1rem}
button{font:inherit;padding:.4rem .9rem;margin:0 .4rem .4rem 0;border:1px solid #888;border-radius:.3rem}
button{color:#1a1a1a;background:#f6f6f6}
button:focus-visible{outline:3px solid #2a6fdb}kbd{font-weight:bold}.small{color:#555;font-size:.95rem}
.said{color:#8a4b00}pre{white-space:pre-wrap;font:inherit}
@media(prefers-color-scheme:dark){body{color:#eee;background:#181818}header,footer,.small{color:#aaa}
button{color:#eee;background:#2a2a2a}.said{color:#ffb454}}
"""

_SCRIPT = (Path(__file__).with_name("templates") / "coding.js").read_text(encoding="utf-8")


@dataclass(slots=True)
class _Request:
    """A form, None for a look at the page; the answer comes back through `reply` as (finished, page)."""

    form: dict[str, str] | None
    reply: SimpleQueue[tuple[bool, str]] = field(default_factory=SimpleQueue)
    sent: Event = field(default_factory=Event)


class Desk:
    """A sitting as pages. `answer` takes a form and gives the next page; `over` says that the sitting has ended."""

    def __init__(self, sitting: Sitting, subject: Subject, save: Save) -> None:
        self.sitting, self.subject, self._save = sitting, subject, save
        self.nonce, self.turn, self.over = secrets.token_urlsafe(16), 0, False

    def answer(self, form: dict[str, str] | None) -> str:
        """The page after a form; a form of an older page changes nothing."""
        if form is not None and form.get("turn") != str(self.turn):
            self.sitting.said = _OLD
        elif form is not None:
            self.turn += 1
            key = "\n" if form.get("key") == "enter" else form.get("key", "")[:1]
            match self.sitting.press(key):
                case Outcome.QUIT:
                    self.over = True
                case Outcome.COMPLETE:
                    save_or_retract(self.sitting, self._save)
                case Outcome.NOTE:
                    self.sitting.note(form.get("note", ""))
        return self._page()

    def _page(self) -> str:
        done, total = self.sitting.done, len(self.sitting.tasks)
        body = [
            f"<header><span>{escape(self.subject.heading)}</span><span>{done} of {total}</span></header>",
            f'<progress max="{max(total, 1)}" value="{done}">{done}</progress>',
        ]
        if self.over:
            body.append("<p>Every code is stored. This page can be closed.</p>")
        else:
            body += [self._text(), self._form(), self._codebook()]
        return (
            '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Coding</title>'
            f'<style nonce="{self.nonce}">{_STYLE}</style></head><body>{"".join(body)}'
            f'<script nonce="{self.nonce}">{_SCRIPT}</script></body></html>'
        )

    def _text(self) -> str:
        if self.sitting.finished:
            return f"<p>{escape(ending(self.sitting))}</p>"
        task = self.sitting.task
        lines = "".join(f"<li>{escape(line)}</li>" for line in other_codes(task, self.subject.frames))
        title, lead = escape(task.text.title or "(no headline)"), escape(task.text.summary)
        return f"<main><h1>{title}</h1><p>{lead}</p>{f'<ul>{lines}</ul>' if lines else ''}</main>"

    def _form(self) -> str:
        question, before = self.sitting.answers.next, self.sitting.before
        asked, choices = "", ""
        if not self.sitting.finished and question is not None:
            title, meaning = wording(question, self.subject)
            asked = f'<p><b>{escape(title)}</b><br><span class="small">{escape(meaning)}</span></p>'
            choices = "".join(_button(key, word) for key, word in choice_words(question).items())
            if before and getattr(before, question.value) is not None:
                choices += _button("enter", f"keeps {answer_word(question, before)}")
        so_far = summary(self.sitting.answers, self.subject.frames)
        commands = {Command.BACK: "back", Command.SKIP: "skip", Command.GENRE: "genre", Command.QUIT: "quit"}
        turn = f'<input type="hidden" name="turn" value="{self.turn}">'
        note = escape(self.sitting.answers.note)
        return (
            f'<section><form method="post">{turn}{asked}<p>{choices}</p>'
            f'<p class="small">{escape(f"So far: {so_far}" if so_far else "")}</p>'
            f'<p class="said" role="status">{escape(self.sitting.said)}</p>'
            f"<p>{''.join(_button(key, word) for key, word in commands.items())}</p></form>"
            f'<form method="post">{turn}<label><kbd>t</kbd> note <input id="note" name="note" size="50" '
            f'maxlength="{MAX_NOTE}" value="{note}"></label> <button name="key" value="t">keep</button></form>'
            "</section>"
        )

    def _codebook(self) -> str:
        book = self.subject.codebook
        return (
            f'<details id="codebook"><summary><kbd>?</kbd> codebook {escape(book.version)}</summary>'
            f"<pre>{escape(book.text)}</pre></details>"
        )


def _button(key: str, word: str) -> str:
    return f'<button name="key" value="{key}" data-key="{key}"><kbd>{key}</kbd> {escape(word)}</button>'


class _Server(ThreadingHTTPServer):
    """Takes requests to the thread that has the sitting. Connections have threads of their own: browsers open some
    that they never use."""

    def __init__(self, nonce: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        own = f"'nonce-{nonce}'"
        self.policy = (
            f"default-src 'none'; style-src {own}; script-src {own}; connect-src 'self'; form-action 'self'; "
            "base-uri 'none'; frame-ancestors 'none'"
        )
        self.token = secrets.token_urlsafe(24)
        self.requests: SimpleQueue[_Request] = SimpleQueue()

    def handle_error(self, request: object, client_address: object) -> None:
        """Silence: a browser that hangs up is no news, and the terminal belongs to the coder."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _SECONDS

    def do_GET(self) -> None:
        if self._allowed():
            self._exchange(None)

    def do_POST(self) -> None:
        if not self._allowed():
            return
        if self.headers.get("Origin") != f"http://{self.headers['Host']}":
            self.send_error(403)
            return
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit() and len(length) < 8 and int(length) <= MAX_FORM):
            self.send_error(413)
            return
        fields = parse_qs(self.rfile.read(int(length)).decode("utf-8", "replace"), keep_blank_values=True)
        self._exchange({name: values[0] for name, values in fields.items()})

    def _allowed(self) -> bool:
        port = self.server.server_port
        if self.headers.get("Host") not in {f"127.0.0.1:{port}", f"localhost:{port}"}:
            self.send_error(403)
            return False
        if not hmac.compare_digest(self.path.encode("latin-1", "replace"), f"/{self.server.token}/".encode()):
            self.send_error(404)
            return False
        return True

    def _exchange(self, form: dict[str, str] | None) -> None:
        request = _Request(form)
        self.server.requests.put(request)
        finished, page = request.reply.get()
        try:
            if form is not None and not finished:  # so that a reload does not answer again
                self.send_response(303)
                self.send_header("Location", f"/{self.server.token}/")
                self.send_header("Content-Length", "0")
                self.end_headers()
            else:
                self._send(page.encode())
        finally:
            request.sent.set()

    def _send(self, body: bytes) -> None:
        self.send_response(200)
        for name, value in {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Length": str(len(body)),
            "Content-Security-Policy": self.server.policy,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",  # with no-referrer a browser would post without its Origin
            "Cache-Control": "no-store",
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the signature is http.server's
        """Silence, for the same reason."""


def serve(sitting: Sitting, subject: Subject, save: Save, say: Callable[[str], None]) -> None:
    """A sitting in the browser, until q there or Ctrl-C here. `say` is told the address.

    The sitting, and the database behind `save`, stay in the thread that calls.
    """
    desk = Desk(sitting, subject, save)
    with _Server(desk.nonce) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
        try:
            say(f"http://127.0.0.1:{server.server_port}/{server.token}/")
            while not desk.over:
                request = server.requests.get()
                page = desk.answer(request.form)
                request.reply.put((desk.over, page))
            request.sent.wait(_SECONDS)
        finally:
            server.shutdown()
