"""What every message channel must keep, whatever its provider's wire format.

An adapter's test module subclasses `MessagingConformance` and gives it a `peer`: the adapter,
connected to a stand-in for its provider that can be told how to answer.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from adapters.messaging.capabilities import Capabilities
from gateway.core.case import Button
from gateway.core.events import Failure, Receipt
from gateway.core.model import Answer
from gateway.errors import Forbidden, Unauthenticated
from gateway.ports.messaging import (
    Inbound,
    InboundLink,
    InboundMessage,
    InboundReceipt,
    Messaging,
    SendError,
)
from gateway.ports.messaging import OutgoingMessage as Outgoing
from gateway.ports.webhook import RawRequest, Webhook


def _without_headers(request: RawRequest) -> RawRequest:
    return replace(request, headers={})


@dataclass
class Peer:
    """An adapter and its provider's stand-in.

    `message` is one that the adapter can send. `accept`, `impossible`, `temporary`, `reject` and
    `lose` say how the provider answers from now on (`lose`: the request arrives, no answer
    comes), `asked` how many requests it got. `inbound` are properly signed webhooks, and
    `secrets` what must never be told. `signs_body` False: the provider proves itself by a secret
    alone, which does not depend on the body. `unproven` takes the proof out of a webhook: the
    headers, unless the provider has it in the address or in the body. `heard` is what came in over
    a connection of the adapter's own, or was fetched, and so is proved by where it came from.
    `opted_out` lets the provider refuse because of its own list of those who opted out.
    """

    messaging: Messaging
    capabilities: Capabilities
    message: Outgoing
    accept: Callable[[], None]
    impossible: Callable[[], None]
    temporary: Callable[[], None]
    reject: Callable[[], None]
    lose: Callable[[], None]
    asked: Callable[[], int]
    secrets: tuple[str, ...]
    webhook: Webhook | None = None
    inbound: tuple[RawRequest, ...] = ()
    signs_body: bool = True
    unproven: Callable[[RawRequest], RawRequest] = _without_headers
    heard: tuple[Inbound, ...] = ()
    opted_out: Callable[[], None] | None = None

    def told(self) -> list[Inbound]:
        """Return everything that came in, in either way."""
        parsed = [item for r in self.inbound if self.webhook for item in self.webhook.parse(r)]
        return [*parsed, *self.heard]


async def error_of(peer: Peer, message: Outgoing | None = None) -> SendError:
    with pytest.raises(SendError) as caught:
        await peer.messaging.send(message or peer.message)
    return caught.value


class MessagingConformance:
    """Runs against the fixture `peer` of a subclass."""

    def test_the_capabilities_agree_with_themselves(self, peer: Peer) -> None:
        can = peer.capabilities
        assert can.channel is peer.messaging.channel is peer.message.channel
        assert can.text_max > 0
        assert (can.buttons_max > 0) == (can.button_title_max > 0) == (can.button_payload_max > 0)
        hears = peer.webhook is not None or bool(peer.heard)
        assert (can.receives or bool(can.receipts)) == hears
        assert not can.quotes or can.receives

    async def test_it_serves_its_branch_and_no_other_clinic(self, peer: Peer) -> None:
        assert peer.messaging.serves(peer.message.clinic, peer.message.branch)
        assert not peer.messaging.serves("another-clinic", peer.message.branch)
        error = await error_of(peer, replace(peer.message, clinic="another-clinic"))
        assert error.failure is Failure.REJECTED
        assert peer.asked() == 0

    @pytest.mark.rule("H-7")
    def test_it_names_the_sender_whose_limits_all_nodes_share(self, peer: Peer) -> None:
        limits = peer.messaging.limits(peer.message.clinic, peer.message.branch)
        assert limits is not None
        assert limits == peer.messaging.limits(peer.message.clinic, peer.message.branch)
        assert limits.name.partition(":")[2]
        assert limits.per_second is None or limits.per_second > 0
        assert not any(secret in limits.name for secret in peer.secrets)
        assert peer.messaging.limits("another-clinic", peer.message.branch) is None

    async def test_an_accepted_message_is_sent_once(self, peer: Peer) -> None:
        peer.accept()
        found = await peer.messaging.send(peer.message)
        assert found is None or found
        assert peer.asked() == 1

    @pytest.mark.rule("H-1")
    async def test_an_unreachable_number_is_impossible(self, peer: Peer) -> None:
        peer.impossible()
        assert (await error_of(peer)).failure is Failure.IMPOSSIBLE

    @pytest.mark.rule("H-1")
    async def test_nobody_is_reached_by_an_account_that_is_not_known(self, peer: Peer) -> None:
        if not peer.capabilities.by_account:
            pytest.skip("the channel goes by numbers")
        error = await error_of(peer, replace(peer.message, account=None))
        assert error.failure is Failure.IMPOSSIBLE
        assert peer.asked() == 0

    @pytest.mark.rule("H-2")
    async def test_what_may_pass_is_temporary(self, peer: Peer) -> None:
        peer.temporary()
        error = await error_of(peer)
        assert error.failure is Failure.TEMPORARY
        assert error.retry_after_s is None or error.retry_after_s >= 0

    async def test_a_rejected_message_is_rejected(self, peer: Peer) -> None:
        peer.reject()
        assert (await error_of(peer)).failure is Failure.REJECTED

    @pytest.mark.rule("C-15")
    async def test_who_opted_out_at_the_provider_is_told_apart(self, peer: Peer) -> None:
        if peer.opted_out is None:
            pytest.skip("the provider keeps no list of its own")
        peer.opted_out()
        error = await error_of(peer)
        assert (error.failure, error.alert) == (Failure.OPTED_OUT, False)

    @pytest.mark.rule("G-6")
    async def test_a_lost_answer_leaves_the_outcome_unknown(self, peer: Peer) -> None:
        """The request is not repeated either: it may have got through."""
        peer.lose()
        assert (await error_of(peer)).failure is None
        assert peer.asked() == 1

    async def test_what_exceeds_a_limit_is_refused_before_it_is_sent(self, peer: Peer) -> None:
        can = peer.capabilities
        peer.accept()
        content = peer.message.content
        long = replace(content, text="x" * (can.text_max + 1), parameters=("x" * 5000,))
        titles = [Button(Answer.CONFIRM, "x" * (can.button_title_max + 1), "p")]
        cases = [replace(peer.message, content=long, session_open=True)]
        if can.buttons_max:
            wide = replace(content, buttons=tuple(titles))
            cases.append(replace(peer.message, content=wide, session_open=True))
        for message in cases:
            assert (await error_of(peer, message)).failure is Failure.REJECTED
        assert peer.asked() == 0

    async def test_nothing_tells_a_secret_or_a_number(
        self, peer: Peer, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        told = [repr(peer.messaging)]
        peer.accept()
        await peer.messaging.send(peer.message)
        for fail in (peer.impossible, peer.temporary, peer.reject, peer.lose):
            fail()
            error = await error_of(peer)
            told += [error.code, *traceback.format_exception(error)]
        for request in peer.inbound:
            assert peer.webhook is not None
            peer.webhook.parse(request)
            told.append(repr(request))
        ours = [r for r in caplog.records if r.name.startswith("callahead")]
        told += [f"{record.getMessage()} {vars(record)}" for record in ours]
        private = [peer.message.to.lstrip("+"), peer.message.content.text]
        private += [peer.message.account] if peer.message.account else []
        for secret in (*peer.secrets, *private):
            assert secret not in "\n".join(told)

    def test_only_the_providers_own_signature_is_taken(self, peer: Peer) -> None:
        if peer.webhook is None:
            pytest.skip("the channel has no webhook")
        for request in peer.inbound:
            peer.webhook.verify(request)
            if peer.signs_body:
                with pytest.raises((Forbidden, Unauthenticated)):
                    peer.webhook.verify(replace(request, body=request.body + b" "))
            with pytest.raises(Unauthenticated):
                peer.webhook.verify(peer.unproven(request))

    def test_what_comes_in_belongs_to_the_channel(self, peer: Peer) -> None:
        if peer.webhook is None and not peer.heard:
            pytest.skip("nothing comes in on the channel")
        found = peer.told()
        assert {item.channel for item in found} == {peer.capabilities.channel}
        can, kinds = peer.capabilities, {type(item) for item in found}
        assert (InboundMessage in kinds) == can.receives
        assert (InboundReceipt in kinds) == bool(can.receipts)
        assert can.by_account or InboundLink not in kinds
        for item in found:
            assert item.at.tzinfo is not None
            assert item.number is None or item.number.startswith("+")

    @pytest.mark.rule("H-4")
    def test_receipts_are_told_in_the_words_of_the_port(self, peer: Peer) -> None:
        if peer.webhook is None and not peer.heard:
            pytest.skip("nothing comes in on the channel")
        found = peer.told()
        receipts = {item.receipt for item in found if isinstance(item, InboundReceipt)}
        assert receipts == peer.capabilities.receipts <= set(Receipt)

    @pytest.mark.parametrize("body", [b"", b"\xff", b"null", b"[1]", b'{"a": {"b": 1}}', b"a=1&b"])
    def test_a_body_that_cannot_be_read_says_nothing(self, peer: Peer, body: bytes) -> None:
        if peer.webhook is None:
            pytest.skip("the channel has no webhook")
        request = RawRequest("POST", "https://gateway.example/hooks", {}, {}, body)
        assert list(peer.webhook.parse(request)) == []
