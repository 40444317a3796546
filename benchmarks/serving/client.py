"""One visitor without a browser: speaks Streamlit's protocol over a WebSocket, as the page's own script does.

It keeps what the page shows (`Screen`), sends a rerun with the states of the widgets on it, follows fragments and
their timers, and uploads files. The server does the same work for it as for a browser; only the drawing is missing.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen
from uuid import uuid4

import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.NumberInput_pb2 import NumberInput
from streamlit.proto.WidgetStates_pb2 import WidgetState

from explorer.errors import ExplorerError

PATIENCE = 120.0
"""Seconds that a visitor waits for an answer before the answer counts as missing."""
KEEPALIVE = 20.0
"""Seconds between two pings of a connection, and that an answer to one may take; else the connection is cut."""
XSRF = "_streamlit_xsrf"

Path = tuple[int, ...]
Predicate = Callable[["Screen"], bool]


# --- What the page shows --------------------------------------------------------------------------------


@dataclass
class _Shown:
    element: Element
    fragment: str
    run: int


@dataclass
class Screen:
    """What a visitor's page shows, as the browser would hold it.

    Attributes:
        shown: the elements by their place.
        pages: the hash of each page's script, by the last part of its path; "" is the first page's.
        errors: messages of exceptions that the page has shown since it was opened.
        address: what the page has written behind the question mark of the browser's address.
    """

    shown: dict[Path, _Shown] = field(default_factory=dict)
    pages: dict[str, str] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    address: str = ""
    page_hash: str = ""
    session_id: str = ""
    _run: int = 0
    _fragments: frozenset[str] = frozenset()
    _cached: dict[str, tuple[ForwardMsg, int]] = field(default_factory=dict)
    _longest: int = 2

    def take(self, message: ForwardMsg) -> None:
        """Change what is shown as a message of the server says."""
        kind = message.WhichOneof("type")
        if kind == "ref_hash":  # an element that the server knows this client to hold
            kept = self._cached[message.ref_hash][0]
            whole = ForwardMsg()
            whole.CopyFrom(kept)
            whole.metadata.CopyFrom(message.metadata)
            message, kind = whole, whole.WhichOneof("type")
        if message.metadata.cacheable:
            self._cached[message.hash] = (message, self._run)
        if kind == "new_session":
            self._begin(message)
        elif kind == "navigation":
            self.pages = {
                "" if page.is_default else page.url_pathname: page.page_script_hash
                for page in message.navigation.app_pages
            }
            self.page_hash = message.navigation.page_script_hash
        elif kind == "delta":
            self._draw(message)
        elif kind == "script_finished":
            self._end(message.script_finished)

    def _begin(self, message: ForwardMsg) -> None:
        session, self._run = message.new_session, self._run + 1
        self._fragments = frozenset(message.metadata.run.fragment_ids)
        self.session_id = session.initialize.session_id or self.session_id
        self._longest = session.config.max_cached_message_age or self._longest
        if not self._fragments and session.page_script_hash:
            self.page_hash = session.page_script_hash

    def _draw(self, message: ForwardMsg) -> None:
        path, delta = tuple(message.metadata.delta_path), message.delta
        kind = delta.WhichOneof("type")
        if kind == "new_element":
            for below in [each for each in self.shown if each[: len(path)] == path]:
                del self.shown[below]
            self.shown[path] = _Shown(delta.new_element, delta.fragment_id, self._run)
            if delta.new_element.bidi_component.component_name == "address":
                # The browser keeps it also while the next run has not yet written another.
                self.address = str(json.loads(delta.new_element.bidi_component.json)["query"])
            if delta.new_element.WhichOneof("type") == "exception":
                self.errors.append(delta.new_element.exception.message)
        elif kind == "add_block":
            self.shown.pop(path, None)

    def _end(self, status: Any) -> None:
        if status == ForwardMsg.FINISHED_EARLY_FOR_RERUN:
            return
        for path, each in list(self.shown.items()):
            mine = not self._fragments or each.fragment in self._fragments
            if mine and each.run < self._run:
                del self.shown[path]  # the run that has ended did not draw it again
        # The browser keeps a message for some runs after it was last used.
        self._cached = {
            key: (kept, used)
            for key, (kept, used) in self._cached.items()
            if used > self._run - self._longest
        }

    @property
    def cached(self) -> list[str]:
        """The hashes of the messages that this client holds, so that the server need not send them again."""
        return list(self._cached)

    def elements(self, kind: str) -> Iterator[Any]:
        """What is shown of a kind (``metric``, ``number_input``), from top to bottom."""
        for path in sorted(self.shown):
            if self.shown[path].element.WhichOneof("type") == kind:
                yield getattr(self.shown[path].element, kind)

    def sent(self, component: str) -> Any:
        """What one of the app's own components was given; an empty mapping where it is not shown."""
        given = (each.json for each in self.elements("bidi_component") if each.component_name == component)
        return json.loads(next(given, "{}"))

    def texts(self) -> list[str]:
        """Every text and title shown, from top to bottom."""
        kinds, shown = ("markdown", "heading"), (self.shown[path].element for path in sorted(self.shown))
        return [getattr(each, kind).body for each in shown if (kind := each.WhichOneof("type")) in kinds]

    def widget(self, name: str) -> Any:
        """The widget with this key, or with this label.

        Raises:
            ExplorerError: no widget that is shown has it.
        """
        held = [widget for _, widget in self._widgets()]
        for widget in held:
            # Streamlit's id of a widget is a mark, a hash and its key, or "None" where it has no key.
            if widget.id.split("-", 2)[-1] == name:
                return widget
        for widget in held:
            if getattr(widget, "label", "") == name:
                return widget
        labels = ", ".join(sorted({getattr(widget, "label", "") for widget in held} - {""}))
        raise ExplorerError(f"There is no {name!r} on the page, only {labels or 'no widget at all'}.")

    def _widgets(self) -> Iterator[tuple[_Shown, Any]]:
        for path in sorted(self.shown):
            shown = self.shown[path]
            kind = shown.element.WhichOneof("type")
            widget = getattr(shown.element, kind) if kind else None
            if getattr(widget, "id", ""):
                yield shown, widget

    def fragment_of(self, widget_id: str) -> str:
        """The fragment in which a widget stands; empty where it stands in none."""
        return next((shown.fragment for shown, each in self._widgets() if each.id == widget_id), "")

    def states(self, by_hand: Mapping[str, WidgetState]) -> list[WidgetState]:
        """The states that a rerun carries: what a hand has set, and the numbers and switches at what they show."""
        states = []
        for shown, widget in self._widgets():
            kind = shown.element.WhichOneof("type") or ""
            if widget.id in by_hand:
                states.append(by_hand[widget.id])
            elif kind in _RESTING:
                states.append(_RESTING[kind](widget))
        return states


