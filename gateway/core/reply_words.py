"""The closed vocabularies of the number-reply parser (spec U-1 to U-6): data, no decisions.

Everything is written the way `reply` reads it: lower case, "е" for "ё", apostrophes as "'".
A phrase stands for exactly one kind; `reply` decides which kinds may stand together.
"""

from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """What a piece of a reply says about the question (1 confirm, 2 reschedule, 3 cancel, 0)."""

    # Says nothing (U-1).
    COURTESY = "courtesy"
    GREETING = "greeting"  # courtesy that a name may follow
    FAREWELL = "farewell"  # «с уважением»: names may follow up to the end
    SENT_FROM = "sent_from"  # "sent from my": a device may follow
    NAME = "name"
    # Harmless beside an action, says nothing alone.
    PRONOUN = "pronoun"  # I, we, mine
    NEUTRAL = "neutral"  # the visit, tomorrow
    CHOICE = "choice"  # "option", «нажимаю»
    COME = "come"  # how I come: only beside confirm
    WANT = "want"  # I want to, I have to: beside reschedule and cancel
    WISH = "wish"  # to Friday, to the evening: beside reschedule
    REASON = "reason"  # I am ill: beside reschedule and cancel
    SAD = "sad"  # an emoji
    CANNOT = "cannot"  # «не смогу»: either of the two, so asked again when alone (U-4)
    LOST = "lost"  # «не понял»: beside repeat
    # Options (U-2, U-3).
    ZERO = "0"
    ONE = "1"
    TWO = "2"
    THREE = "3"
    YES = "yes"
    WEAK = "weak"  # understood, fine: an agreement only beside confirm
    CONFIRM = "confirm"
    RESCHEDULE = "reschedule"
    OTHER_TIME = "other_time"  # «в другой день»: reschedule, but a noun without its verb
    CANCEL = "cancel"
    ABSENT = "absent"  # «не приду»
    REPEAT = "repeat"
    # Notifications (U-6).
    OPT_OUT = "opt_out"
    OPT_OUT_REST = "opt_out_rest"  # «больше», «сообщения»
    OPT_IN = "opt_in"
    # In the way of every action (U-4).
    NO = "no"
    NOT = "not"
    DOUBT = "doubt"  # hedges, contrary emoji, doubtful forms of the option words
    NUMBER = "number"
    UNKNOWN = "unknown"


def _each(heads: str, tails: str, *, both_ways: bool = False) -> str:
    """Return every head with every tail, as one comma-separated list of phrases."""
    pairs = [(h.strip(), t.strip()) for h in heads.split(",") for t in tails.split(",")]
    phrases = [f"{head} {tail}" for head, tail in pairs]
    if both_ways:
        phrases += [f"{tail} {head}" for head, tail in pairs]
    return ", ".join(phrases)


_VISIT_ACCUSATIVE: Final = "запись, прием, визит, встречу, посещение, консультацию, бронь"
_VISIT_DATIVE: Final = "врачу, доктору, специалисту, вам, нему, ней"

# «другой день» in every way it is asked for; «в другой раз» is a polite refusal and not here.
_OTHER_TIME: Final = ", ".join(
    (
        _each(
            "другой, иной, какой-нибудь другой, любой другой, другой любой, следующий, другой рабочий",
            "день",
        ),
        _each("другое, иное, любое другое, другое удобное", "время, число"),
        _each("другую, иную, любую другую", "дату, неделю"),
        "другие дни, другой месяц, более позднее время, более раннее время, более поздний срок",
        "более позднюю дату, более раннюю дату, другой срок",
    )
)
_TO_OTHER_TIME: Final = ", ".join((_OTHER_TIME, _each("на, в", _OTHER_TIME)))

_DAYS_TO: Final = """
    понедельник, вторник, среду, четверг, пятницу, субботу, воскресенье, выходные, выходной,
    выходной день, будни, утро, день, вечер, обед, послезавтра, следующую неделю,
    следующий понедельник, следующий вторник, следующую среду, следующий четверг,
    следующую пятницу, следующую субботу, следующее воскресенье, следующий месяц, неделю,
    неделю позже, попозже, пораньше, потом, позже, раньше, январь, февраль, март, апрель, май,
    июнь, июль, август, сентябрь, октябрь, ноябрь, декабрь, ближайшее время, ближайший день,
    ближайшую дату, ближайшие дни, удобное время, первую половину дня, вторую половину дня,
    утреннее время, вечернее время, день раньше, день позже, час позже, час раньше,
    любой день, любое время, любую дату, любое свободное время, свободное время"""
_DAYS_FROM: Final = (
    "понедельника, вторника, среды, четверга, пятницы, субботы, завтра, завтрашнего дня"
)

_COME: Final = "приду, прийду, придем, прийдем, приеду, приедем, буду, будем, явлюсь, явимся"
_GO: Final = "иду, идем, пойду, пойдем, еду, едем, поеду, поедем"
_COMING: Final = "прийти, приехать, подойти, подъехать, быть, явиться, попасть, посетить"
_CAN: Final = "смогу, сможем"
_CANNOT: Final = """
    не смогу, не сможем, не могу, не можем, не получится, не получается, не выйдет, не успею,
    не успеем, не успеваю, не успеваем, не смог, не смогла, не выходит, никак не смогу,
    никак не могу, уже не смогу, завтра не смогу, завтра не могу, завтра не получится,
    завтра не получается, нет возможности, не имею возможности"""

