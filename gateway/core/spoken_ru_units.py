"""What Russian texts count, and what governs the case and gender of the number (data)."""

from __future__ import annotations

from typing import Final

from gateway.core.spoken_ru import (
    HOUR,
    MILLIARD,
    MILLION,
    MINUTE,
    THOUSAND,
    Case,
    Gender,
    Noun,
    noun,
)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _stems(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_M, _F, _N = Gender.MASCULINE, Gender.FEMININE, Gender.NEUTER

_GRAM: Final = noun(_M, "грамм грамма грамму грамм грамме", "граммов граммам граммах")
_METRE: Final = noun(_M, "метр метра метру метр метре", "метров метрам метрах")
_LITRE: Final = noun(_M, "литр литра литру литр литре", "литров литрам литрах")
_DAY: Final = noun(_M, "день дня дню день дне", "дней дням днях")
ROUBLE: Final = noun(_M, "рубль рубля рублю рубль рубле", "рублей рублям рублях")
KOPECK: Final = noun(_F, "копейка копейки копейке копейку копейке", "копеек копейкам копейках")


def _prefixed(first: str, thing: Noun) -> Noun:
    one = " ".join([first + form for form in thing.one])
    return noun(thing.gender, one, " ".join([first + form for form in thing.many]))


UNITS: Final[dict[str, Noun]] = {
    **dict.fromkeys(("руб", "р", "₽"), ROUBLE),
    "коп": KOPECK,
    "$": noun(_M, "доллар доллара доллару доллар долларе", "долларов долларам долларах"),
    "€": noun(_M, "евро евро евро евро евро", "евро евро евро"),
    "£": noun(_M, "фунт фунта фунту фунт фунте", "фунтов фунтам фунтах"),
    "%": noun(_M, "процент процента проценту процент проценте", "процентов процентам процентах"),
    "°": noun(_M, "градус градуса градусу градус градусе", "градусов градусам градусах"),
    "ч": HOUR,
    "мин": MINUTE,
    "сек": noun(_F, "секунда секунды секунде секунду секунде", "секунд секундам секундах"),
    "дн": _DAY,
    "раб.дн": _DAY,
    "нед": noun(_F, "неделя недели неделе неделю неделе", "недель неделям неделях"),
    "мес": noun(_M, "месяц месяца месяцу месяц месяце", "месяцев месяцам месяцах"),
    "чел": noun(_M, "человек человека человеку человека человеке", "человек людям людях"),
    "шт": noun(_F, "штука штуки штуке штуку штуке", "штук штукам штуках"),
    "таб": noun(_F, "таблетка таблетки таблетке таблетку таблетке", "таблеток таблеткам таблетках"),
    "м": _METRE,
    "км": _prefixed("кило", _METRE),
    "см": _prefixed("санти", _METRE),
    "мм": _prefixed("милли", _METRE),
    **dict.fromkeys(("г", "гр"), _GRAM),
    "кг": _prefixed("кило", _GRAM),
    "мг": _prefixed("милли", _GRAM),
    "Тл": noun(_M, "тесла тесла тесла тесла тесла", "тесла тесла тесла"),
    "л": _LITRE,
    "мл": _prefixed("милли", _LITRE),
    "тыс": THOUSAND,
    "млн": MILLION,
    "млрд": MILLIARD,
}
"""Units as they are written behind a number, with a full stop or without."""

TIMES: Final = noun(_M, "раз раза разу раз разе", "раз разам разах")
TIMES_A: Final = (" в день", " в сут", " в нед", " в мес", " в год")
"""«2 р. в день» is twice a day, and no price."""

LARGE: Final = {"тыс": 10**3, "млн": 10**6, "млрд": 10**9}

FEMININE_STEMS: Final = _stems(
    """
    минут секунд недел копе тысяч запис процедур услуг консультаци таблет капсул палат комнат клиник
    поликлиник больниц медсест бригад смен очеред строк строч цифр кноп клавиш инъекци доз капел
    капл ложк ложек порци част ноч попыт вакцин привив останов ступен пар справк справок анкет карт
    страниц подпис программ операци лаборатори парковк стоматологи аптек женщин девоч сторон ног рук
    """
)
NEUTER_STEMS: Final = _stems(
    """
    мест окн окон отделени посещени заняти обследовани исследовани сообщени направлени назначени
    здани помещени строени упражнени
    """
)
NOT_COUNTED: Final = _words(
    """
    для на за у и или а после когда если где чтобы часто картой кнопкой часть частично параллельно
    местный местная
    """
)
"""Words that begin or end like something that is counted."""

_ORDINAL_NOUNS: Final = """
    0 этаж этажа этажу этаж этаже
    0 подъезд подъезда подъезду подъезд подъезде
    0 корпус - корпусу корпус корпусе
    0 кабинет - кабинету кабинет кабинете
    0 микрорайон - микрорайону микрорайон микрорайоне
    0 квартал - кварталу квартал квартале
    0 участок - участку участок участке
    0 элемент - - элемент -
    0 континент - - континент -
    0 роддом - - роддом роддоме
    0 филиал - - филиал филиале
    2 небо - - небо -
    2 чувство - - чувство -
    0 век века веку век веке
    0 переулок - переулку переулок переулке
    0 проезд - проезду проезд проезде
    0 курс - курсу курс курсе
    0 класс - классу класс классе
    1 поликлиника - - поликлинику поликлинике
    1 больница - - больницу больнице
    1 категория категории - категорию -
    1 линия линии - линию -
    1 группа группы - группу группе
    1 степень степени - - -
    1 улица улицы - улицу улице
    1 смена - - смену смене
    1 палата - - палату палате
    2 отделение - отделению отделение отделении
"""


def _ordinal_nouns() -> dict[str, tuple[Gender, Case]]:
    found: dict[str, tuple[Gender, Case]] = {}
    for line in _ORDINAL_NOUNS.strip().splitlines():
        gender, *forms = line.split()
        for case, word in zip(Case, forms, strict=True):
            if word != "-":
                found.setdefault(word, (Gender(int(gender)), case))
    return found


ORDINAL_NOUNS: Final = _ordinal_nouns()
"""Singular nouns before which a bare number is an ordinal: «2 этаж», «врач 1 категории»."""

MAY_BE_COUNTED: Final = frozenset({"этажа", "подъезда", "века"})
"""Forms that also follow 2, 3 and 4: «два этажа», but «со второго этажа»."""

COMPOUND_STEMS: Final = _stems(
    """
    лет этаж комнат час днев дневн месяч минут недел мест кратн процентн канальн срезов разов
    уровнев ступенчат мерн сменн звёздоч коечн
    """
)
"""Beginnings of second parts of words like «5-летний», «3-комнатная», «2-разовое»."""

CASE_AFTER: Final[dict[str, Case]] = {
    **dict.fromkeys(("к", "ко"), Case.DATIVE),
    **dict.fromkeys(_words("в во на за через по про спустя"), Case.ACCUSATIVE),
    **dict.fromkeys(
        _words(
            """
    до от с со после около более менее больше меньше свыше старше младше моложе для из без кроме
    течение ранее раньше позже позднее начиная возрасте
    """
        ),
        Case.GENITIVE,
    ),
}
"""The case of a number, a date or a time behind its preposition."""

READ_IN_PAIRS: Final = _words("офис офиса офисе кабинет кабинета кабинете квартира код помещение")
"""Words behind which four digits are two numbers: «офис двадцать три ноль один»."""

GENITIVE_BEHIND_ONE: Final = _words(
    "года дня месяца часа рубля процента метра минуты недели секунды раза человека"
)
"""Forms that are genitive behind one: «ребёнок одного года»; behind 2, 3, 4 they are counted."""

MENU_WORDS: Final = _words(
    """
    нажмите нажать нажав нажимайте нажми кнопку кнопка клавишу клавиша цифру цифра наберите выберите
    номер код пункт вариант отправьте ответьте
    """
)
"""Words behind which a number is the name of a key: «нажмите один», never «одного»."""
