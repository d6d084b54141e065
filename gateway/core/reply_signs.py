"""What stands in a reply beside its words: signs, names, devices (spec U-1, U-2, Z-10): data."""

from typing import Final

from gateway.core.reply_words import Kind

# Signs that are not letters or digits. Whatever is not here and no punctuation is unknown.
_SIGNS: Final[dict[Kind, str]] = {
    Kind.YES: "+👍✅👌✔☑🆗",
    Kind.WEAK: "🤝💯🫡🙋👊",
    Kind.COURTESY: "🙏👋👏💪😊🙂☺😀😃😄😁😉😌🤗😇😘🥰😍😚"
    "❤🧡💛💚💙💜🤍💕💖💗💓💞💘💝💐🌹🌷🌸🌺🌻🌼🍀☀🌞✨🎉🔥⭐🌟",
    Kind.SAD: "😔😞😢😭😥😓🙁☹😟😩😫😪😿💔🤒🤕🤧😷🥺",
    # The last are what a chat strikes text through with.
    Kind.DOUBT: "👎❌✖❎✗✘🚫⛔🛑🙅🤷🤔😕😡🤬😠😤🙄😒🤨🤞🖕💩~±"
    "\u0335\u0336\u0337\u0338\u20d2\u20d3\u20e0\u20e5\u20eb",
}

SIGNS: Final[dict[str, Kind]] = {sign: kind for kind, signs in _SIGNS.items() for sign in signs}

# Signs that may stand before a digit and say nothing: «№ 1», "#1".
NUMBER_SIGNS: Final = frozenset("№#")

# The question marks of all scripts and dresses; a "?" alone would miss «؟» and ❓.
QUESTION_MARKS: Final = frozenset("?؟⸮‽❓❔⁇⁈⁉¿﹖？፧՞")

# Words with these beginnings speak of the options, so they are asked again (U-4) instead of
# being passed over as another matter (U-5). Never a reason to act.
OPTION_STEMS: Final = (
    "подтвер", "потвер", "отмен", "аннулир", "перенес", "перенос", "перезапис", "перенест",
    "cancel", "resched", "confirm", "postpon",
)  # fmt: skip

# Names that may follow a greeting or a «с уважением», however they are written.
_NAMES: Final = """
    александр александра алексей алена алина алиса алла анастасия анатолий ангелина андрей анна
    антон антонина арсений артем артур ася богдан борис вадим валентин валентина валерий валерия
    варвара василий василиса вера вероника виктор виктория виталий владимир владислав вячеслав
    галина геннадий георгий глеб григорий дарья даша денис диана дима динара дмитрий ева евгений
    евгения егор екатерина катя елена лена елизавета лиза жанна захар зинаида зоя иван игорь илья
    инна инга ирина ира карина кирилл константин костя ксения лариса лев леонид лидия любовь люба
    людмила люда майя макар максим маргарита рита марина мария маша марк матвей милана михаил миша
    надежда надя наталья наталия наташа никита николай коля нина оксана олег олеся ольга оля павел
    паша петр полина раиса регина ринат роман рома руслан рустам савелий светлана света семен
    сергей сережа слава софия софья соня станислав степан тамара татьяна таня тимофей тимур ульяна
    федор эдуард элина эльвира эльмира эмма юлия юля юрий юра яна ярослав ярослава азамат айгуль
    алия амина ахмед гульнара ильдар камила лейла лилия мадина малика марат мурат нурлан оксана
    рамиль рашид рената рузанна тигран фатима фарида шамиль эльдар
    anna ann maria mary john james michael david robert william richard thomas peter paul george
    sarah emma olivia alice kate katherine elizabeth susan linda patricia jennifer jessica laura
    helen julia natalia olga elena irina svetlana tatiana ivan alex alexander andrew daniel sergey
    """
NAMES: Final = frozenset(_NAMES.split())

# Ends of Russian surnames and patronymics: with a capital letter, after «с уважением», a name.
NAME_ENDINGS: Final = (
    "ов", "ова", "ев", "ева", "ин", "ина", "ын", "ына", "ский", "ская", "цкий", "цкая", "ко",
    "ук", "юк", "як", "ян", "дзе", "швили", "вич", "вна", "чна", "нич",
)  # fmt: skip
# Those that hardly another word has, and the words that have them.
SURNAME_ENDINGS: Final = ("ов", "ова", "ев", "ева", "енко")  # also without a first name beside
FULL_NAME_ENDINGS: Final = (*SURNAME_ENDINGS, "ский", "ская", "цкий", "цкая", "ин", "ина", "ко")
_NO_SURNAMES: Final = """
    снова слова основа корова основ здоров нездоров часов врачов каков таков анализов вопросов
    документов результатов половина причина машина картина вакцина мужчина женщина господин один
    королева хлев напев посев ленина кирова
    """
NO_SURNAMES: Final = frozenset(_NO_SURNAMES.split())
PATRONYMIC_ENDINGS: Final = ("ович", "евич", "овна", "евна", "ична", "инична", "ьич")

# What follows «отправлено с» / "sent from my".
_DEVICES: Final = """
    моего my iphone айфона айфон ipad айпада samsung galaxy mobile android huawei honor xiaomi
    redmi poco realme oppo vivo pixel nokia смартфона телефона мобильного мобильной устройства
    мобильное device phone smartphone почты mail ru яндекс yandex outlook ios for для gmail note
    pro max plus mini ultra lite планшета tablet blackberry whatsapp windows
    """
DEVICES: Final = frozenset(_DEVICES.split())

# Number words that beside a verb are its object: «отмените третью» is a third visit.
NUMBER_OBJECTS: Final = frozenset({"одну", "первую", "вторую", "третью"})

# What has a number itself: «клиника 3», «доктор номер 1» are no options.
_NUMBERED: Final = "клиника доктор врач регистратура администратор робот clinic doctor dr team"
NUMBERED: Final = frozenset(_NUMBERED.split())

# What speaks of messages only, and the stems of what speaks of calls only.
MESSAGES: Final = frozenset({"сообщения", "сообщение", "смс", "sms", "messages", "text", "texts"})
CALL_STEMS: Final = ("звон", "call")
PREFERENCES: Final = frozenset({"лучше", "давайте лучше", "i prefer", "i prefer to", "i'd rather"})

# What surrounds a clock time that names a visit (Z-10).
TIME_WORDS: Final = frozenset(
    {"тот", "та", "то", "что", "в", "на", "к", "о", "про", "ч", "час", "часа", "часов", "at", "for"}
)
