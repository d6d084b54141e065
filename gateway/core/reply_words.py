"""The closed vocabularies of the number-reply parser (spec U-1 to U-6): data, no decisions.

Everything is written the way `reply` reads it: lower case, "е" for "ё", apostrophes as "'".
A phrase stands for exactly one kind; `reply` decides which kinds may stand together.
"""

from enum import StrEnum
from typing import Final

from gateway.core.reply_lists import (
    CAN,
    CANNOT,
    COME,
    COMING,
    DAYS_FROM,
    DAYS_TO,
    GO,
    SPECIALISTS,
    TO_OTHER_TIME,
    VISIT_ACCUSATIVE,
    VISIT_DATIVE,
    each,
)


class Kind(StrEnum):
    """What a piece of a reply says about the question (1 confirm, 2 reschedule, 3 cancel, 0)."""

    # Says nothing (U-1).
    COURTESY = "courtesy"
    GREETING = "greeting"  # courtesy that a name may follow
    FAREWELL = "farewell"  # «с уважением»: names may follow up to the end
    SENT_FROM = "sent_from"  # "sent from my": a device may follow
    # Harmless beside an action, says nothing alone.
    PRONOUN = "pronoun"  # I, we, mine
    NEUTRAL = "neutral"  # the visit, tomorrow
    CHOICE = "choice"  # "option", «нажимаю»
    COME = "come"  # how I come: only beside confirm
    WANT = "want"  # I want to, I have to: beside reschedule and cancel
    WISH = "wish"  # to Friday, to the evening: beside reschedule
    REASON = "reason"  # I am ill: beside reschedule and cancel
    SAD = "sad"  # an emoji
    NEEDLESS = "needless"  # «не актуально», «запись не нужна»: beside cancel
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