# Every phrase of every kind. A phrase that is nowhere else is unknown, and an unknown word
# beside an option stops it (U-4): leave out what could mean two things.
_PHRASES: Final[dict[Kind, tuple[str, ...]]] = {
    Kind.GREETING: (
        """здравствуйте, здравствуй, здрасте, здрасьте, здравия, привет,
        приветствую, приветик, добрый день, добрый вечер, доброе утро, доброго дня, доброго вечера,
        доброго утра, доброго времени суток, доброго времени, утро доброе, день добрый,
        вечер добрый, добрый, доброй ночи, салам, салам алейкум, ассалам алейкум,
        ассаламу алейкум, уважаемая, уважаемый, уважаемые, дорогая, дорогие, дорогой, алло, але""",
        """hello, hi, hey, hi there, hello there, good morning, good afternoon, good evening,
        good day, dear, dear sir, dear madam, dear all, morning, greetings""",
    ),
    Kind.COURTESY: (
        # addressing
        """доктор, девушка, девушки, администратор, регистратура, клиника, коллеги, господа,
        уважаемый доктор, уважаемая клиника, уважаемые коллеги, друзья, дорогие друзья,
        уважаемая администрация, робот, doctor, dr, team, clinic, sir, madam, guys, everyone""",
        # thanks
        """спасибо, спасиб, спс, спасибки, спасибочки, пасиб, пасибо, благодарю, благодарим,
        благодарна, благодарен, спасибо большое, большое спасибо, спасибо огромное,
        огромное спасибо, спасибо заранее, заранее спасибо, спасибо вам, спасибо вам большое,
        вам спасибо, заранее благодарю, заранее благодарна, заранее благодарен, благодарю вас,
        мерси, спасибо за понимание, спасибо за информацию, благодарю за понимание,
        с благодарностью, рахмет, рахмат, еще раз спасибо, спасибо еще раз, еще раз извините,
        еще раз здравствуйте, еще раз добрый день""",
        _each(
            "спасибо за, большое спасибо за, спасибо вам за, спасибо большое за, благодарю за, "
            "благодарю вас за",
            "напоминание, сообщение, звонок, информацию, заботу, предупреждение, уведомление, "
            "внимание, оповещение, понимание, помощь, приглашение, ответ, смс, беспокойство",
        ),
        """thanks, thank you, thx, tnx, thnx, ty, thank u, thank you very much, thank you so much,
        thanks a lot, many thanks, thanks so much, thanks very much, thanks in advance,
        thank you in advance, cheers, much appreciated, thanks again, thank you again, sorry again, appreciate it, i appreciate it""",
        _each(
            "что, спасибо что, спасибо вам что, благодарю что, спасибо большое что",
            "напомнили, предупредили, сообщили, позвонили, написали, напоминаете",
        ),
        _each(
            "thanks for, thank you for, thanks for the, thank you for the, thanks for your, "
            "thank you for your",
            "reminder, message, reminding, reminding me, letting me know, info, information, "
            "text, understanding, call, help, heads up, update, notice, notification",
        ),
        # please
        """пожалуйста, пожалста, плиз, плз, плс, пж, пжл, пож,
        пжлст, пжста, пжлста, будьте добры, будьте любезны, если не трудно, если не сложно, очень прошу,
        please, pls, plz, plse, kindly, if you please, if you don't mind""",
        # regret
        """извините, извини, извиняюсь, извините пожалуйста, простите, прости, прошу прощения,
        прошу извинить, прошу меня извинить, приношу извинения, приношу свои извинения, сори,
        сорри, к сожалению, к большому сожалению, к моему сожалению, очень жаль, жаль, увы, сожалею, очень сожалею,
        мне очень жаль, мне жаль, за беспокойство, извините за беспокойство, за неудобства,
        извините за неудобства, простите за беспокойство, приносим извинения,
        не беспокойтесь, не волнуйтесь, не переживайте, ну, ой, ах, эх, ох""",
        """sorry, so sorry, very sorry, i'm sorry, im sorry, i am sorry, i'm so sorry,
        im so sorry, i am so sorry, apologies, my apologies, unfortunately, i apologize,
        we apologize, regretfully, sadly, excuse me, sorry for the inconvenience,
        sorry about that, sorry about this, sorry for that, sorry for this,
        sorry for the trouble, sorry to bother you, i'm afraid, im afraid, oh""",
        # good wishes; «до завтра» and "see you" are not among them, they promise to come
        """до свидания, досвидания, всего доброго, всего хорошего, хорошего дня, хорошего вечера,
        хорошего вам дня, доброго вам дня, удачи, удачного дня, всего наилучшего,
        хороших выходных, будьте здоровы, с праздником, с наступающим, с новым годом,
        понял, поняла, поняли, понятно, понял вас, поняла вас, ясно, bye, goodbye, good bye,
        take care, have a nice day, have a good day, have a great day, have a good one,
        good night, understood, got it, noted""",
    ),
    Kind.FAREWELL: (
        """с уважением, с ув, с наилучшими пожеланиями, с уважением и благодарностью,
        best regards, kind regards, warm regards, regards, sincerely, yours sincerely,
        sincerely yours, best wishes, kindest regards, yours truly, respectfully""",
    ),
    Kind.SENT_FROM: (
        """sent from, sent from my, sent via, get outlook for, отправлено с, отправлено с моего,
        отправлено из, отправлено через, отправлено с мобильного, отправлено со смартфона""",
    ),
    Kind.PRONOUN: (
        """я, мы, мне, нам, меня, нас, и, мою, мой, моей, моего, мое, нашу, наш, нашей, нашего,
        свою, свой, своей, своего, свое, i, we, me, us, my, our, and, it, this, ya""",
    ),
    Kind.NEUTRAL: (
        """так, тогда, завтра, на завтра, завтрашний, завтрашнюю, завтрашнего, данный,
        данную, этот, эту, это, срочно, сообщаю, сообщаем, присутствие, участие""",
        _VISIT_ACCUSATIVE,
        """записи, приема, визита, встречи, посещения, консультации, явку, явка, встреча,
        консультация, время приема, время визита, время записи, дату приема, дату визита, дату записи""",
        _each("на, про, насчет, по поводу", _VISIT_ACCUSATIVE),
        _each("на", "завтрашний прием, завтрашнюю запись, завтрашний визит, завтрашний день"),
        _each("на прием к, на консультацию к, на визит к, на завтра к, к", _VISIT_DATIVE),
        _each("у", "вас, врача, доктора, него, нее"),
        "на приеме, в клинике, в клинику, в поликлинике, в поликлинику, к вам на прием",
        """the, that's, thats, to you, tomorrow, tomorrow's,
        tomorrows, for tomorrow, so, well, then, appointment, appt, apt, visit, booking,
        reservation, consultation, my visit, for the appointment, for my appointment,
        to the appointment, to my appointment, at the clinic, with the doctor, with you,
        our visit, it is, it's, this is""",
    ),
    Kind.CHOICE: (
        """цифра, цифру, цифрой, кнопка, кнопку, клавиша, клавишу, вариант, пункт, ответ, номер,
        опция, опцию, номер ответа, под номером, под цифрой, пункт номер, вариант номер, ответ номер, цифра номер,
        кнопка номер, нажимаю, нажала, нажал, нажимаем, нажать, жму, выбираю, выбираем, выбор, отвечаю,
        выбрал, выбрала, отправляю, ставлю, пишу, мой ответ, мой выбор, наш ответ, наш выбор,
        мой вариант, ответ такой, выбираю вариант, выбираю ответ, выбираю пункт""",
        """option, number, press, pressing, pressed, choice, choose, choosing, answer, reply,
        select, selecting, selected, button, key, digit, my answer, my choice, my reply,
        the answer, answer is, option number, i choose, i select, i press, i pick, pick,
        my answer is, the answer is, my choice is, variant, going with, i'll go with""",
    ),
    Kind.COME: (
        """вовремя, во время, без опозданий, без опоздания, в срок, своевременно, в назначенное время,
        в указанное время, к назначенному времени, к указанному времени, в это время,
        в назначенный час, в назначенный день, в указанный день, как договаривались, как договорились,
        как и договаривались, как записана, как записан, как записаны, по записи, по времени,
        точно, точно в срок, не опоздаю, не опоздаем, опаздывать не буду, там, уже там,
        с ребенком, с мужем, с женой, с мамой, с папой, с дочкой, с дочерью, с сыном, с сыночком,
        с малышом, с бабушкой, с внуком, с внучкой, всей семьей, лично, с удовольствием,
        все хорошо, все нормально""",
        """on time, in time, as planned, as scheduled, as agreed, at that time, at the time,
        at the scheduled time, with my son, with my daughter, with my husband, with my wife,
        with my child, with my mother, with my mom, there, happy to, looking forward,
        looking forward to it, for sure, glad to""",
    ),
    Kind.WANT: (
        """хочу, хотим, хотел бы, хотела бы, хотели бы, хотелось бы, я бы хотела, я бы хотел,
        мы бы хотели, прошу, просим, прошу вас, просьба, большая просьба, убедительная просьба, убедительно прошу,
        надо, нужно, нужна, нужен, мне нужна, мне нужен, мне надо, мне нужно, нам надо, нам нужно, необходимо, требуется, придется, вынуждена,
        вынужден, вынуждены, желаю, давайте, давайте лучше, лучше, решила, решил, решили""",
        """i want to, want to, we want to, i'd like to, id like to, i would like to, would like to,
        we would like to, we'd like to, i need to, need to, we need to, i have to, have to,
        we have to, i must, i'll have to, i will have to, let's, lets, i wish to, wish to,
        i want, i need, we need, need, i prefer, i'd like, i would like, i prefer to, i'd prefer to, i'd rather, like to, better to,
        gotta, i've got to, i request to, i'm going to have to, going to have to""",
    ),
    Kind.WISH: (
        _each("на", _DAYS_TO),
        _each("в", "понедельник, вторник, среду, четверг, пятницу, субботу, воскресенье, выходные"),
        _each("с", _DAYS_FROM),
        _each("на", "любой понедельник, любую пятницу, любую субботу, конец недели, начало недели"),
        """попозже, пораньше, позже, раньше, чуть позже, немного позже, послезавтра, утром,
        вечером, днем, после обеда, до обеда, во второй половине дня, в первой половине дня,
        на следующей неделе, на той неделе, на этой неделе, через неделю, через месяц, в следующем месяце,
        по возможности, ближе к вечеру, с утра, на после обеда, на после праздников, после праздников,
        на после выходных, после выходных, на неделю вперед, на час, на день""",
        _each(
            "to, on, for",
            "monday, tuesday, wednesday, thursday, friday, saturday, sunday, next week, "
            "next month, next monday, next tuesday, next wednesday, next thursday, next friday, "
            "the morning, the evening, the afternoon, the weekend, the day after tomorrow, later",
        ),
        """later, earlier, next week, next month, a later date, to a later date, to a later time,
        to an earlier time, to later, in the evening, in the morning, in the afternoon, if possible, sometime next week""",
    ),
    Kind.REASON: (
        """заболел, заболела, заболели, приболел, приболела, приболели, болею, болеем, болен,
        больна, простыл, простыла, простудилась, простудился, температура, температурю,
        температурим, поднялась температура, высокая температура, с температурой,
        у меня температура, у ребенка температура, у сына температура, у дочки температура,
        у нас температура, у дочери температура, ребенок заболел, заболел ребенок, дочка заболела, дочь заболела, сын заболел, дети заболели, ребенок болеет,
        ребенок приболел, приболел ребенок, муж заболел, мама заболела, я заболела, на больничном,
        плохо себя чувствую, плохое самочувствие, уезжаю, уезжаем, уехала, уехал, уехали, в отъезде,
        в командировке, командировка, уезжаю в командировку, срочная командировка, в отпуске, работаю,
        завтра работаю, на работе, работа, вызвали на работу, срочно вызвали на работу, не отпускают с работы,
        не отпустили с работы, обстоятельства, по семейным обстоятельствам,
        семейные обстоятельства, по состоянию здоровья, в связи с болезнью, по болезни, из-за болезни,
        из за болезни, по личным обстоятельствам, по личным причинам, по работе, из-за работы,
        передумала, передумал, передумали, изменились планы, планы изменились, поменялись планы,
        планы поменялись, появились дела, срочные дела, так получилось, так вышло, занят, занята, заняты,
        форс-мажор, форс мажор, дела, орви, грипп, ковид, непредвиденные обстоятельства,
        возникли обстоятельства, уже вылечилась, уже вылечился, потому что заболела, потому что заболел""",
        """i'm sick, im sick, i am sick, i'm ill, i am ill, sick, ill, feeling sick,
        i'm not feeling well, not feeling well, feeling unwell, unwell, my child is sick, my son is sick,
        my daughter is sick, my kid is sick, something came up, out of town, i'm out of town, i am out of town,
        i'll be out of town, i'm busy, i am busy, busy, at work, i'm at work,
        i have to work, change of plans, my plans changed, plans changed, i changed my mind, changed my mind,
        family emergency, emergency, i have a cold, i caught a cold, i have covid, covid,
        i have a fever, i'm away, i am away, i'll be away, due to illness, due to work, for personal reasons""",
    ),
    Kind.CANNOT: (
        _CANNOT,
        _each(_CANNOT, _COMING),
        _each(_CANNOT, _each(_COMING, "завтра, на прием, на запись, к вам, к врачу")),
        _each(_CANNOT, _each("завтра, на прием, к вам", _COMING)),
        _each(
            _COMING, "не смогу, не сможем, не могу, не можем, не получится, не получается, не успею"
        ),
        _each(
            "i, we, i really, i just, we really",
            "can't come, cant come, can't make it, cant make it, cannot come, cannot make it, "
            "will not make it, will not be able to come, will not be able to make it, "
            "will not be able to attend, can't attend, cannot attend, won't be able to come, "
            "won't be able to make it, won't make it, am unable to come, am unable to make it, "
            "am unable to attend, am not able to come, am not able to make it, can't come tomorrow, "
            "can't make it tomorrow, can't make the appointment, can't make my appointment",
        ),
        """can't come, cant come, can't make it, cant make it, cannot come, cannot make it,
        can't make it tomorrow, can't come tomorrow, can not come, can not make it,
        won't make it, wont make it, will not make it, won't be able to make it,
        wont be able to make it, will not be able to make it, won't be able to come,
        wont be able to come, will not be able to come, won't be able to attend,
        will not be able to attend, unable to come, unable to make it, unable to attend,
        i'm unable to attend, i'm unable to come, not able to come, not able to make it,
        i'm not able to come, i'm not able to make it, can't attend, cannot attend, cant attend,
        can't be there, cannot be there, can't make the appointment, can't make my appointment,
        cannot make my appointment, cannot make the appointment, couldn't make it""",
    ),
    Kind.LOST: (
        """не понял, не поняла, не поняли, не расслышал, не расслышала, не прочитал, не прочитала,
        не увидела, не увидел, i don't understand, i didn't understand, didn't understand,
        didn't get it, i didn't get that, didn't catch that""",
    ),
    Kind.ZERO: ("ноль, нуль, нолик, нолика, zero, nought, номер ноль",),
    Kind.ONE: (
        """один, одна, одно, одну, единица, единицу, единичка, единичку, первый, первая, первое,
        первую, на первое, на первый вариант, за первый вариант""",
        "one, first, the first one, the first option, first one, number one, the number one, 一",
    ),
    Kind.TWO: (
        """два, две, двойка, двойку, двоечка, двоечку, второй, вторая, второе, вторую,
        на второй вариант, за второй вариант""",
        "two, second, the second one, the second option, second one, number two, the number two, 二",
    ),
    Kind.THREE: (
        """три, тройка, тройку, троечка, троечку, третий, третья, третье, третью,
        на третий вариант, за третий вариант""",
        "three, third, the third one, the third option, third one, number three, the number three, 三",
    ),
    Kind.YES: (
        """да, ага, угу, ок, окей, окэй, о'кей, оке, оки, хорошо, согласен, согласна, согласны, обязательно,
        конечно, разумеется, безусловно, естественно, непременно, плюс, так точно, смогу, сможем, а да, а хорошо, конечно же""",
        """yes, yep, yeah, yup, yea, yess, y, ok, okay, okey, okie, o'key, sure, of course,
        absolutely, definitely, certainly, agreed, i agree, sounds good, will do, sure thing""",
    ),
    Kind.WEAK: (
        """ладно, договорились, принято, отлично, супер, прекрасно, замечательно, чудесно, верно, правильно,
        все верно, все правильно, все так, все понятно, все ясно, добро, есть, до завтра, до встречи, до скорой встречи, ждите,
        ждите меня, ждите нас, без проблем, нет проблем, не проблема, все ок, все окей,
        готов, готова, актуально, запись актуальна, на месте, помню, помню про запись, учту, да помню""",
        """good, fine, great, perfect, excellent, cool, awesome, alright, all right, right,
        correct, no problem, no worries, see you, see ya, c u, cu, see you soon, i will, i can, will be, that works, works,
        that works for me, works for me, all good, it works, that's fine, wonderful, lovely, i remember""",
    ),
    Kind.CONFIRM: (
        """подтверждаю, подтверждаем, подтвердить, подтверждение, подтверждено,
        потверждаю, хочу подтвердить, хотела бы подтвердить, хотел бы подтвердить,
        хотим подтвердить, еще раз подтверждаю, приход подтверждаю, прибытие подтверждаю,
        подъеду, подъедем, подойду, подойдем, прибуду, прибудем, приходим, я в деле""",
        _COME,
        "иду, идем, еду, едем, идем завтра, точно буду, точно приду, точно будем, точно придем",
        _each(_CAN, _COMING),
        _each(_CAN, _each("завтра", _COMING)),
        """в силе, все в силе, запись в силе, остается в силе, прием в силе, визит в силе,
        все остается в силе, наша запись в силе, да все в силе, планы в силе""",
        """confirm, confirmed, confirming, confirmation, i confirm, we confirm, i can confirm,
        want to confirm, i want to confirm, i'd like to confirm, i would like to confirm,
        would like to confirm, attending, will attend, i'll attend, i will attend,
        i'll be there, ill be there, i will be there, will be there, we'll be there, we will be there,
        i'll be at the appointment, i will be at the appointment, i'm coming, im coming, i am coming, we're coming, we are coming, coming,
        i'll come, ill come, i will come, will come, we'll come, we will come,
        i can come, we can come, i can make it, can make it, i'll make it, i will make it, will make it,
        i am attending, i'm attending, see you tomorrow, see you then, see you there,
        see u tomorrow, see ya tomorrow, cu tomorrow, still coming, i'm still coming, i'm in, count me in""",
    ),
    Kind.RESCHEDULE: (
        """перенести, перенесите, перенеси, перенос, переношу, переносим, переносите,
        давайте перенесем, давай перенесем, перезапишите, перезаписать, перезаписаться,
        перезапись, перезапишите меня, перезапишите нас, передвинуть, передвиньте, сдвинуть, сдвиньте,
        отложить, отложите, давайте отложим, откладываю, перепланировать, переназначить, переназначьте""",
        _each(
            "запишите, запишите меня, запишите нас, записаться, записать, приду, придем, "
            "приеду, приедем, смогу, сможем, буду, давайте, подберите, подобрать, выбрать, назначьте, "
            "назначить, предложите, перенесите",
            _TO_OTHER_TIME,
        ),
        _each(
            "смогу прийти, смогу только, приду только, могу, могу прийти, могу только",
            _TO_OTHER_TIME,
        ),
        _each(
            "поменять, поменяйте, сменить, смените, изменить, измените",
            "время, дату, день, дату приема, время приема, дату визита, время визита, дату записи, время записи",
        ),
        """reschedule, rescheduling, reschedule please, postpone, postpone it, move, move it,
        move my appointment, move the appointment, change the date, change the time,
        change the day, change date, change time, change my appointment time, change appointment time""",
        _each("i'm, im, i am, we're, we are", "rescheduling, moving it"),
    ),
    Kind.OTHER_TIME: (
        _TO_OTHER_TIME,
        _each(
            "another, a different, different, some other, any other, other",
            "day, time, date, another time, week, slot",
        ),
        _each(
            "to, on, at, for",
            "another day, another time, another date, a different day, a different time, "
            "a different date, some other day, some other time, any other day, other day, other time, "
            "different day, different time, another week, another slot, a new time, a new date",
        ),
    ),
    Kind.CANCEL: (
        """отмена, отмену, отменить, отмените, отмени, отменяю, отменяем, отменяйте, отменяй,
        давайте отменим, давай отменим, аннулируйте, аннулировать, аннулирую""",
        _each(
            "снимите, снять, удалите, уберите, аннулируйте",
            "запись, мою запись, нашу запись, меня с записи, нас с записи, меня с приема, "
            "прием, мой прием, бронь",
        ),
        """cancel, cancelling, canceling, cancellation, cancelation, cancel it, cancel that,
        call it off""",
        _each("i'm, im, i am, we're, we are", "cancelling, canceling"),
    ),
    Kind.ABSENT: (
        _each(
            "не, уже не, точно не, завтра не, больше не",
            f"{_COME}, {_GO}, подойду, подъеду, прибуду",
        ),
        _each("меня, нас, завтра меня, завтра нас", "не будет, завтра не будет, не будет завтра"),
        "не будет меня, не будет нас",
        """won't come, wont come, will not come, i won't come, i wont come, i will not come,
        i'll not come, we won't come, we will not come, not coming, i'm not coming, im not coming, i am not coming,
        we're not coming, we are not coming, won't be there, wont be there, will not be there,
        i won't be there, i wont be there, i will not be there, we won't be there, won't be coming, wont be coming,
        i won't be coming, will not be coming, i will not be coming, i won't attend, won't attend, will not attend,
        i will not attend, not attending, i'm not attending, i am not attending, won't be attending,
        i won't be attending, will not be attending, i will not be attending""",
    ),
    Kind.REPEAT: (
        """повторите, повтори, повтор, повторить, повторяйте, еще раз, еще разок, повторите еще раз, повтори еще раз,
        повторите вопрос, повторите сообщение, повторите информацию, повторить информацию,
        повторить вопрос, повторить сообщение, повтор информации, можете повторить, можно повторить,
        можно еще раз, не могли бы повторить, не могли бы вы повторить, повторите текст, еще раз вопрос,
        еще раз сообщение, можете еще раз, пришлите еще раз, отправьте еще раз, напишите еще раз,
        повторите варианты, повторите меню, повторить меню""",
        """repeat, again, repeat that, repeat it, repeat again, once again, once more, one more time, say again,
        say it again, repeat the question, repeat the message, repeat the options, can you repeat,
        can you repeat that, could you repeat, could you repeat that, send it again, send again, repeat question""",
    ),
    Kind.OPT_OUT: (
        """стоп, отписаться, отписатся, отпишите, отпишите меня, отпишите нас, отпишись, отписка, отписываюсь, хочу отписаться,
        хочу отписаться от, стоп рассылка, стоп рассылке, отказ от рассылки, отказаться от рассылки,
        отказываюсь от рассылки, отмена рассылки, отменить рассылку, отмените рассылку,
        отключите рассылку, отключить рассылку, прекратите рассылку, удалите меня из рассылки,
        уберите меня из рассылки, исключите меня из рассылки, удалите меня из базы, удалите мой номер,
        удалите мой номер из базы, удалите номер, уберите мой номер, удалите мой телефон, удалите мой номер телефона,
        удалите мой номер из рассылки, отключите уведомления, отключить уведомления, отключите смс, отключите оповещения,
        прекратите спам, хватит спамить, не спамьте, отстаньте, отстаньте от меня, отвяжитесь, не беспокойте, не беспокоить,
        просьба не беспокоить, прошу не беспокоить, прошу не писать, прошу не звонить, просьба не писать,
        просьба не звонить, не пишите, не пиши, не писать, не звоните, не звони, не звонить, не присылайте, не присылать,
        не отправляйте, не отправлять, не шлите, не слать, не тревожьте, не хочу получать, не желаю получать""",
        _each(
            "не надо, не надо мне, мне не надо, не нужно, не нужно мне, мне не нужно, не надо больше, "
            "больше не надо, больше не нужно, не надо мне больше, не нужно мне больше, хватит, хватит мне, перестаньте, перестаньте мне, прекратите, прекратите мне",
            "писать, звонить, присылать, слать",
        ),
        _each(
            "don't text me, dont text me, don't call me, dont call me, don't message me, "
            "don't contact me, do not call me, do not text me, do not contact me",
            "again, ever again",
        ),
        """stop, stopall, stop all, unsubscribe, unsubscribe me, opt out, opt-out, optout,
        stop texting, stop texting me, stop messaging, stop messaging me, stop calling, stop calling me,
        stop writing, stop writing me, stop sending, stop sending me, stop writing to me, stop contacting me, stop spamming, stop spamming me, stop bothering me,
        don't text me, dont text me, do not text me, don't write to me, don't write me, do not write to me,
        don't call me, dont call me, do not call me, don't message me, dont message me, do not message me, don't contact me, dont contact me,
        do not contact me, do not contact, don't send me, do not send me, don't disturb me, do not disturb, no more messages, no more texts, no more sms,
        remove me, remove me from, remove me from your list, take me off your list, remove my number, delete my number, leave me alone""",
    ),
    Kind.OPT_OUT_REST: (
        """больше, больше никогда, никогда больше, сообщения, сообщений, смс, sms, сюда, на этот номер, на мой номер,
        уведомления, рассылку, рассылки, от рассылки, от рассылок, от сообщений, от уведомлений, от смс, ваши,
        ваших, все, вообще, эти, этого, этот номер, сообщение, впредь""",
        """anymore, any more, messages, texts, these, your, your list, this list, reminders,
        notifications, from, all, this number, any, text, calls, ever""",
    ),
    Kind.OPT_IN: ("старт, подписаться, подпишите меня, start, unstop, subscribe",),
    Kind.NO: ("нет, неа, не а, no, nope, nah",),
    Kind.NOT: (
        "не, ни, not, don't, dont, won't, wont, can't, cant, cannot, нельзя, без, never, никогда",
    ),
    Kind.DOUBT: (
        # hedges
        """наверное, наверно, наверняка, может, может быть, мб, возможно, вероятно, скорее всего, вроде, вроде бы, кажется,
        похоже, пожалуй, постараюсь, постараемся, попробую, попытаюсь, надеюсь, планирую, планируем, думаю,
        не знаю, не уверен, не уверена, посмотрим, подумаю, как получится, по возможности приду, если получится, если что,
        если смогу, если успею, сомневаюсь, хз, думаю да, думаю нет, предположительно, собираюсь, под вопросом,
        как бы, типа, да ну, да ладно, ага конечно, ага щас, да щас, да так, да уж, ну да конечно, мой номер, наш номер, my number, да нет, да не, минус, почти,
        в другой раз, другой раз, оба, обе, любой, любая, любое, ни один, ни одна, ни одно, ничего, никакой, все равно""",
        """maybe, may be, perhaps, probably, possibly, i think, i think so, i guess, i hope, hopefully, not sure,
        i'm not sure, im not sure, i am not sure, i don't know, i dont know, dont know, don't know, idk, might, i might, i may, i'll try, i will try, will try,
        we'll see, try to, depends, it depends, unsure, likely, if, unless, dunno, kind of, sort of, i suppose, either, both, neither, none, i doubt it""",
        # option words that ask, tell about the past, or leave the doing to someone else
        """не смогу ли, подтвердите, подтверди, перенесу, отменю, придет, придут, будет, будут,
        придите, приходите, приходить, прийти, приехать, могу, можем, мог бы, могла бы, пришла бы, пришел бы,
        откажусь, отказываюсь, отказ, отказаться, перезаписалась, перезаписался, изменить, поменять, изменить запись,
        поменять запись, изменение, другое, другой, другую, иное, не подтверждаю, не согласен, не согласна, не надо, не нужно,
        нет не надо, первого, первому, первым, второго, второму, вторым, третьего, третьему, третьим,
        двух, двум, трех, трем, двое, трое, двоих, троих, четыре, пять, шесть, семь, восемь, девять, десять, одиннадцать, двенадцать,
        тринадцать, пятнадцать, двадцать, вряд ли, не хочу, не буду отменять, не буду переносить, ничего не надо, не актуально, неактуально, не нужна, не нужен""",
        _each("отмените, отменить, отменяю, отменяем, отменяйте, отмени, отмена", "отмену, отмена"),
        _each("cancel, cancel the, cancel my", "cancellation, cancelation"),
        """cancelled, canceled, rescheduled, i will confirm, i'll confirm, will confirm, come, attend, wait, don't come, change, not confirm, i need to confirm, need to confirm, have to confirm,
        need to be confirmed, to confirm, to cancel, to reschedule, the first, the second, the third, no one, someone, anyone,
        four, five, six, seven, eight, nine, ten, eleven, twelve""",
    ),
}


