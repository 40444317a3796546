"""Two replicas behind nginx and HAProxy, with the configurations that ship."""

import asyncio
import io
import os
import re
import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
import torch
from playwright.sync_api import Browser

from benchmarks.figure import Server
from benchmarks.serving.client import Visitor, visit
from benchmarks.serving.load import OURS
from benchmarks.serving.replicas import COOKIE, PROXIES, classroom, program, proxied, replicas
from explorer.checkpoints import MAX_MEGABYTES
from explorer.networks import StudentSpec
from explorer.networks.studentnet import StudentNet
from tests.browser.conftest import Visit
from tests.coroutine import run

UPLOADER = "upload"


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Server, Server]]:
    if not any(map(program, PROXIES)):
        pytest.skip("neither nginx nor HAProxy is installed")
    with replicas() as both:

        async def warm() -> None:
            async with visit(both[0].address) as one, visit(both[1].address) as other:
                await asyncio.gather(one.open(OURS.page), other.open(OURS.page))

        run(warm())
        yield both


@pytest.fixture(scope="module")
def addresses(servers: tuple[Server, Server]) -> Iterator[Mapping[str, str]]:
    """Of the proxies that are installed, by name."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(proxied(name, servers)) for name in PROXIES if program(name)}


@pytest.fixture(params=list(PROXIES))
def address(request: pytest.FixtureRequest, addresses: Mapping[str, str]) -> str:
    if request.param not in addresses:
        pytest.skip(f"{request.param} is not installed")
    return addresses[request.param]


def checkpoint(width: int) -> bytes:
    """A StudentNet that ships nowhere, so that no process knows it before it is uploaded."""
    file = io.BytesIO()
    torch.save(StudentNet(StudentSpec(stem=width, widths=(8, 8, 8, 8))).state_dict(), file)
    return file.getvalue()


def at(number: int) -> dict[str, str]:
    """The cookie of a visitor who was at a replica before."""
    return {COOKIE: str(number)}


def shows(visitor: Visitor, text: str) -> bool:
    return any(text in str(element) for element in visitor.screen.elements("dataframe"))


def test_a_class_is_spread_over_both_and_answered_rightly(address: str) -> None:
    seen = run(classroom(address, 2, visitors=4, thought=0.05))
    assert len(seen.times.drawn) == 8
    assert seen.times.wrong + seen.times.cut == []
    assert set(seen.at) == {"1", "2"}


def test_a_file_reaches_the_process_of_its_visitor_and_so_does_a_download(address: str) -> None:
    async def work() -> None:
        async with visit(address, cookies=at(1)) as one, visit(address, cookies=at(2)) as other:
            for visitor, number in ((one, 1), (other, 2)):
                await visitor.open("your-data")
                await visitor.upload(UPLOADER, f"mine-{number}.ckpt", checkpoint(8 + number))
                assert visitor.screen.errors == []
                assert shows(visitor, f"mine-{number}")
            await one.open("architecture", "stem=77&architecture_tab=Layers")
            where, table = await one.download("Table as CSV")
            assert str(7 * 7 * 3 * 77) in table.decode(), "the weights of a stem of 77 channels"
            assert (await other.fetch(where))[0] == 404, "the other process knows nothing of it"

    run(work())


def test_a_proxy_lets_through_what_the_app_takes_and_refuses_more(address: str) -> None:
    def status(megabytes: int) -> int:
        connection = HTTPConnection(urlsplit(address).netloc, timeout=30)
        connection.putrequest("PUT", "/_stcore/upload_file/nobody/nothing")
        connection.putheader("Content-Length", str(megabytes * 2**20 + 1000))
        connection.endheaders()
        return connection.getresponse().status

    assert status(MAX_MEGABYTES) == 403, "the app itself refuses, for want of a token"
    assert status(MAX_MEGABYTES + 1) == 413


def begins_at(address: str, path: str, was_at: int | None = None) -> str:
    """The replica that a page is opened at."""
    connection = HTTPConnection(urlsplit(address).netloc, timeout=30)
    connection.request("GET", path, headers={"Cookie": f"{COOKIE}={was_at}"} if was_at else {})
    set_to = re.search(rf"{COOKIE}=(\d)", connection.getresponse().headers.get("Set-Cookie", ""))
    return set_to[1] if set_to else str(was_at)  # no cookie is set where it is right already


def test_who_opens_the_link_of_a_board_comes_to_the_process_that_holds_it(address: str) -> None:
    boards = {f"class-{number}": set[str]() for number in range(12)}
    for board, seen in boards.items():
        for was_at in (None, 1, 2):
            seen.add(begins_at(address, f"/pruning?ratio=0.5&board={board}", was_at))
    assert all(len(seen) == 1 for seen in boards.values()), "the whole class, also who was elsewhere before"
    assert {"1", "2"} == set.union(*boards.values()), "not all classes at one"
    assert [begins_at(address, "/pruning", was_at) for was_at in (1, 2)] == ["1", "2"]


def test_the_visitors_of_a_killed_process_go_on_at_the_other_with_what_their_links_hold(
    browser: Browser, addresses: Mapping[str, str], servers: tuple[Server, Server]
) -> None:
    """The last test here: it kills the process that the cookies name."""
    visits = []
    for name, address in addresses.items():
        context = browser.new_context(viewport={"width": 1366, "height": 900})
        context.add_cookies([{"name": COOKIE, "value": "1", "url": address}])
        visits.append((name, Visit(context.new_page(), address)))
    for name, visitor in visits:
        visitor.open("architecture?block3=100")
        box = visitor.page.get_by_role("spinbutton", name="Stem channels")
        box.fill("24")
        box.press("Enter")
        visitor.page.wait_for_url(re.compile("stem=24"))
        visitor.page.get_by_role("button", name="Pin to the ledger").click()
        visitor.page.get_by_text("Pinned: ").first.wait_for()
        visitor.settle()
        assert {each["value"] for each in visitor.page.context.cookies() if each["name"] == COOKIE} == {
            "1"
        }, name

    async def with_a_file() -> None:
        async with visit(next(iter(addresses.values())), cookies=at(1)) as visitor:
            await visitor.open("your-data")
            await visitor.upload(UPLOADER, "first.ckpt", checkpoint(21))
            os.kill(servers[0].pid, signal.SIGKILL)
            await visitor.come_back()
            assert visitor.cookies[COOKIE] == "2"
            assert visitor.screen.errors == []
            assert not shows(visitor, "first")
            # With the token that the process that is gone had given, and the file that went with it still in the list.
            await visitor.upload(UPLOADER, "second.ckpt", checkpoint(22))
            assert visitor.screen.errors == []
            assert shows(visitor, "second")
            said = [each.body for each in visitor.screen.elements("alert")]
            assert "A file of the session before is not here any more: upload it again." in said

    run(with_a_file())
    for name, visitor in visits:
        page = visitor.page
        page.get_by_text("The session that you were in has ended, and with it went 1 pinned row.").wait_for()
        visitor.settle()
        assert page.url == f"{visitor.address}/architecture?stem=24&block3=100", name
        verdict = page.locator("#params")
        assert verdict.inner_text() == parameters(24)
        box = page.get_by_role("spinbutton", name="Stem channels")
        assert box.input_value() == "24"
        box.fill("32")
        box.press("Enter")
        page.wait_for_url(re.compile("stem=32"))
        visitor.settle()
        assert verdict.inner_text() == parameters(32)
        page.context.close()


def parameters(stem: int) -> str:
    network = StudentNet(StudentSpec(stem=stem, widths=(64, 128, 100, 141)))
    return f"{sum(each.numel() for each in network.parameters()):,}"