# Every phrase of every kind. A phrase that is nowhere else is unknown, and an unknown word
# beside an option stops it (U-4): leave out what could mean two things.
_PHRASES: Final[dict[Kind, tuple[str, ...]]] = {
    Kind.GREETING: (
        """здравствуйте, здравствуй, здрасте, здрасьте, здравия, привет, приветствую, приветик, добрый день, добрый вечер,
        доброе утро, доброго дня, доброго вечера, доброго утра, доброго времени суток, доброго времени, утро доброе, день
        добрый, вечер добрый, добрый, доброй ночи, салам, салам алейкум, ассалам алейкум, ассаламу алейкум, уважаемая,
        уважаемый, уважаемые, дорогая, дорогие, дорогой, алло, але""",
        """hello, hi, hey, hi there, hello there, good morning, good afternoon, good evening, good day, dear, dear sir, dear
        madam, dear all, morning, greetings""",
    ),
    Kind.COURTESY: (
        # addressing
        """доктор, девушка, девушки, администратор, регистратура, клиника, коллеги, господа, уважаемый доктор, уважаемая
        клиника, уважаемые коллеги, друзья, дорогие друзья, уважаемая администрация, робот, doctor, dr, team, clinic, sir,
        madam, guys, everyone""",
        # thanks
        """спасибо, спасиб, спс, спасибки, спасибочки, пасиб, пасибо, благодарю, благодарим, благодарна, благодарен, спасибо
        большое, большое спасибо, спасибо огромное, огромное спасибо, спасибо заранее, заранее спасибо, спасибо вам, спасибо
        вам большое, вам спасибо, заранее благодарю, заранее благодарна, заранее благодарен, благодарю вас, мерси, спасибо
        за понимание, спасибо за информацию, благодарю за понимание, с благодарностью, рахмет, рахмат, еще раз спасибо,
        спасибо еще раз, еще раз извините, еще раз здравствуйте, еще раз добрый день""",
        each(
            "спасибо за, большое спасибо за, спасибо вам за, спасибо большое за, благодарю за, "
            "благодарю вас за",
            "напоминание, сообщение, звонок, информацию, заботу, предупреждение, уведомление, "
            "внимание, оповещение, понимание, помощь, приглашение, ответ, смс, беспокойство",
        ),
        each(
            "буду, буду вам, буду очень, будем, была бы, был бы",
            "благодарна, благодарен, признательна, признателен",
        ),
        """thanks, thank you, thx, tnx, thnx, ty, thank u, thank you very much, thank you so much, thanks a lot, many thanks,
        thanks so much, thanks very much, thanks in advance, thank you in advance, cheers, much appreciated, thanks again,
        thank you again, sorry again, appreciate it, i appreciate it""",
        each(
            "что, спасибо что, спасибо вам что, благодарю что, спасибо большое что",
            "напомнили, предупредили, сообщили, позвонили, написали, напоминаете",
        ),
        each(  # «хорошо, что напомнили» is no «хорошо»
            "хорошо что, хорошо что вы, как хорошо что, отлично что",
            "напомнили, предупредили, сообщили, позвонили, написали, напоминаете",
        ),
        each(
            "thanks for, thank you for, thanks for the, thank you for the, thanks for your, "
            "thank you for your",
            "reminder, message, reminding, reminding me, letting me know, info, information, "
            "text, understanding, call, help, heads up, update, notice, notification",
        ),
        # please
        """пожалуйста, пожалста, плиз, плз, плс, пж, пжл, пож, пжлст, пжста, пжлста, будьте добры, будьте любезны, если не
        трудно, если не сложно, очень прошу, please, pls, plz, plse, kindly, if you please, if you don't mind""",
        # regret
        """извините, извини, извиняюсь, извините пожалуйста, простите, прости, прошу прощения, прошу извинить, прошу меня
        извинить, приношу извинения, приношу свои извинения, сори, сорри, к сожалению, к большому сожалению, к моему
        сожалению, очень жаль, жаль, увы, сожалею, очень сожалею, мне очень жаль, мне жаль, за беспокойство, извините за
        беспокойство, за неудобства, извините за неудобства, простите за беспокойство, приносим извинения, не беспокойтесь,
        не волнуйтесь, не переживайте, извините за поздний ответ, простите за поздний ответ, будь ласка, ну, ой, ах, эх,
        ох""",
        """sorry, so sorry, very sorry, i'm sorry, im sorry, i am sorry, i'm so sorry, im so sorry, i am so sorry, apologies,
        my apologies, unfortunately, i apologize, we apologize, regretfully, sadly, excuse me, sorry for the inconvenience,
        sorry about that, sorry about this, sorry for that, sorry for this, sorry for the trouble, sorry to bother you, i'm
        afraid, im afraid, oh, don't worry, do not worry""",
        # good wishes; «до завтра» and "see you" are not among them, they promise to come
        """до свидания, досвидания, всего доброго, всего хорошего, хорошего дня, хорошего вечера, хорошего вам дня, доброго вам
        дня, удачи, удачного дня, всего наилучшего, хороших выходных, будьте здоровы, с праздником, с наступающим, с новым
        годом, понял, поняла, поняли, понятно, понял вас, поняла вас, ясно, bye, goodbye, good bye, take care, have a nice
        day, have a good day, have a great day, have a good one, good night, understood, got it, noted""",
    ),
    Kind.FAREWELL: (
        """с уважением, с ув, с наилучшими пожеланиями, с уважением и благодарностью, best regards, kind regards, warm regards,
        regards, sincerely, yours sincerely, sincerely yours, best wishes, kindest regards, yours truly, respectfully""",
    ),
    Kind.SENT_FROM: (
        """sent from, sent from my, sent via, get outlook for, отправлено с, отправлено с моего, отправлено из, отправлено
        через, отправлено с мобильного, отправлено со смартфона""",
    ),
    Kind.PRONOUN: (
        """я, мы, мне, нам, меня, нас, и, мою, мой, моей, моего, мое, нашу, наш, нашей, нашего, свою, свой, своей, своего,
        свое, i, we, me, us, my, our, and, it, this, ya""",
    ),
    Kind.NEUTRAL: (
        """так, тогда, завтра, на завтра, завтрашний, завтрашнюю, завтрашнего, данный, данную, этот, эту, это, срочно, сообщаю,
        сообщаем, присутствие, участие, прибытие""",
        VISIT_ACCUSATIVE,
        """записи, приема, визита, встречи, посещения, консультации, явку, явка, встреча, консультация, время приема, время
        визита, время записи, дату приема, дату визита, дату записи""",
        each("на, про, насчет, по поводу", VISIT_ACCUSATIVE),
        each("на", "завтрашний прием, завтрашнюю запись, завтрашний визит, завтрашний день"),
        each("на прием к, на консультацию к, на визит к, на завтра к, к", VISIT_DATIVE),
        each("у", "вас, врача, доктора, него, нее"),
        "на приеме, в клинике, в клинику, в поликлинике, в поликлинику, к вам на прием",
        """the, that's, thats, to you, tomorrow, tomorrow's, tomorrows, for tomorrow, so, well, then, appointment, appt, apt,
        visit, booking, reservation, consultation, my visit, for the appointment, for my appointment, to the appointment, to
        my appointment, at the clinic, with the doctor, with you, our visit, it is, it's, this is""",
    ),
    Kind.CHOICE: (
        """цифра, цифру, цифрой, кнопка, кнопку, клавиша, клавишу, вариант, пункт, ответ, номер, опция, опцию, номер ответа,
        под номером, под цифрой, пункт номер, вариант номер, ответ номер, цифра номер, кнопка номер, нажимаю, нажала, нажал,
        нажимаем, нажать, жму, выбираю, выбираем, выбор, отвечаю, выбрал, выбрала, отправляю, ставлю, пишу, мой ответ, мой
        выбор, наш ответ, наш выбор, мой вариант, ответ такой, выбираю вариант, выбираю ответ, выбираю пункт""",
        """option, number, press, pressing, pressed, choice, choose, choosing, answer, reply, select, selecting, selected,
        button, key, digit, my answer, my choice, my reply, the answer, answer is, option number, i choose, i select, i
        press, i pick, pick, my answer is, the answer is, my choice is, variant, going with, i'll go with""",
    ),
    Kind.COME: (
        """вовремя, во время, без опозданий, без опоздания, в срок, своевременно, в назначенное время, в указанное время, к
        назначенному времени, к указанному времени, в это время, в назначенный час, в назначенный день, в указанный день,
        как договаривались, как договорились, как и договаривались, как условились, как записана, как записан, как записаны, по записи, по
        времени, точно, точно в срок, не опоздаю, не опоздаем, опаздывать не буду, там, уже там, с ребенком, с мужем, с супругом, с супругой, с
        женой, с мамой, с папой, с дочкой, с дочерью, с сыном, с сыночком, с малышом, с бабушкой, с внуком, с внучкой, всей
        семьей, лично, с удовольствием, все хорошо, все нормально, жду встречи, ждем встречи, стопроцентно,
        как штык, без вопросов""",
        each("что", COME),  # «подтверждаю, что приду»
        each(  # beside confirm only: the visit to cancel may be another one
            "к, на прием к, на консультацию к",
            SPECIALISTS,
        ),
        """on time, in time, as planned, as scheduled, as agreed, at that time, at the time, at the scheduled time, with my
        son, with my daughter, with my husband, with my wife, with my child, with my mother, with my mom, there, happy to,
        looking forward, looking forward to it, for sure, glad to""",
    ),
    Kind.WANT: (
        """хочу, хотим, хотел бы, хотела бы, хотели бы, хотелось бы, я бы хотела, я бы хотел, мы бы хотели, прошу, просим,
        прошу вас, просьба, большая просьба, убедительная просьба, убедительно прошу, надо, нужно, нужна, нужен, мне нужна,
        мне нужен, мне надо, мне нужно, нам надо, нам нужно, необходимо, требуется, придется, вынуждена, вынужден,
        вынуждены, мне бы, нам бы, надо бы, нужно бы, желаю, давайте, давайте лучше, лучше, решила, решил, решили""",
        """i want to, want to, we want to, i'd like to, id like to, i would like to, would like to, we would like to, we'd like
        to, i need to, need to, we need to, i have to, have to, we have to, i must, i'll have to, i will have to, let's,
        lets, i wish to, wish to, i want, i need, we need, need, i prefer, i'd like, i would like, i prefer to, i'd prefer
        to, i'd rather, like to, better to, gotta, i've got to, i request to, i'm going to have to, going to have to""",
    ),
    Kind.WISH: (
        each("на", DAYS_TO),
        each("в", "понедельник, вторник, среду, четверг, пятницу, субботу, воскресенье, выходные"),
        each("с", DAYS_FROM),
        each("на", "любой понедельник, любую пятницу, любую субботу, конец недели, начало недели"),
        """попозже, пораньше, позже, раньше, чуть позже, немного позже, послезавтра, утром, вечером, днем, после обеда, до
        обеда, во второй половине дня, в первой половине дня, на следующей неделе, на той неделе, на этой неделе, через
        неделю, через месяц, в следующем месяце, по возможности, ближе к вечеру, с утра, на после обеда, на после
        праздников, после праздников, на после выходных, после выходных, на неделю вперед, на час, на день""",
        each(
            "to, on, for",
            "monday, tuesday, wednesday, thursday, friday, saturday, sunday, next week, "
            "next month, next monday, next tuesday, next wednesday, next thursday, next friday, "
            "the morning, the evening, the afternoon, the weekend, the day after tomorrow, later",
        ),
        """later, earlier, next week, next month, a later date, to a later date, to a later time, to an earlier time, to later,
        in the evening, in the morning, in the afternoon, if possible, sometime next week""",
    ),
    Kind.REASON: (
        """заболел, заболела, заболели, приболел, приболела, приболели, болею, болеем, болен, больна, простыл, простыла,
        простудилась, простудился, температура, температурю, температурим, поднялась температура, высокая температура, с
        температурой, у меня температура, у ребенка температура, у сына температура, у дочки температура, у нас температура,
        у дочери температура, ребенок заболел, заболел ребенок, дочка заболела, дочь заболела, сын заболел, дети заболели,
        ребенок болеет, ребенок приболел, приболел ребенок, муж заболел, мама заболела, я заболела, на больничном, плохо
        себя чувствую, плохое самочувствие, уезжаю, уезжаем, уехала, уехал, уехали, в отъезде, в командировке, командировка,
        уезжаю в командировку, срочная командировка, в отпуске, работаю, завтра работаю, на работе, работа, вызвали на
        работу, срочно вызвали на работу, не отпускают с работы, не отпустили с работы, обстоятельства, по семейным
        обстоятельствам, семейные обстоятельства, по состоянию здоровья, в связи с болезнью, по болезни, из-за болезни, из
        за болезни, по личным обстоятельствам, по личным причинам, по работе, из-за работы, передумала, передумал,
        передумали, изменились планы, планы изменились, поменялись планы, планы поменялись, появились дела, срочные дела,
        так получилось, так вышло, занят, занята, заняты, форс-мажор, форс мажор, дела, орви, грипп, ковид, непредвиденные
        обстоятельства, возникли обстоятельства, уже вылечилась, уже вылечился, потому что заболела, потому что заболел""",
        """i'm sick, im sick, i am sick, i'm ill, i am ill, sick, ill, feeling sick, i'm not feeling well, not feeling well,
        feeling unwell, unwell, my child is sick, my son is sick, my daughter is sick, my kid is sick, something came up,
        out of town, i'm out of town, i am out of town, i'll be out of town, i'm busy, i am busy, busy, at work, i'm at
        work, i have to work, change of plans, my plans changed, plans changed, i changed my mind, changed my mind, family
        emergency, emergency, i have a cold, i caught a cold, i have covid, covid, i have a fever, i'm away, i am away, i'll
        be away, due to illness, due to work, for personal reasons""",
    ),
    Kind.NEEDLESS: (
        each("не, уже не, больше не, теперь не", "актуально, актуальна, нужна, нужен"),
        each(
            "запись, прием, визит, консультация, встреча, врач, доктор, она, он",
            each(
                "не, уже не, больше не, мне не, мне уже не, мне больше не",
                "актуально, актуальна, актуален, нужна, нужен",
            ),
        ),
        "неактуально, уже неактуально, запись неактуальна, запись уже неактуальна",
    ),
    Kind.CANNOT: (
        CANNOT,
        each(CANNOT, COMING),
        each(CANNOT, each(COMING, "завтра, на прием, на запись, к вам, к врачу")),
        each(CANNOT, each("завтра, на прием, к вам", COMING)),
        each(
            COMING, "не смогу, не сможем, не могу, не можем, не получится, не получается, не успею"
        ),
        each(
            "i, we, i really, i just, we really",
            "can't come, cant come, can't make it, cant make it, cannot come, cannot make it, "
            "will not make it, will not be able to come, will not be able to make it, "
            "will not be able to attend, can't attend, cannot attend, won't be able to come, "
            "won't be able to make it, won't make it, am unable to come, am unable to make it, "
            "am unable to attend, am not able to come, am not able to make it, can't come tomorrow, "
            "can't make it tomorrow, can't make the appointment, can't make my appointment",
        ),
        """can't come, cant come, can't make it, cant make it, cannot come, cannot make it, can't make it tomorrow, can't come
        tomorrow, can not come, can not make it, won't make it, wont make it, will not make it, won't be able to make it,
        wont be able to make it, will not be able to make it, won't be able to come, wont be able to come, will not be able
        to come, won't be able to attend, will not be able to attend, unable to come, unable to make it, unable to attend,
        i'm unable to attend, i'm unable to come, not able to come, not able to make it, i'm not able to come, i'm not able
        to make it, can't attend, cannot attend, cant attend, can't be there, cannot be there, can't make the appointment,
        can't make my appointment, cannot make my appointment, cannot make the appointment, couldn't make it""",
    ),
    Kind.LOST: (
        """не понял, не поняла, не поняли, не расслышал, не расслышала, не прочитал, не прочитала, не увидела, не увидел, i
        don't understand, i didn't understand, didn't understand, didn't get it, i didn't get that, didn't catch that""",
    ),
    Kind.ZERO: ("ноль, нуль, нолик, нолика, zero, nought, номер ноль",),
    Kind.ONE: (
        """один, одна, одно, одну, единица, единицу, единичка, единичку, первый, первая, первое, первую, на первое, на первый
        вариант, за первый вариант""",
        "one, first, the first one, the first option, first one, number one, the number one, 一",
    ),
    Kind.TWO: (
        """два, две, двойка, двойку, двоечка, двоечку, второй, вторая, второе, вторую, на второй вариант, за второй вариант""",
        "two, second, the second one, the second option, second one, number two, the number two, 二",
    ),
    Kind.THREE: (
        """три, тройка, тройку, троечка, троечку, третий, третья, третье, третью, на третий вариант, за третий вариант""",
        "three, third, the third one, the third option, third one, number three, the number three, 三",
    ),
    Kind.YES: (
        """да, ага, угу, ок, окей, окэй, о'кей, оке, оки, хорошо, согласен, согласна, согласны, обязательно, конечно,
        разумеется, безусловно, естественно, непременно, плюс, плюсик, так точно, смогу, сможем, а да, а хорошо, конечно же""",
        """yes, yep, yeah, yup, yea, yess, y, ok, okay, okey, okie, o'key, sure, of course, absolutely, definitely, certainly,
        agreed, i agree, sounds good, will do, sure thing""",
    ),
    Kind.WEAK: (
        """ладно, договорились, принято, отлично, супер, прекрасно, замечательно, чудесно, верно, правильно, все верно, все
        правильно, все так, все понятно, все ясно, добро, есть, до завтра, до встречи, до скорой встречи, ждите, ждите меня,
        ждите нас, без проблем, нет проблем, не проблема, все ок, все окей, готов, готова, актуально, все актуально, запись
        актуальна, все отлично, все супер, все прекрасно, все замечательно, все в порядке, получится, на месте, все помню, в курсе, помню, помню про запись, учту, да помню""",
        """good, fine, great, perfect, excellent, cool, awesome, alright, all right, right, correct, no problem, no worries,
        see you, see ya, c u, cu, see you soon, i will, i can, will be, that works, works, that works for me, works for me,
        all good, it works, that's fine, wonderful, lovely, i remember""",
    ),
    Kind.CONFIRM: (
        """подтверждаю, подтверждаем, подтвердить, подтверждение, подтверждено, потверждаю, хочу подтвердить, хотела бы
        подтвердить, хотел бы подтвердить, хотим подтвердить, еще раз подтверждаю, приход подтверждаю, прибытие подтверждаю,
        подъеду, подъедем, подойду, подойдем, прибуду, прибудем, приходим, я в деле""",
        COME,
        "иду, идем, еду, едем, идем завтра, точно буду, точно приду, точно будем, точно придем",
        each(CAN, COMING),
        each("готова, готов", "прийти, приехать, быть, явиться"),
        each(CAN, each("завтра", COMING)),
        """в силе, все в силе, запись в силе, остается в силе, прием в силе, визит в силе, все остается в силе, наша запись в
        силе, да все в силе, планы в силе, оставляем в силе, оставляю в силе, оставьте в силе, без изменений, все без
        изменений, запись без изменений, оставьте без изменений, оставляем без изменений""",
        """confirm, confirmed, confirming, confirmation, i confirm, we confirm, i can confirm, want to confirm, i want to
        confirm, i'd like to confirm, i would like to confirm, would like to confirm, attending, will attend, i'll attend, i
        will attend, i'll be there, ill be there, i will be there, will be there, we'll be there, we will be there, i'll be
        at the appointment, i will be at the appointment, i'm coming, im coming, i am coming, we're coming, we are coming,
        coming, i'll come, ill come, i will come, will come, we'll come, we will come, i can come, we can come, i can make
        it, can make it, i'll make it, i will make it, will make it, i am attending, i'm attending, see you tomorrow, see
        you then, see you there, see u tomorrow, see ya tomorrow, cu tomorrow, still coming, i'm still coming, i'm in, count
        me in""",
    ),
    Kind.RESCHEDULE: (
        """перенести, перенесите, перенеси, перенос, переношу, переносим, переносите, давайте перенесем, давай перенесем,
        перезапишите, перезаписать, перезаписаться, перезапись, перезапишите меня, перезапишите нас, передвинуть,
        передвиньте, сдвинуть, сдвиньте, отложить, отложите, давайте отложим, откладываю, перепланировать, переназначить,
        переназначьте""",
        each(
            "запишите, запишите меня, запишите нас, записаться, записать, приду, придем, "
            "приеду, приедем, смогу, сможем, буду, давайте, подберите, подобрать, выбрать, назначьте, "
            "назначить, предложите, перенесите",
            TO_OTHER_TIME,
        ),
        each(
            "смогу прийти, смогу только, приду только, могу, могу прийти, могу только",
            TO_OTHER_TIME,
        ),
        each(
            "поменять, поменяйте, сменить, смените, изменить, измените",
            "время, дату, день, дату приема, время приема, дату визита, время визита, дату записи, время записи",
        ),
        """reschedule, re schedule, rescheduling, reschedule please, postpone, postpone it, move, move it, move my appointment, move the
        appointment, change the date, change the time, change the day, change date, change time, change my appointment time,
        change appointment time""",
        each("i'm, im, i am, we're, we are", "rescheduling, moving it"),
    ),
    Kind.OTHER_TIME: (
        TO_OTHER_TIME,
        each(
            "another, a different, different, some other, any other, other",
            "day, time, date, another time, week, slot",
        ),
        each(
            "to, on, at, for",
            "another day, another time, another date, a different day, a different time, "
            "a different date, some other day, some other time, any other day, other day, other time, "
            "different day, different time, another week, another slot, a new time, a new date",
        ),
    ),
    Kind.CANCEL: (
        """отмена, отмену, отменить, отмените, отмени, отменяю, отменяем, отменяйте, отменяй, давайте отменим, давай отменим,
        аннулируйте, аннулировать, аннулирую""",
        each("отменить, отмените, отменяю, отменяем, отмена", "полностью, совсем"),
        each(
            "отказываюсь от, отказываемся от, хочу отказаться от, вынуждена отказаться от, "
            "вынужден отказаться от, придется отказаться от, отказ от",
            "приема, визита, записи, посещения, консультации",
        ),
        each(
            "снимите, снять, удалите, уберите, аннулируйте",
            "запись, мою запись, нашу запись, меня с записи, нас с записи, меня с приема, "
            "прием, мой прием, бронь",
        ),
        """cancel, cancelling, canceling, cancellation, cancelation, cancel it, cancel that, call it off""",
        each("i'm, im, i am, we're, we are", "cancelling, canceling"),
    ),
    Kind.ABSENT: (
        each(
            "не, уже не, точно не, завтра не, больше не",
            f"{COME}, {GO}, подойду, подъеду, прибуду",
        ),
        each("меня, нас, завтра меня, завтра нас", "не будет, завтра не будет, не будет завтра"),
        "не будет меня, не будет нас",
        """won't come, wont come, will not come, i won't come, i wont come, i will not come, i'll not come, we won't come, we
        will not come, not coming, i'm not coming, im not coming, i am not coming, we're not coming, we are not coming,
        won't be there, wont be there, will not be there, i won't be there, i wont be there, i will not be there, we won't
        be there, won't be coming, wont be coming, i won't be coming, will not be coming, i will not be coming, i won't
        attend, won't attend, will not attend, i will not attend, not attending, i'm not attending, i am not attending,
        won't be attending, i won't be attending, will not be attending, i will not be attending""",
    ),
    Kind.REPEAT: (
        """повторите, повтори, повтор, повторить, повторяйте, еще раз, еще разок, повторите еще раз, повтори еще раз, повторите
        вопрос, повторите сообщение, повторите информацию, повторить информацию, повторить вопрос, повторить сообщение,
        повтор информации, можете повторить, можно повторить, можно еще раз, не могли бы повторить, не могли бы вы
        повторить, повторите текст, еще раз вопрос, еще раз сообщение, можете еще раз, пришлите еще раз, отправьте еще раз,
        напишите еще раз, повторите варианты, повторите меню, повторить меню""",
        """repeat, again, repeat that, repeat it, repeat again, once again, once more, one more time, say again, say it again,
        repeat the question, repeat the message, repeat the options, can you repeat, can you repeat that, could you repeat,
        could you repeat that, send it again, send again, repeat question""",
    ),
    Kind.OPT_OUT: (
        """стоп, отписаться, отписатся, отпишите, отпишите меня, отпишите нас, отпишись, отписка, отписываюсь, хочу отписаться,
        хочу отписаться от, стоп рассылка, стоп рассылке, отказ от рассылки, отказаться от рассылки, отказываюсь от
        рассылки, отмена рассылки, отменить рассылку, отмените рассылку, отключите рассылку, отключить рассылку, прекратите
        рассылку, удалите меня из рассылки, уберите меня из рассылки, исключите меня из рассылки, удалите меня из базы,
        удалите мой номер, удалите мой номер из базы, удалите номер, уберите мой номер, удалите мой телефон, удалите мой
        номер телефона, удалите мой номер из рассылки, отключите уведомления, отключить уведомления, отключите смс,
        отключите оповещения, прекратите спам, хватит спамить, не спамьте, отстаньте, отстаньте от меня, отвяжитесь, не
        беспокойте, не беспокоить, просьба не беспокоить, прошу не беспокоить, прошу не писать, прошу не звонить, просьба не
        писать, просьба не звонить, не пишите, не пиши, не писать, не звоните, не звони, не звонить, не присылайте, не
        присылать, не отправляйте, не отправлять, не шлите, не слать, не тревожьте, не хочу получать, не желаю получать""",
        each(
            "не надо, не надо мне, мне не надо, не нужно, не нужно мне, мне не нужно, не надо больше, "
            "больше не надо, больше не нужно, не надо мне больше, не нужно мне больше, хватит, хватит мне, перестаньте, перестаньте мне, прекратите, прекратите мне",
            "писать, звонить, присылать, слать",
        ),
        each(
            "don't text me, dont text me, don't call me, dont call me, don't message me, "
            "don't contact me, do not call me, do not text me, do not contact me",
            "again, ever again",
        ),
        """stop, stopall, stop all, unsubscribe, unsubscribe me, opt out, opt-out, optout, stop texting, stop texting me, stop
        messaging, stop messaging me, stop calling, stop calling me, stop writing, stop writing me, stop sending, stop
        sending me, stop writing to me, stop contacting me, stop spamming, stop spamming me, stop bothering me, don't text
        me, dont text me, do not text me, don't write to me, don't write me, do not write to me, don't call me, dont call
        me, do not call me, don't message me, dont message me, do not message me, don't contact me, dont contact me, do not
        contact me, do not contact, don't send me, do not send me, don't disturb me, do not disturb, no more messages, no
        more texts, no more sms, remove me, remove me from, remove me from your list, take me off your list, remove my
        number, delete my number, leave me alone""",
    ),
    Kind.OPT_OUT_REST: (
        """больше, больше никогда, никогда больше, сообщения, сообщений, смс, sms, сюда, на этот номер, на мой номер,
        уведомления, рассылку, рассылки, от рассылки, от рассылок, от сообщений, от уведомлений, от смс, ваши, ваших, все,
        вообще, эти, этого, этот номер, сообщение, впредь""",
        """anymore, any more, messages, texts, these, your, your list, this list, reminders, notifications, from, all, this
        number, any, text, calls, ever""",
    ),
    Kind.OPT_IN: ("старт, подписаться, подпишите меня, start, unstop, subscribe",),
    Kind.NO: ("нет, неа, не а, no, nope, nah",),
    Kind.NOT: (
        "не, ни, not, don't, dont, won't, wont, can't, cant, cannot, нельзя, без, never, никогда",
    ),
    Kind.DOUBT: (
        # hedges
        """наверное, наверно, наверняка, может, может быть, мб, возможно, вероятно, скорее всего, вроде, вроде бы, кажется,
        похоже, пожалуй, постараюсь, постараемся, попробую, попытаюсь, надеюсь, планирую, планируем, думаю, не знаю, не
        уверен, не уверена, посмотрим, подумаю, как получится, по возможности приду, если получится, если что, если смогу,
        если успею, сомневаюсь, хз, думаю да, думаю нет, предположительно, собираюсь, под вопросом, как бы, типа, да ну, да
        ладно, ага конечно, ага щас, да щас, да так, да уж, ну да конечно, ну да ну да, ага да, ага как же, мой номер, наш номер, my number, да нет, да не,
        минус, почти, в другой раз, другой раз, оба, обе, любой, любая, любое, ни один, ни одна, ни одно, ничего, никакой,
        все равно""",
        """yeah right, text me, message me, maybe, may be, perhaps, probably, possibly, i think, i think so, i guess, i hope, hopefully, not sure, i'm not sure,
        im not sure, i am not sure, i don't know, i dont know, dont know, don't know, idk, might, i might, i may, i'll try,
        i will try, will try, we'll see, try to, depends, it depends, unsure, likely, if, unless, dunno, kind of, sort of, i
        suppose, either, both, neither, none, i doubt it""",
        # option words that ask, tell about the past, or leave the doing to someone else
        """не смогу ли, подтвердите, подтверди, перенесу, отменю, придет, придут, будет, будут, придите, приходите, приходить,
        прийти, приехать, могу, можем, мог бы, могла бы, пришла бы, пришел бы, откажусь, отказываюсь, отказ, отказаться,
        перезаписалась, перезаписался, изменить, поменять, изменить запись, поменять запись, изменение, другое, другой,
        другую, иное, не подтверждаю, не согласен, не согласна, не надо, не нужно, нет не надо, первого, первому, первым,
        второго, второму, вторым, третьего, третьему, третьим, двух, двум, трех, трем, двое, трое, двоих, троих, четыре,
        пять, шесть, семь, восемь, девять, десять, одиннадцать, двенадцать, тринадцать, пятнадцать, двадцать, вряд ли, не
        хочу, не буду отменять, не буду переносить, ничего не надо""",
        each("отмените, отменить, отменяю, отменяем, отменяйте, отмени, отмена", "отмену, отмена"),
        each("cancel, cancel the, cancel my", "cancellation, cancelation"),
        """cancelled, canceled, rescheduled, i will confirm, i'll confirm, will confirm, come, attend, wait, don't come,
        change, not confirm, i need to confirm, need to confirm, have to confirm, need to be confirmed, to confirm, to
        cancel, to reschedule, the first, the second, the third, no one, someone, anyone, four, five, six, seven, eight,
        nine, ten, eleven, twelve""",
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

WORDS: Final = frozenset(word for phrase in PHRASES for word in phrase)