def _split(table: dict[Kind, tuple[str, ...]]) -> dict[tuple[str, ...], Kind]:
    """Return the phrases as tuples of words, with their kinds."""
    return {
        tuple(phrase.replace("-", " ").split()): kind
        for kind, lists in table.items()
        for words in lists
        for phrase in words.split(",")
    }


PHRASES: Final[dict[tuple[str, ...], Kind]] = _split(_PHRASES)

# How a word is also written: as it sounds, in Latin letters, or run together with its «не».
# Latin spellings that are English words too ("net", "tri" in "tri-weekly") stand alone only
# where the phrase decides.
_SPELLINGS: Final = """
    придти=прийти, притти=прийти, прейти=прийти, здраствуйте=здравствуйте,
    здравствуте=здравствуйте, здрастуйте=здравствуйте, здравстуйте=здравствуйте,
    пожалуста=пожалуйста, пожайлуста=пожалуйста, пожалуйсто=пожалуйста, пажалуйста=пожалуйста,
    пожалуиста=пожалуйста, пожайлусто=пожалуйста, пожалуст=пожалуйста,
    извените=извините, изините=извините, сожелению=сожалению, сажалению=сожалению,
    неприду=не приду, непридем=не придем, неприеду=не приеду,
    неприедем=не приедем, небуду=не буду, небудем=не будем, несмогу=не смогу,
    несможем=не сможем, немогу=не могу, неможем=не можем, ненадо=не надо, ненужно=не нужно,
    неотменяйте=не отменяйте, непереносите=не переносите, незнаю=не знаю, неуверена=не уверена,
    неуверен=не уверен, неполучится=не получится, неполучается=не получается, неуспею=не успею,
    небудет=не будет, непишите=не пишите, незвоните=не звоните, непридти=не прийти,
    дада=да да, дадада=да да, нетнет=нет нет, даконечно=да конечно, ещераз=еще раз,
    еше=еще, ище=еще, исчо=еще, завтро=завтра, зафтра=завтра,
    канешно=конечно, конешно=конечно, хорощо=хорошо, харашо=хорошо, хорашо=хорошо,
    ладна=ладно, апоинтмент=appointment, йес=да, йеп=да,
    прейду=приду, преду=приду, придю=приду,
    кврачу=к врачу, наприем=на прием,
    da=да, ne=не, net=нет, niet=нет, nyet=нет, pridu=приду, pridem=придем, pridyom=придем,
    pridiom=придем, pridy=приду, priedu=приеду, priedem=приедем, budu=буду, budem=будем,
    podtverzhdayu=подтверждаю, podtverzhdaiu=подтверждаю, podtverjdayu=подтверждаю,
    podtverzdayu=подтверждаю, podtverzhdau=подтверждаю, podtverjdau=подтверждаю,
    podtverzhdaju=подтверждаю, podtverzdaju=подтверждаю, podtverjdaiu=подтверждаю,
    podtverzhdaem=подтверждаем, podtverdit=подтвердить,
    otmena=отмена, otmenu=отмену, otmenit=отменить, otmenite=отмените,
    otmeni=отмени, otmenyayu=отменяю, otmeniayu=отменяю, otmenyaem=отменяем,
    perenesti=перенести, perenesite=перенесите, perenos=перенос, perenesi=перенеси,
    perenoshu=переношу, perezapisat=перезаписать, perezapishite=перезапишите,
    zapis=запись, priem=прием, priyom=прием, vizit=визит, zavtra=завтра,
    zdravstvuyte=здравствуйте, zdravstvuite=здравствуйте, zdravstvujte=здравствуйте,
    zdrastvuyte=здравствуйте, privet=привет, dobryi=добрый, dobriy=добрый, dobry=добрый,
    dobryy=добрый, dobryj=добрый, dobrii=добрый, vecher=вечер, dobroe=доброе, utro=утро,
    spasibo=спасибо, spasiba=спасибо, spasib=спасибо, pozhaluysta=пожалуйста,
    pozhaluista=пожалуйста, pojaluysta=пожалуйста, pojaluista=пожалуйста,
    pozhalusta=пожалуйста, pojalusta=пожалуйста, pozaluista=пожалуйста,
    izvinite=извините, prostite=простите, sozhaleniyu=сожалению, sojaleniyu=сожалению,
    horosho=хорошо, xorosho=хорошо, khorosho=хорошо, konechno=конечно, obyazatelno=обязательно,
    soglasen=согласен, soglasna=согласна, mi=мы, k=к, vrachu=врачу, doktoru=доктору,
    na=на, v=в, drugoi=другой, drugoy=другой, drugoj=другой, den=день, drugoe=другое,
    vremya=время, vremia=время, povtorite=повторите, povtor=повтор, eshe=еще, esche=еще,
    eshche=еще, raz=раз, odin=один, dva=два, tri=три, nol=ноль, pervyi=первый, perviy=первый,
    vtoroi=второй, vtoroy=второй, tretiy=третий, tretii=третий, smogu=смогу, smozhem=сможем,
    smojem=сможем, mogu=могу, priyti=прийти, priiti=прийти, pridti=прийти, prijti=прийти,
    navernoe=наверное, mozhet=может, byt=быть, vozmozhno=возможно, hochu=хочу, khochu=хочу,
    proshu=прошу, nado=надо, nuzhno=нужно, nujno=нужно, otpisatsya=отписаться,
    otpisatsia=отписаться, otpishite=отпишите, menya=меня, zapisi=записи, tochno=точно, moyu=мою, moi=мой,
    moy=мой, vsyo=все, vse=все, sile=силе, aga=ага, ugu=угу, okei=окей, okej=окей
"""