def _number(widget: Any, value: float | None = None) -> WidgetState:
    if value is None:
        value = widget.value if widget.set_value else widget.default
    if widget.data_type == NumberInput.INT:
        return WidgetState(id=widget.id, int_value=round(value))
    return WidgetState(id=widget.id, double_value=value)


def _slider(widget: Any, values: list[float] | None = None) -> WidgetState:
    state = WidgetState(id=widget.id)
    state.double_array_value.data.extend(values or (widget.value if widget.set_value else widget.default))
    return state


def _switch(widget: Any, value: bool | None = None) -> WidgetState:
    if value is None:
        value = widget.value if widget.set_value else widget.default
    return WidgetState(id=widget.id, bool_value=value)


_RESTING: Mapping[str, Callable[[Any], WidgetState]] = {
    "number_input": _number,
    "slider": _slider,
    "checkbox": _switch,
}


def state_of(element: Element, value: Any) -> WidgetState:
    """The state of a widget that a hand has set.

    Args:
        element: with the widget.
        value: a number of a number box or slider, a bool of a switch, a text of a choice or text box, the list of
            texts of a choice of several; True for a button.

    Raises:
        ExplorerError: such a widget cannot be set here.
    """
    kind = element.WhichOneof("type") or ""
    widget = getattr(element, kind)
    if kind == "number_input":
        return _number(widget, value)
    if kind == "slider":
        return _slider(widget, [value])
    if kind == "checkbox":
        return _switch(widget, value)
    if kind in ("button", "download_button"):
        return WidgetState(id=widget.id, trigger_value=True)
    if kind in ("selectbox", "text_input", "text_area", "radio"):
        return WidgetState(id=widget.id, string_value=value)
    if kind in ("button_group", "multiselect"):
        state = WidgetState(id=widget.id)
        state.string_array_value.data.extend([value] if isinstance(value, str) else value)
        return state
    raise ExplorerError(f"This client cannot set a {kind or 'thing without a kind'}.")


