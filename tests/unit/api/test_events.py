"""Event streams: the log of a search without a gap, over reconnects, with many followers, up to the cap."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from types import SimpleNamespace

import pytest
from ray.exceptions import RayTaskError

from service.api.app import Api
from service.api.tail import Tail
from service.errors import LedgerUnavailable, TooManyStreams
from service.states import SearchState
from tests.contracts.story import begun
from tests.unit.api.conftest import TOKEN
from tests.unit.api.test_bad_input import assert_problem


def ids(answer):
    return [int(line[4:]) for line in answer.text.splitlines() if line.startswith("id: ")]


def test_events_come_in_order_without_a_gap_and_end_with_the_search(service, ended):
    answer = service.http.get(f"/v1/searches/{ended}/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert ids(answer) == list(range(1, service.searches.ledger.search(ended).last_seq + 1))


def test_a_frame_carries_its_sequence_its_kind_and_its_data(service, ended):
    frames = service.http.get(f"/v1/searches/{ended}/events").text.split("\n\n")
    assert frames[0].startswith("retry: ")
    fields = dict(line.split(": ", 1) for line in frames[1].splitlines())
    event = service.searches.ledger.events(ended)[0]
    assert (fields["id"], fields["event"]) == ("1", event.kind)
    assert json.loads(fields["data"])["data"] == event.data


def test_a_client_that_comes_back_gets_what_it_missed_and_nothing_twice(service, ended):
    last = service.searches.ledger.search(ended).last_seq
    url = f"/v1/searches/{ended}/events"
    assert ids(service.http.get(url, params={"after": last - 2})) == [last - 1, last]
    again = service.http.get(url, params={"after": 1}, headers={"Last-Event-ID": str(last - 3)})
    assert ids(again) == [last - 2, last - 1, last]  # the header wins


def test_what_is_no_sequence_number_is_a_422(service, ended):
    url = f"/v1/searches/{ended}/events"
    for seq in ("x", "-1", "1.5", "9" * 30, "9" * 5000, b"\xb2", ""):
        assert_problem(service.http.get(url, headers={"Last-Event-ID": seq}), 422)
        assert_problem(service.http.get(url, params={"after": seq}), 422)


def test_the_events_of_no_search_are_a_404(service):
    assert_problem(service.http.get("/v1/searches/nosuch/events"), 404)


def test_one_stream_too_many_is_a_503_that_says_when_to_come_back(service, ended):
    service.tail._max_streams = 0
    answer = service.http.get(f"/v1/searches/{ended}/events")
    assert assert_problem(answer, 503)["type"] == "urn:rung:problem:TooManyStreams"
    assert int(answer.headers["retry-after"]) > 0


def test_a_client_that_goes_away_frees_its_place(service):
    search = service.searches.submit()

    async def follow_and_leave():
        left = asyncio.Event()

        async def receive():
            if not asked:
                asked.append(True)
                return {"type": "http.request", "body": b"", "more_body": False}
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message):
            if b"id: " in message.get("body", b""):
                assert service.tail.streams == 1
                left.set()

        asked = []
        headers = {"host": "127.0.0.1:8000", "authorization": f"Bearer {TOKEN}"}
        scope = {
            "type": "http",
            "method": "GET",
            "path": f"/v1/searches/{search}/events",
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
        await asyncio.wait_for(service.door(scope, receive, send), 5)
        assert service.tail.streams == 0
        await asyncio.sleep(0.05)  # the poller sees that nobody is left
        assert service.tail._watches == {}

    asyncio.run(follow_and_leave())


class Log:
    """A ledger's log with a count of the looks at it."""

    def __init__(self, ledger):
        self.ledger = ledger
        self.looks = 0
        self.silent = False

    def tail(self, **options):
        return Tail(
            read=self.read,
            newest=self.newest,
            poll_s=0.01,
            **{"max_streams": 100, "max_streams_per_key": 100, "idle_s": 5.0, **options},
        )

    def read(self, search, after, limit):
        return self.ledger.events(search, after=after, limit=limit)

    def newest(self, search):
        self.looks += 1
        if self.silent:
            raise LedgerUnavailable("silent")
        return self.ledger.search(search).last_seq


@pytest.fixture
def log(searches):
    return Log(searches.ledger)


@pytest.fixture
def story(searches):
    return begun(searches.ledger)


async def seqs(tail, search, after=0):
    async with aclosing(tail.follow(search, after)) as events:
        return [event.seq async for event in events if event is not None]