SPELLINGS: Final[dict[str, tuple[str, ...]]] = {
    written.strip(): tuple(meant.split())
    for written, meant in (pair.split("=") for pair in _SPELLINGS.split(","))
}

# Signs that are not letters or digits. Whatever is not here and no punctuation is unknown.
_SIGNS: Final[dict[Kind, str]] = {
    Kind.YES: "+👍✅👌✔☑🆗",
    Kind.WEAK: "🤝💯🫡🙋👊",
    Kind.COURTESY: "🙏😊🙂☺😀😃😄😁😉😌❤🧡💛💚💙💜🤍💕💖💗💓💞💘💝💐🌹🌷🌸🌺🌻🌼🍀☀🌞✨🎉🤗😇😘🥰😍😚👋💪👏🔥⭐🌟",
    Kind.SAD: "😔😞😢😭😥😓🙁☹😟😩😫😪😿💔🤒🤕🤧😷🥺",
    Kind.DOUBT: "👎❌✖❎✗✘🚫⛔🛑🙅🤷🤔😕😡🤬😠😤🙄😒🤨🤞🖕💩\u0335\u0336\u0337\u0338\u20d2\u20d3\u20e0\u20e5\u20eb~",
}

SIGNS: Final[dict[str, Kind]] = {sign: kind for kind, signs in _SIGNS.items() for sign in signs}

