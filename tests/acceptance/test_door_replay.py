"""What a request that is sent again does at a door that asks for a signature: it takes effect once."""

from __future__ import annotations

from tests.support.guarding import (
    GITHUB,
    HOOKS,
    NOW,
    TIMED,
    Time,
    github,
    guarded,
    guards,
    hooks,
    ids,
    timed,
)
from tests.support.ingress import connector, open_door


async def test_a_signed_request_takes_effect_once_whatever_is_changed_around_it() -> None:
    """The chain makes one effect of one id, so what counts is that every replay has the ids of the first."""
    body = b'[{"a":1},{"a":2}]'
    for auth, signed, same_body in ((TIMED, timed, True), (HOOKS, hooks, False)):
        async with open_door(guards=guards(), t=guarded(auth)) as door:
            first = (await door.post(body, **signed(body)))[1]["ids"]
            assert len(set(first)) == 2
            for more in ({}, {"idempotency_key": "fresh"}, {"svix_id": "fresh"}, {"idempotency_key": " " * 300}):
                status, answer, _ = await door.post(body, **signed(body), **more)
                assert (status, answer["ids"]) == (202, first)
            assert set(await ids(door)) == set(first)
            other = (await door.post(body, **(timed(body, NOW - 1) if same_body else hooks(body, "msg_2"))))[1]["ids"]
            assert not set(other) & set(first)


async def test_the_id_of_a_message_outlives_a_new_signature_and_a_new_secret() -> None:
    clock = Time()
    async with open_door(guards=guards(clock=clock), t=guarded(HOOKS)) as door:
        first = (await door.post(b"{}", **hooks(b"{}")))[1]["ids"]
        clock.now += 3600
        assert (await door.post(b"{}", **hooks(b"{}")))[0] == 401  # the replay of a thief: too old
        assert (await door.post(b"{}", **hooks(b"{}", at=NOW + 3600)))[1]["ids"] == first  # its sender's own repetition


async def test_the_event_s_own_id_comes_first_where_the_body_is_signed() -> None:
    own = guarded(GITHUB, door={"id": ["id"]})
    async with open_door(guards=guards(), t=own, plain=connector(id=7, door={"id": ["id"]})) as door:
        body = b'[{"id":"a"},{"b":1}]'
        signed = {**github(body), "x_github_delivery": "d-1"}
        first, second = (await door.post(body, **signed))[1]["ids"]
        assert (await door.post(body, **{**signed, "x_github_delivery": "d-2"}))[1]["ids"][0] == first
        assert (await door.post(body, **signed))[1]["ids"] == [first, second]
        # the same ids as where nobody signs, so that a scheme can be switched on over a queue of repetitions
        assert (await door.post(b'{"id":"a"}', "plain"))[1]["ids"] == [first]
        assert (await door.post(body, "plain", idempotency_key="d-1"))[1]["ids"][1] == second


async def test_in_mode_log_a_wrong_signature_vouches_for_nothing() -> None:
    async with open_door(guards=guards(), t=guarded({**HOOKS, "mode": "log"})) as door:
        first = (await door.post(b"{}", **hooks(b"{}")))[1]["ids"]
        wrong = {**hooks(b"{}"), "webhook_signature": "v1,AAAA"}
        assert (await door.post(b"{}", **wrong, idempotency_key="other"))[1]["ids"] != first