# --- The visitor ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """What came back for one thing asked.

    Attributes:
        seconds: until everything was drawn.
        first: until what was waited for was there; as ``seconds`` where nothing was named.
    """

    seconds: float
    first: float


class Cut(Exception):  # noqa: N818 (it is what happened to the visitor, who counts it)
    """The connection was cut, or no answer came in time."""


class Visitor:
    """One session. Made by `visit`; use one coroutine at a time.

    Attributes:
        screen: what is shown.
        cookies: what servers and proxies have set.
        pings: seconds that each ping of `keep_pinging` waited, for each ping.
    """

    def __init__(self, address: str, cookies: Mapping[str, str] | None = None) -> None:
        self.address = address.rstrip("/")
        self.screen, self.cookies = Screen(), dict(cookies or {})
        self.pings: list[float] = []
        self._hand: dict[str, WidgetState] = {}
        self._query, self._page = "", ""
        self._news = asyncio.Condition()
        self._finished: list[tuple[int, frozenset[str]]] = []  # the runs that have ended
        self._cut: Exception | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: dict[str, asyncio.Task[None]] = {}
        self._socket: Any = None
        self._files: dict[str, Any] = {}

    # --- Coming and going

    async def connect(self, keepalive: float | None = KEEPALIVE, again: str = "") -> None:
        """Ask what a browser asks before it opens the stream, and open it.

        Args:
            keepalive: seconds between pings, and that an answer may take; None for none.
            again: the session that this visitor had before its connection was lost.

        Raises:
            Cut: the server is not there.
        """
        try:
            for path in ("/_stcore/health", "/_stcore/host-config"):
                await self.fetch(path)
            protocols = [
                "streamlit",
                self.cookies.get(XSRF, "PLACEHOLDER_AUTH_TOKEN"),
                *([again] if again else []),
            ]
            headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
            self._socket = await websockets.connect(
                f"ws{self.address.removeprefix('http')}/_stcore/stream",
                subprotocols=[websockets.Subprotocol(each) for each in protocols],
                additional_headers=headers,
                origin=websockets.Origin(self.address),
                open_timeout=PATIENCE,
                ping_interval=keepalive,
                ping_timeout=keepalive,
                max_size=None,
                max_queue=None,  # else pings would wait behind what is not read yet
                close_timeout=5,
                proxy=None,
            )
        except (OSError, websockets.WebSocketException) as error:
            raise Cut(str(error)) from error
        self._cut = None
        self._start(self._read())

    async def leave(self) -> None:
        """Close the tab."""
        for task in [*self._tasks, *self._timers.values()]:
            task.cancel()
        if self._socket is not None:
            with suppress(OSError, websockets.WebSocketException):
                await self._socket.close()

    def _start(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def fetch(
        self,
        path: str,
        *,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, bytes]:
        """Status and body of an HTTP request with this visitor's cookies; cookies that come back are kept."""

        def asked() -> tuple[int, bytes, list[str]]:
            cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            request = Request(  # noqa: S310 (an address of our own)
                self.address + path, body, {"Cookie": cookie, **(headers or {})}, method=method
            )
            try:
                with urlopen(request, timeout=PATIENCE) as reply:  # noqa: S310
                    return reply.status, reply.read(), reply.headers.get_all("Set-Cookie") or []
            except HTTPError as error:
                return error.code, error.read(), error.headers.get_all("Set-Cookie") or []

        status, text, cookies = await asyncio.to_thread(asked)
        for each in cookies:
            self.cookies |= {name: morsel.value for name, morsel in SimpleCookie(each).items()}
        return status, text

    # --- Reading

    async def _read(self) -> None:
        try:
            async for data in self._socket:
                message = ForwardMsg()
                message.ParseFromString(data)
                async with self._news:
                    self._take(message)
                    self._news.notify_all()
            raise Cut("The server closed the connection.")
        except (OSError, websockets.WebSocketException, Cut) as error:
            async with self._news:
                self._cut = error
                self._news.notify_all()

    def _take(self, message: ForwardMsg) -> None:
        kind = message.WhichOneof("type")
        self.screen.take(message)
        if kind == "delta":
            element = message.delta.new_element
            widget = getattr(element, element.WhichOneof("type") or "", None)
            if getattr(widget, "set_value", False):
                self._hand.pop(getattr(widget, "id", ""), None)  # the server has moved the control itself
        elif kind == "script_finished" and message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
            self._finished.append((self.screen._run, self.screen._fragments))
        elif kind == "auto_rerun":
            self._run_every(message.auto_rerun.fragment_id, message.auto_rerun.interval)
        elif kind == "stop_auto_rerun":
            self._stop_timers(message.stop_auto_rerun.fragment_ids)
        elif kind == "file_urls_response":
            self._files[message.file_urls_response.response_id] = message.file_urls_response
        elif kind == "backend_operation_response":
            done = message.backend_operation_response
            self._files[done.request_id] = done
        elif kind == "new_session" and not message.metadata.run.fragment_ids:
            self._stop_timers(list(self._timers))  # a run of the whole script tells its timers anew

    def _stop_timers(self, fragments: Iterable[str]) -> None:
        for fragment in fragments:
            if fragment in self._timers:
                self._timers.pop(fragment).cancel()

    def _run_every(self, fragment: str, seconds: float) -> None:
        async def tick() -> None:
            while self._cut is None:
                await asyncio.sleep(seconds)
                await self._send(fragment=fragment, by_itself=True)

        if fragment not in self._timers:
            self._timers[fragment] = asyncio.create_task(tick())

    # --- Asking

    async def come_back(self) -> float:
        """Go on after the connection was cut, as a browser does; gives the seconds until the page was drawn again.

        It asks for health until somebody answers, opens the stream with the name of its last session, and asks for a
        run with all that its page is set to.

        Raises:
            Cut: nobody answers.
        """
        started = time.perf_counter()
        await self.leave()
        while True:
            try:
                await self.connect(again=self.screen.session_id)
                break
            except Cut:
                if time.perf_counter() - started > PATIENCE:
                    raise
                await asyncio.sleep(0.25)
        self._query = self.screen.address
        self._finished.clear()
        after = self.screen._run
        await self._send()
        await self._answered(started, after, "", None)
        return time.perf_counter() - started

    async def _send(self, *, fragment: str = "", by_itself: bool = False, page: str | None = None) -> None:
        state = ClientState(query_string=self._query, fragment_id=fragment, is_auto_rerun=by_itself)
        if page is None:
            state.page_script_hash = self.screen.page_hash
            state.widget_states.widgets.extend(self.screen.states(self._hand))
        else:
            state.page_script_hash = self.screen.pages.get(page, "")
            state.page_name = "" if state.page_script_hash else page
        state.cached_message_hashes.extend(self.screen.cached)
        state.context_info.url = f"{self.address}/{self._page}"
        state.context_info.timezone, state.context_info.locale = "UTC", "en-US"
        await self._post(BackMsg(rerun_script=state))

    async def _post(self, message: BackMsg) -> None:
        try:
            await self._socket.send(message.SerializeToString())
        except (OSError, websockets.WebSocketException) as error:
            raise Cut(str(error)) from error

    async def open(self, page: str = "", query: str = "", until: Predicate | None = None) -> Answer:
        """Open a page, by the last part of its path ("" is the first one), and wait until it is drawn.

        Raises:
            Cut: no answer.
        """
        self._page, self._query = page, query
        started, after = time.perf_counter(), self.screen._run
        await self._send(page=page)
        return await self._answered(started, after, "", until)

    async def set(self, name: str, value: Any, until: Predicate | None = None) -> Answer:
        """Set the widget with this key or label, and wait until the answer is drawn.

        Raises:
            ExplorerError: there is no such widget.
            Cut: no answer.
        """
        started, after = time.perf_counter(), self.screen._run
        fragment = await self.touch(name, value)
        return await self._answered(started, after, fragment, until)

    async def touch(self, name: str, value: Any = True) -> str:
        """Set a widget and wait for nothing (a button that starts long work); gives the fragment that runs."""
        widget = self.screen.widget(name)
        element = next(shown.element for shown, each in self.screen._widgets() if each.id == widget.id)
        self._hand[widget.id] = state_of(element, value)
        fragment = self.screen.fragment_of(widget.id)
        await self._send(fragment=fragment)
        if self._hand[widget.id].WhichOneof("value") == "trigger_value":
            del self._hand[widget.id]
        return fragment

    async def _answered(self, started: float, after: int, fragment: str, until: Predicate | None) -> Answer:
        first: float | None = None
        deadline = started + PATIENCE

        def ended() -> bool:
            return any(
                run > after and (not fragments or fragment in fragments) for run, fragments in self._finished
            )

        async with self._news:
            while True:
                now = time.perf_counter()
                if first is None and until is not None and self.screen._run > after and until(self.screen):
                    first = now - started
                if ended():
                    self._finished.clear()
                    return Answer(now - started, now - started if first is None else first)
                if self._cut is not None:
                    raise Cut(str(self._cut)) from self._cut
                try:
                    await asyncio.wait_for(self._news.wait(), max(0.001, deadline - now))
                except TimeoutError as error:
                    raise Cut(f"There was no answer in {PATIENCE:g} s.") from error

    async def wait(self, until: Predicate, seconds: float = PATIENCE) -> float:
        """Seconds until the screen shows what is waited for.

        Raises:
            Cut: it did not in time.
        """
        started = time.perf_counter()
        async with self._news:
            while not until(self.screen):
                left = started + seconds - time.perf_counter()
                if self._cut is not None or left <= 0:
                    raise Cut(str(self._cut or f"It did not show in {seconds:g} s."))
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), left)
        return time.perf_counter() - started

    async def keep_pinging(self, seconds: float = 0.25) -> None:
        """Ping the server for ever, one ping after the other, and write down how long each waited."""
        while True:
            started = time.perf_counter()
            try:
                await (await self._socket.ping())
            finally:  # a ping that is still unanswered when the measurement ends has waited so long, too
                self.pings.append(time.perf_counter() - started)
            await asyncio.sleep(seconds)

    async def download(self, name: str) -> tuple[str, bytes]:
        """What the download button with this key or label gives, as a browser asks for it: where it lies, and it.

        Raises:
            ExplorerError: there is no such button, or the server has no such file.
            Cut: no answer.
        """
        button = self.screen.widget(name)
        url = button.url
        if button.deferred_file_id:  # made now
            ask, asked = BackMsg(), uuid4().hex
            ask.backend_operation_request.request_id = asked
            ask.backend_operation_request.session_id = self.screen.session_id
            ask.backend_operation_request.deferred_file.file_id = button.deferred_file_id
            await self._post(ask)
            await self.wait(lambda _: asked in self._files)
            done = self._files.pop(asked)
            if done.error_msg:
                raise ExplorerError(f"The server made no file for {name!r}: {done.error_msg}")
            url = done.deferred_file.url
        status, content = await self.fetch(url)
        if status != 200:
            raise ExplorerError(f"The server has no file for {name!r} ({status}).")
        return url, content

    async def upload(self, name: str, file: str, content: bytes, until: Predicate | None = None) -> Answer:
        """Give a file to the uploader with this key or label, as a browser does, and wait for the answer.

        Raises:
            ExplorerError: there is no such uploader, or the server refuses the file.
            Cut: no answer.
        """
        widget, asked = self.screen.widget(name), uuid4().hex
        started, after = time.perf_counter(), self.screen._run
        ask = BackMsg()
        ask.file_urls_request.request_id = asked
        ask.file_urls_request.session_id = self.screen.session_id
        ask.file_urls_request.file_names.append(file)
        await self._post(ask)
        await self.wait(lambda _: asked in self._files)
        urls = self._files.pop(asked).file_urls[0]
        mark = uuid4().hex
        form = (
            (
                f'--{mark}\r\nContent-Disposition: form-data; name="{file}"; filename="{file}"\r\n'
                "Content-Type: application/octet-stream\r\n\r\n"
            ).encode()
            + content
            + f"\r\n--{mark}--\r\n".encode()
        )
        status, text = await self.fetch(
            urlsplit(urls.upload_url).path,
            method="PUT",
            body=form,
            headers={
                "Content-Type": f"multipart/form-data; boundary={mark}",
                "X-Xsrftoken": self.cookies.get(XSRF, ""),
            },
        )
        if status >= 300:
            raise ExplorerError(f"The server refused the file ({status}): {text.decode(errors='replace')}")
        before = self._hand.get(widget.id)
        state = before if before is not None and widget.multiple_files else WidgetState(id=widget.id)
        info = state.file_uploader_state_value.uploaded_file_info.add()
        info.file_id, info.name, info.size = urls.file_id, file, len(content)
        info.file_urls.CopyFrom(urls)
        self._hand[widget.id] = state
        fragment = self.screen.fragment_of(widget.id)
        await self._send(fragment=fragment)
        return await self._answered(started, after, fragment, until)


@asynccontextmanager
async def visit(
    address: str, *, cookies: Mapping[str, str] | None = None, keepalive: float | None = KEEPALIVE
) -> AsyncIterator[Visitor]:
    """A visitor who is connected, and leaves at the end.

    Args:
        address: of the server or the proxy, such as ``http://127.0.0.1:8501``.
        cookies: that it brings along.
        keepalive: seconds between pings, and that an answer may take; None for none.
    """
    visitor = Visitor(address, cookies)
    try:
        await visitor.connect(keepalive)
        yield visitor
    finally:
        await visitor.leave()