# "On the way" of a digit: a sign that may stand before it and says nothing. «№ 1», "#1".
NUMBER_SIGNS: Final = frozenset("№#")

# Question marks of the scripts that have their own; NFKC leaves only the last three.
QUESTION_MARKS: Final = frozenset("?؟⸮‽❓❔⁇⁈⁉¿﹖？;፧՞")

# Words with these beginnings speak of the options, so they are asked again (U-4) instead of
# being passed over as another matter (U-5). Never a reason to act.
OPTION_STEMS: Final = tuple(
    "подтвер потвер отмен аннулир перенес перенос перезапис перенест cancel resched confirm postpon".split()
)

# Names that may follow a greeting or a «с уважением», however they are written.
NAMES: Final = frozenset(
    """
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
    """.split()
)

# Ends of Russian surnames and patronymics: with a capital letter, after «с уважением», a name.
NAME_ENDINGS: Final = tuple(
    "ов ова ев ева ин ина ын ына ский ская цкий цкая ко ук юк як ян дзе швили вич вна чна нич".split()
)
PATRONYMIC_ENDINGS: Final = tuple("ович евич овна евна ична инична ьич".split())

# What follows «отправлено с» / "sent from my".
DEVICES: Final = frozenset(
    """
    моего my iphone айфона айфон ipad айпада samsung galaxy mobile android huawei honor xiaomi
    redmi poco realme oppo vivo pixel nokia смартфона телефона мобильного мобильной устройства
    мобильное device phone smartphone почты mail ru яндекс yandex outlook ios for для gmail note
    pro max plus mini ultra lite планшета tablet blackberry whatsapp windows
    """.split()
)

