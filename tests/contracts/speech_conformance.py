"""What every speech engine must keep, wherever it runs.

An engine's test module subclasses `SpeechConformance` and gives it `engine`, one that works, and
`sentence`, a language and something to say in it.
"""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from gateway.ports.speech import SENTENCE_CHARS_MAX, Speech, SpeechError
from gateway.service import audio


class SpeechConformance:
    """Runs against the fixtures `engine` and `sentence` of a subclass."""

    async def test_a_sentence_becomes_sound(
        self, engine: Speech, sentence: tuple[str, str]
    ) -> None:
        language, text = sentence
        assert engine.speaks(language)
        sound = await engine.synthesize(text, language)
        speech = audio.processed(sound)
        assert 0.3 < audio.seconds(speech) < 20
        assert np.abs(speech).max() > 0.05

    async def test_the_same_sentence_takes_the_same_time(
        self, engine: Speech, sentence: tuple[str, str]
    ) -> None:
        """The samples may differ: some engines breathe at random."""
        language, text = sentence
        first = await engine.synthesize(text, language)
        second = await engine.synthesize(text, language)
        assert first.rate == second.rate
        assert len(second.samples) == pytest.approx(len(first.samples), rel=0.03)

    async def test_sentences_at_once_are_not_mixed_up(
        self, engine: Speech, sentence: tuple[str, str]
    ) -> None:
        language, text = sentence
        texts = [text, f"{text} {text}", f"{text} {text} {text}"]
        apart = [len((await engine.synthesize(said, language)).samples) for said in texts]
        spoken = await asyncio.gather(*(engine.synthesize(said, language) for said in texts))
        assert [len(sound.samples) for sound in spoken] == pytest.approx(apart, rel=0.03)
        assert apart[0] * 1.5 < apart[1] < apart[2] / 1.3

    async def test_a_language_without_a_voice_is_refused(self, engine: Speech) -> None:
        assert not engine.speaks("xx")
        with pytest.raises(SpeechError) as refused:
            await engine.synthesize("one", "xx")
        assert refused.value.code == "no_voice"

    async def test_a_text_that_is_no_sentence_is_refused(
        self, engine: Speech, sentence: tuple[str, str]
    ) -> None:
        with pytest.raises(SpeechError) as refused:
            await engine.synthesize("a" * (SENTENCE_CHARS_MAX + 1), sentence[0])
        assert refused.value.code == "too_long"

    async def test_it_may_be_closed_twice(self, engine: Speech) -> None:
        await engine.close()
        await engine.close()