def test_what_is_written_while_one_follows_comes_without_a_gap_to_each_of_many(log, story):
    async def follow():
        tail = log.tail()
        followers = [asyncio.create_task(seqs(tail, story.search, after)) for after in (0, 0, 1, 2) * 5]
        for _ in range(4):
            await asyncio.sleep(0.02)
            await asyncio.to_thread(story.running)
        await asyncio.to_thread(story.move, SearchState.COMPLETED)
        return await asyncio.wait_for(asyncio.gather(*followers), 10)

    got = asyncio.run(follow())
    last = story.ledger.search(story.search).last_seq
    assert got == [list(range(after + 1, last + 1)) for after in (0, 0, 1, 2) * 5]


def test_however_many_follow_a_search_one_looks_for_news(log, story):
    async def looks_with(followers):
        tail, log.looks = log.tail(), 0
        tasks = [asyncio.create_task(seqs(tail, story.search)) for _ in range(followers)]
        await asyncio.sleep(0.3)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        looks = log.looks
        await asyncio.sleep(0.05)
        return looks

    assert asyncio.run(looks_with(50)) <= 31  # one every 0.01 s at most; fifty pollers would make hundreds


def test_the_cap_counts_the_streams_of_all_searches_and_a_place_that_is_freed_is_given_again(log, searches):
    stories = [begun(searches.ledger) for _ in range(2)]

    async def fill():
        tail = log.tail(max_streams=2)
        first, second = (tail.follow(story.search, 0) for story in stories)
        assert await anext(first) is None
        assert await anext(second) is None
        with pytest.raises(TooManyStreams) as refused:
            await anext(tail.follow(stories[0].search, 0))
        assert refused.value.retry_after_s
        await first.aclose()
        third = tail.follow(stories[0].search, 0)
        assert await anext(third) is None
        await third.aclose()
        await second.aclose()
        await asyncio.sleep(0.05)

    asyncio.run(fill())


def test_silence_is_broken_by_signs_of_life(log, story):
    async def listen():
        tail = log.tail(idle_s=0.02)
        newest = story.ledger.search(story.search).last_seq
        async with aclosing(tail.follow(story.search, newest)) as events:
            assert [await anext(events) for _ in range(3)] == [None, None, None]
        await asyncio.sleep(0.05)

    asyncio.run(listen())


def test_a_ledger_that_falls_silent_for_a_while_ends_no_stream(log, story):
    async def follow():
        log.silent = True
        follower = asyncio.create_task(seqs(log.tail(), story.search))
        await asyncio.sleep(0.05)
        await asyncio.to_thread(story.move, SearchState.COMPLETED)
        log.silent = False
        return await asyncio.wait_for(follower, 5)

    got = asyncio.run(follow())
    assert got == list(range(1, story.ledger.search(story.search).last_seq + 1))


class Stream:
    """What a Serve handle answers a streaming call with: some items, then perhaps an error of the other process."""

    def __init__(self, items, error=None):
        self.items, self.error, self.is_cancelled = items, error, False

    async def __aiter__(self):
        for item in self.items:
            yield item
        if self.error is not None:
            raise self.error

    def cancel(self):
        self.is_cancelled = True


def followed_over(stream):
    """What `Api` makes of a stream at the other end of its handle; an `Api` itself lives in Serve only."""
    handle = SimpleNamespace(follow=SimpleNamespace(remote=lambda _search, _after, _principal: stream))
    return Api.func_or_class._follow(SimpleNamespace(_events=handle), "s", 0, "operator")


def raised_elsewhere(error):
    """The two forms in which Ray hands an error of another process over; both carry that process's traceback."""
    told = RayTaskError("follow", "Traceback of the other process", error)
    return [told, told.as_instanceof_cause()]


@pytest.mark.parametrize("error", raised_elsewhere(TooManyStreams("streams: got one more", retry_after_s=5)))
def test_the_cap_of_the_events_deployment_reaches_the_api_as_the_error_itself(error):
    async def follow():
        stream = Stream([], error)
        with pytest.raises(TooManyStreams) as refused:
            await anext(followed_over(stream))
        assert type(refused.value) is TooManyStreams
        assert (refused.value.retry_after_s, str(refused.value)) == (5, "streams: got one more")
        assert stream.is_cancelled

    asyncio.run(follow())


@pytest.mark.parametrize("error", raised_elsewhere(KeyError("x")))
def test_an_error_of_another_kind_stays_what_it_is(error):
    async def follow():
        with pytest.raises(RayTaskError):
            await anext(followed_over(Stream([], error)))

    asyncio.run(follow())


def test_a_client_that_goes_away_cancels_its_stream_in_the_other_deployment():
    async def follow():
        stream = Stream([None, None])
        events = followed_over(stream)
        assert await anext(events) is None
        assert not stream.is_cancelled
        await events.aclose()
        assert stream.is_cancelled

    asyncio.run(follow())