# Number words that beside a verb are its object: «отмените третью» is a third visit.
NUMBER_OBJECTS: Final = frozenset("одну первую вторую третью".split())

# What surrounds a clock time that names a visit (Z-10).
TIME_WORDS: Final = frozenset("тот та то что в на к о про ч час часа часов at for".split())

# Letters that look alike in two scripts, for words that mix them (U-3).
TO_CYRILLIC: Final = str.maketrans("ABCEHKMOPTXYaceopxykmtuοαρ", "АВСЕНКМОРТХУасеорхукмтиоар")
TO_LATIN: Final = str.maketrans("АВСЕНКМОРТХУасеорхукοα", "ABCEHKMOPTXYaceopxykoa")

# Real words that are one edit, or a stretched letter, away from a word of the vocabulary:
# "cancer", «отметить», «перевести», «отменили». They are never read as misspellings (U-3).
# Made once from the dictionaries of OpenCorpora (Russian) and Hunspell (English). The common ones
# are also rivals for what is no word at all: «отменть» may be «отметить».
_COMMON_WORDS: Final = """
    advanced advances afternoons agrees alight ann answers apologise apologized apologizes
    appointments appreciates ass attends batter beater bee bette betting bitter booing bookings
    booming booth bothers bought bounds brother burton butter buttons cancer cannon cc certainty
    chance chang changer changes charge cheeks cheer cheery choices chooses chose clinics coarse
    coding coll combing conform conforming consultations cooking coping corrects courses curse
    doctors dressed dressing dumber dutton elect elected electing enable evenings excise excused
    excuses father fought gather getting goo greed greeting hanks hooking hounds hutton ii iii
    inn kidd kindle latter lease letter lively lonely loot loving lumber manny massage mather
    mee moaning moore mornings mounds mourning mowing mutton nee netting noticed notices novice
    numbers ooh ought petting pleas pleased pleases potion pounds prefect prefers preservation
    presses pride problems prostate questions rally realty refer reilly remainder remembers
    reminded repeal repeats repent requests reservations rounds seconds selects setting sought
    sound stoop subscribed subscriber sutton tanks techno teen tenn thee thinks too troubled
    troubles updated updates usable valiant variants vetting wee worried wounds аа ааа
    администратора администрации администраций администрацию актуальная актуальное актуальной
    актуальны алле аллее ахмет берите беспокойства благодарит благодарность благодарны благодаря
    больная больное больному большее большей большем большему большие большой большом бремени
    бросим будете будите ванную варианта варианте варианту вашего вв венера вечерам вечере
    визите визитка визиты вниманием внимании вниманию внимания возможность возрос войдет вопроса
    вопросе вопросу вопросы времен времена встреч встречал встречах встречаю встречая встрече
    втором вторые втрое входит входных вчера выбирает выбирай выбирал выбирала выбирать выбирают
    выбирая выбрав выбрали выбран выбрана выводит выгодных выйдем выйдут вынуждено выходи
    выходил выходим выходите выходить выходным выходят голова господ господи господу господь
    госпожа готовая готово готовы готовь данной данные данным данных дачного дачный двойки
    девушкам девушках девушке девушку дедушка дедушки диктор добре добрее добром доброте добрые
    добрым добрых договорилась дольше допрос дорога дорогам дорогах дороге дороги дорогим
    дорогих дорого дорогое дорогом достается друге другим других другом другу друзьям друзьях
    единиц единицах единице единицы естественное естественной естественном забот забота заботе
    заботы завтрак завтрашней замечательное замечательной записали записки записью запиши
    запомнили здоров здорова здорово здоровые здоровый здоровым здоровых здравии здравствует
    извинений изменит изменять измерить ии информация клавиш клавиши клиник клиниках клиники
    клинка кнопке кнопки коллег коллега коллеге коллегии коллегий коллегию коллегия коллегу
    конечное конечной конечном консультаций кончено корой котова ложно лучшее любезно любезный
    меняя назначать назначит напала написал написала написать напоминает напоминанием
    напоминания напомнил напомнила напомнило начала начать недель неделя некогда немого ненужное
    ненужной необходим необходима необходимое необходимой необходимом необходимы неудобств
    неудобство нии номерам номеров обмена обмену обязательна обязательное обязательной
    обязательном обязательны огромной огромном огромные опишите опрос оставлю остаемся останется
    остаются отвела ответах ответе ответу ответы ответь отвечай отвечал отвечают отвечая отели
    откладывают отличное отличной отличном отложил отметим отметить отмечу отправлю отправлял
    отправляют отправляя отчета первом первые первых перевести перейти повод повода поводы
    повторы повторю повторять погоду подведем подняла подняли подождем подожду подойдет подойди
    подойдут подойдя подъему поедет поедим пожалею позволили позвонил позвонила поздней позднем
    поздние поздним поздних пойдет поймем поликлиник поликлиника поликлиники получаются
    получился получиться польше помещение помещения помочь помощи помощью пониманием понимании
    пониманию понимания понятна понятное понятной понятны породу поселение поселения посетит
    посещением посещении посещений походу похожее правильное правильной правильном праздникам
    предложит предложить предупредил предупредила предупреждением предупреждению предупреждения
    прекрасна прекрасное прекрасной прекрасном прекрасны прибудет прибудут прибытием прибытии
    прибытия приведем приведу привез привел приветствуют привод приглашением приглашений
    приглашению приглашения приди приедет приедут приезду приему приемы прима примем примет
    приносил приносит приняло принят принята принятое принятой принятом приняты принять
    присутствием присутствии присутствия притчи прихода приходе приходи приходил приходит
    приходом приходу приходя причем проблемам проблемах проблеме проблему проблемы проехать
    пройдем пройду пройти пропасть проси просил просит просите прост проста простил простит
    простить просто простоте просты просьб просьбам просьбе просьбу просьбы проход проходим
    прочим прочно прочти прочтите прошения прощания прощение прощении рабочей рабочие рабочим
    рабочих ранее ранней раннем ранние расчет регистратора решала решали решило ролика сажать
    свидание свидании свиданий свиданья скорей скоро скорое скором скорый следующие следующим
    следующих словно сложна сложное сложной сложном сложны сменит смогли смогло сможет сможете
    смола согласно согласные согласный согласных сожаление сожаления сообща сообщает сообщал
    сообщали сообщают сообщая сообщением сообщении сообщению сообщил сообщила сообщило спаси
    специалист специалиста специалисты спросим срочное срочной срочном столько стройка стройку
    твоего требуются третей трети треть третьей третьем третьи третьяк тройке тройки трудное
    трудной трудном убедительной уважаемым уважаемых уверенна удалить ударного удобнее удобно
    удобной удобном удобные упрощения успевает успевал успевают успеет ууу участи участием
    участии участию участия участке хорош хороша хороши хорошие хороший хорошим хотело чудесное
    чудесной шахмат явился явится являюсь ярости
"""
_OTHER_WORDS: Final = """
    albright anther apologises aright bather bequest bester betted betters bettor bitton bonking
    booting boozing bourse broking brooking buxton cancellations cancels cann carnot cather
    chancel chewers chooser choosy clitic coking comings comping confirmations confirms
    conformation conformed coning cooing coring corning corries corse coursed courser coving
    cowing cumber denn dobro doming druggy eventing felling fetter founds fromm getter goodbyes
    homing horning humber inconvenienced inconveniences informations jetting kingly lather
    lecher lettings lorries lott lovell lovey messaged mme mooing mooning moping naught nett
    netter noll nougat noughts numbed onn pease perfecta perfects pervy petter pleaser postponed
    postpones potions presser pressings priddy prided prides pried rasher rater ratner ratter
    razz rebinding regally reheat remanding reschedules reseat rewinding rivet rother rouble
    roving sather setter shanks sheers sloot somme subscribes thanes trivet tunable umber
    understandings unsubscribed updater uremia varian vetter wetter wetting worrier worriers
    zounds агга администратору администраторы администрациям администрациях актуальном алее
    аннулировав аннулировал аннулировала аннулировали аннулировало аннулирован аннулирована
    аннулировано аннулированы аннулированье аннулированьи аннулированью аннулированья
    аннулироваться аннулируем аннулируемте аннулирует аннулируете аннулируй аннулируйся
    аннулируйтесь аннулируюсь аннулируют аннулируя ахмат банный безусловна безусловное
    безусловной безусловном безусловною безусловны беспокоитесь беспокойств беспокойстве
    беспокойством беспокойству благодари благодарил благодарная благодарно большак большею
    большов большою будду ванный васс вассалам ввечеру вдвинуть вдвиньте веера вечерах вечери
    вечерка вечерю вечеря взимание визира визитам визитах визиту виться вменить вниманье вобрал
    вобрала вобрать войдем волика волнуетесь воняла воняли вопроси ворую временя вставлю
    встречай встречам встречка встречку всходит втирая втора вторам вторах вторе второю втору
    вторю вторя выбиваем выбиваю выбрало выбрил выбрить выводных выдрал выдрала выдрать выедет
    выжрал выйдете выкрал выкрала вымираем вынужденны вытираю вялюсь глотова голика гоняла
    гоняли господам господе готовка готовя грешила грешили данною данну данны дачную двинуть
    двиньте двоечкам двоечках двоечке двоечки двоешка двоешку двойкам двойках двойке двойра
    двойру двояка двушка двушки деброй девчушка девчушки диктора диктору добрей добров доводу
    договорилось доедем дойдем дойка дойку докторам докторах докторе докторша докторшу донный
    дорогою дорой драгой другою дугой дынный единила единима единицам единичкам единичках
    единичке единички единична естественна естественною естественны жженой забору зависать
    завтрашние завтрашним завтрашних зажала зажать зажимаем зажимаю закиси закись замечательна
    замечательном замечательны запасать запасаться запивать запили запинаться запирать
    запираться запить запихать запишете запоминаете запоминание запрись зафара звонко звонов
    звоном здравая здравие зотова извинение извинениях извинись извинит извинюсь извиняясь
    изменись изменишь инной информаций клавира клавишам клавишах клавише клиникам клинке клинку
    клирика кнопа кнопкам кнопках коброй коечно колика конечна конечною конечны коночно
    консультациям консультациях копка копку кройка кройку лии лопасть любезна любезные любезным
    любезных манную моете монете мотели навала нависали наделю нажали нажата нажила нажима
    нажимает нажимай нажимал нажимают нажимая нажить назвоните назначите назначишь накала
    нанимаем нанимаю напирали написало напихали напишете наполнили напоминайте напоминании
    напоминаний наступающем наступающие наступающий наступающими наступающих натрием нахала
    начет неверен неделею немногу немому немоту ненужна ненужном ненужны непременна непременное
    непременной непременном непременною непременны неудобствам неудобствах неудобстве неуду
    неуспех новика ножика ноликам ноликах нолике нолики нолику номерком номерном номерок носика
    нулика обкладываю обложите обложить обмените обменить обменяем обменяй обменяйте обменяю
    обязательною огложите оговорились огромно огромною оконечно опасть описаться оповещением
    оповещении оповещений оповещению осязательно отвеса ответам отгладываю отгложите отела
    откладывав откладывай откладывал откладывая отлежите отлета отлижите отлична отличны
    отловите отловить отложи отложив отложимте отложись отложит отложишь отломите отломить
    отманите отманить отмела отмелите отмен отменам отменами отменах отмене отменен отменена
    отменив отменил отменила отменили отменило отменимое отменимте отменимые отменись отменит
    отменитесь отменится отмениться отменишь отменна отменная отменнее отменней отменно отменное
    отменной отменном отменною отменную отменны отменные отменный отменным отменой отменою
    отмены отменюсь отменя отменяв отменявшем отменяема отменяемая отменяемо отменяемое
    отменяемой отменяемом отменяемою отменяемся отменяемую отменяемы отменяемые отменяемый
    отменяемым отменяемых отменяет отменяете отменяешь отменяйся отменяйтесь отменял отменяла
    отменяли отменяло отменясь отменят отменяюсь отменяют отменяющем отменяя отмерите отмерить
    отмеряем отмеряй отмеряйте отмеряю отмесите отмесить отметите отмету отмечаю отмечите отмешу
    отмщена отпашите отпиваться отпилите отпираться отпишете отправите отправляй отройка отройку
    оттените оттенить оттеняем оттеняй оттеняйте оттеняю отхожим пеняли первак первач первою
    перебесите перебивайте перевесите передвинете передвинусь передвинут передвинута передвинуто
    передвинуты переживаете перезаписав перезаписал перезаписала перезаписали перезаписало
    перезаписан перезаписана перезаписано перезаписаны перезаписей перезаписи перезаписывать
    перезаписью перезаписям перезаписях перезапишете перейду перекос перекосим перекосите
    перекошу перемесите перемести переназначать переназначит переназначите переназначишь перенес
    перенесемте перенесен перенесет перенесете перенесись перенеситесь перенесла перенесли
    перенесло перенесся перенестись перенесут перенесшее перенесшем перенесши перенесшие
    перенесший перенесшим перенесших перенеся переноса переносам переносами переносах переносе
    переносен переноси переносив переносил переносила переносили переносило переносима
    переносимая переносимо переносимое переносимой переносимом переносимою переносимся
    переносимте переносимую переносимы переносимые переносимый переносимым переносимых
    переносись переносит переноситесь переносится переносиц переносица переносицам переносице
    переносицей переносицею переносицу переносицы переносишь переноска переноскам переноске
    переноски переноском переноску переносна переноснее переносно переносное переносном
    переносны переносные переносным переносов переносок переносом переносу переносчик
    переносчике переносчиц переносчице переносы переносье переносьем переносью переносья
    переносьям перенося переносят переносящим перерос пересосите перовая перове перовое перовую
    пертый перхая поведем поведу поводе поводя повожу повтора повторе повторимте повторись
    повторит повторишь повтору повторя повторяете подберете подведу подводу подменять поднимание
    подпасть подпираться подпитаться подпишете подседу подтвердив подтвердил подтвердила
    подтвердили подтвердило подтвердим подтвердимте подтвердись подтвердит подтвердитесь
    подтвердится подтвердиться подтвердишь подтвердясь подтвердят подтверждав подтверждавшем
    подтверждаема подтверждаемая подтверждаемо подтверждаемое подтверждаемой подтверждаемом
    подтверждаемою подтверждаемся подтверждаемую подтверждаемы подтверждаемые подтверждаемый
    подтверждаемым подтверждаемых подтверждает подтверждаете подтверждаешь подтверждай
    подтверждал подтверждала подтверждали подтверждало подтверждать подтверждаюсь подтверждают
    подтверждающем подтверждая подтвержден подтверждена подтверждением подтверждении
    подтверждений подтверждению подтверждения подтверждениям подтверждениях подтвержденное
    подтвержденной подтвержденном подтвержденною подтвержденные подтверждены подтвержденье
    подтвержденьем подтвержденьи подтвержденью подтвержденья подцеду подъедаем подъеден подъедет
    подъедим подъедут подъезду поедом пожалует пожалуют позвонило поздне полста получатся
    поменяете пометить помучается помяла помяли пониманий пониманье поняло понята понятном
    понято попенять поручается поручится посветить поселить посетите посетишь посещению
    посещениям посещениях потвердеть потвердею потела потели поучится правильна правильны
    праздничком прайду пребудем пребуду предупредило предупреждении предупреждений прейдут
    прейдя прекрасною преходим приама прибудь прибытий прибытию привес привета приветствуй
    приветствуя приветы привит привносим приводим привходим привьет приглашении придаем
    придается придам придел придутся приемам приемах приемка приемке призма призме прийдется
    прийдя прилет приме примется приноси природ приседу присутствий присутствию приходам
    приходив приходы прихожим причуду пришлете приято пробоем пробудем пробуду пробуем пробьем
    проводу проедем проеду проема проеме променять проняла просом проспи проспите простате
    простив простим простои простоите просьбах прощений прощению прощенья прядем равнее
    разумеемся разумеются ранне рахат рахман регистратуре регистратуру регистратуры рейду ройка
    ройку роняла роняли рудно рушили сажала санную санный свиданию свиданиям свиданиях сворой
    сдавайте сданную сданный сдвинете сдвинусь сдвинут сдвинута сдвинуто сдвинуты сдвойка
    сдвойку сдобное скобой скорою скрой славлю следующи сложено смажем сменишь сменять смерить
    смешите смешить смога смоем снизите снимание снимете согласная согласным соглашен содвинуть
    содвиньте сожалей сожалел сожалении сожалений сожаленью сожалеют сожалея сойдем сообщай
    сообщат сотова сочно специалисте ссорой схожем счастие тамм тешила тешили толика торой
    трелью трений тренье тренью тренья трется третьею тритий троечкам троечках троечке троечки
    троечна тройкам тройках трока троку тропка тропку трости трошка трошку трояка трояку троячка
    троячку трубно трудна трудны убедите убедительна убедительное убедительны убежите уберете
    уважаема уважаемое уважаемой уважаемы уведомлением уведомлении уведомлению удалит уделите
    успевай успевая утренне участий участье фрейду хвойка хвойку хорошево хостела чудесна
    чудесном чудесны шторой явишься язвимся язвлюсь яримся
"""
COMMON_WORDS: Final = frozenset(_COMMON_WORDS.split())
REAL_WORDS: Final = COMMON_WORDS | frozenset(_OTHER_WORDS.split())

