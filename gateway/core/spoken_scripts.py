"""Latin letters for Russian voices, Cyrillic letters for English ones: the last resort.

A clinic's own table of overrides always comes first (`gateway.core.spoken`); this is for names that
nobody has entered yet.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from gateway.core.reply_spellings import TO_CYRILLIC


def _pairs(text: str) -> dict[str, str]:
    pairs = (pair.split("=") for pair in text.split())
    return {written: read for written, read in pairs}


# Whole words that clinics have in their names, as Russians say them.
_SAID: Final = _pairs(
    """
    smile=смайл clinic=клиник clinics=клиникс clinique=клиник klinik=клиник medical=медикал
    medicine=медисин med=мед medi=меди dent=дент dental=дентал dentist=дентист lab=лаб labs=лабс
    center=центр centre=центр family=фэмили health=хелс healthy=хелси care=кэр life=лайф
    beauty=бьюти house=хаус home=хоум group=груп doctor=доктор dr=доктор premium=премиум prime=прайм
    plus=плюс vip=вип spa=спа whatsapp=вотсап telegram=телеграм viber=вайбер max=макс vk=вэ_ка
    online=онлайн offline=офлайн email=имейл mail=мейл wi=вай fi=фай wifi=вай-фай covid=ковид
    ph=пэ_аш laser=лейзер lazer=лазер skin=скин hair=хеар body=боди kids=кидс baby=бэби vita=вита
    esthetic=эстетик aesthetic=эстетик aesthetics=эстетикс estetic=эстетик estetik=эстетик
    derma=дерма nova=нова euro=евро european=юропиан european=юропиан atlas=атлас city=сити new=нью
    line=лайн day=дэй white=вайт green=грин blue=блю red=ред black=блэк gold=голд best=бест
    first=фёрст one=уан star=стар light=лайт space=спейс time=тайм club=клаб studio=студио art=арт
    style=стайл fitness=фитнес wellness=велнес check=чек up=ап checkup=чекап on=он off=офф my=май
    you=ю your=ёр we=ви the=зэ of=оф and=энд for=фор to=ту in=ин is=из john=джон mary=мэри
    george=джордж james=джеймс michael=майкл david=дэвид anna=анна maria=мария service=сервис
    hospital=хоспитал eye=ай vision=вижн heart=харт genetics=генетикс gen=ген invitro=инвитро
    medsi=медси helix=хеликс scandinavia=скандинавия ava=ава peter=петер google=гугл apple=эпл
    yandex=яндекс rosa=роза lux=люкс luxe=люкс deluxe=делюкс elite=элит tower=тауэр plaza=плаза
    mall=молл park=парк business=бизнес office=офис floor=флор ok=окей sms=эс_эм_эс gmail=джимейл
    yahoo=яху outlook=аутлук info=инфо mobile=мобайл ru=ру com=ком net=нет org=орг smart=смарт
    pro=про expert=эксперт test=тест love=лав woman=вумен women=вумен men=мен man=мэн mama=мама
    mother=мазер child=чайлд children=чилдрен
    """
)

_LETTER_NAMES: Final = _pairs(
    """
    a=эй b=би c=си d=ди e=и f=эф g=джи h=эйч i=ай j=джей k=кей l=эл m=эм n=эн o=оу p=пи q=кью r=ар
    s=эс t=ти u=ю v=ви w=дабл-ю x=экс y=уай z=зет
    """
)

# A lone Latin letter has its old name: «витамин бэ двенадцать», «икс», «три дэ».
_LATIN_NAMES: Final = _pairs(
    """
    a=а b=бэ c=цэ d=дэ e=е f=эф g=гэ h=аш i=и j=йот k=ка l=эль m=эм n=эн o=о p=пэ q=ку r=эр s=эс
    t=тэ u=у v=вэ w=дубль-вэ x=икс y=игрек z=зет
    """
)

_SOUNDS: Final = _pairs(
    """
    shch=щ sch=ш tch=ч tion=шн ight=айт ough=оф eau=о sh=ш ch=ч kh=х zh=ж ts=ц tz=ц ph=ф th=т ck=к
    qu=кв wh=в oo=у ee=и ou=ау ya=я yu=ю yo=ё ye=е ja=я ju=ю jo=ё ai=ай ay=ай ey=ей oy=ой iy=ий
    yi=ый ew=ью aw=о ce=се ci=ци cy=ци ge=ге gi=ги a=а b=б c=к d=д e=е f=ф g=г h=х i=и j=дж k=к l=л
    m=м n=н o=о p=п q=к r=р s=с t=т u=у v=в w=в x=кс y=и z=з
    """
)
_SOUND: Final = re.compile("|".join(sorted(_SOUNDS, key=len, reverse=True)))
_SILENT_E: Final = re.compile(r"(?<=[aeiouy][bcdfghklmnprstvxz])e$|(?<=[bcdfghkmnprstvxz]l)e$")
_VOWELS: Final = frozenset("aeiouy")
_LETTERS_SPELT_MAX: Final = 3

_LOOK_ALIKE: Final = frozenset("ABCEHKMOPTXaceopxy")


def look_alike(word: str) -> str | None:
    """Return a Latin word that could as well be Cyrillic as such: "MPT" is МРТ; else None."""
    latin = [char for char in word if char.isascii()]
    if not all(char in _LOOK_ALIKE for char in latin):
        return None
    return word.translate(TO_CYRILLIC)


def in_cyrillic(word: str) -> str:
    """Return a Latin word as a Russian voice can say it; capitals may be said letter by letter."""
    low = word.lower()
    if low in _SAID:
        said = _SAID[low]
        if "_" in said:
            return said.replace("_", " ")
        return said.capitalize() if word[0].isupper() else said
    if len(word) == 1:
        return _LATIN_NAMES[low]
    if word.isupper() and (len(word) <= _LETTERS_SPELT_MAX or not _VOWELS & set(low)):
        return " ".join([_LETTER_NAMES[char] for char in low])
    sounds = _SOUND.sub(lambda match: _SOUNDS[match[0]], _SILENT_E.sub("", low))
    if sounds.startswith("е"):
        sounds = "э" + sounds[1:]
    return sounds.capitalize() if word[0].isupper() else sounds


_IN_LATIN: Final[Mapping[str, str]] = _pairs(
    """
    а=a б=b в=v г=g д=d е=e ё=yo ж=zh з=z и=i й=y к=k л=l м=m н=n о=o п=p р=r с=s т=t у=u ф=f х=kh
    ц=ts ч=ch ш=sh щ=shch ъ= ы=y ь= э=e ю=yu я=ya
    """
)
_ENDINGS: Final = (("ый", "y"), ("ий", "y"))
_AFTER_VOWEL: Final = re.compile(r"(?<=[аеёиоуыэюяьъ])е|^е")


def in_latin(word: str) -> str:
    """Return a Russian word in Latin letters, as English maps and passports have it."""
    low = word.lower()
    for ending, instead in _ENDINGS:
        if low.endswith(ending):
            low = low.removesuffix(ending) + instead
    low = _AFTER_VOWEL.sub("ye", low)
    read = "".join([_IN_LATIN.get(char, char) for char in low])
    return read.capitalize() if word[0].isupper() else read