WORDS: Final = frozenset(word for phrase in PHRASES for word in phrase)

# U-3: misspellings are read in words of six letters or more, and only in those that matter.
FUZZY_LETTERS_MIN: Final = 6
_FUZZY_KINDS: Final = frozenset(Kind) - {
    Kind.SENT_FROM, Kind.FAREWELL, Kind.COME, Kind.WISH, Kind.REASON, Kind.LOST,
    Kind.OPT_OUT, Kind.OPT_OUT_REST, Kind.DOUBT,
}  # fmt: skip
_FUZZY_PHRASES: Final = [words for words, kind in PHRASES.items() if kind in _FUZZY_KINDS]
# Rarely used, and nearer to «отменили», «перенесли» misspelt than to themselves. Nor those with
# their «не»: «нприду» is a misspelt «приду» as well.
_NEVER_MEANT: Final = frozenset("отмени перенеси повтори подтверди".split()) | {
    written for written, meant in SPELLINGS.items() if len(meant) > 1
}
_FUZZY_ALSO: Final = {"отписаться", "отпишите", "unsubscribe"}
# What is as near to one of these as to a word of ours is not read.
RIVALS: Final = COMMON_WORDS | {
    words[0] for words, kind in PHRASES.items() if len(words) == 1 and kind is Kind.DOUBT
}
FUZZY_WORDS: Final = frozenset(
    word
    for word in {w for words in _FUZZY_PHRASES for w in words} | SPELLINGS.keys() | _FUZZY_ALSO
    if len(word) >= FUZZY_LETTERS_MIN and word not in _NEVER_MEANT
)
