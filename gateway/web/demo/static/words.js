// Words of the page in Russian and English, and dates in the clinic's zone.

const WORDS = {
  ru: {
    skip: "К чатам",
    schedule: "Расписание клиники",
    chats: "WhatsApp пациентов",
    sections: "Разделы",
    tab_schedule: "Расписание",
    tab_chats: "Чаты",
    add: "Новая запись",
    help: "Справка",
    lost: "Связь с демо прервалась. Страница подключится сама.",
    speed: "Скорость времени клиники",
    pause: "Пауза",
    speed_n: (n) => (n ? `Время идёт в ${n} раз быстрее` : "Остановить время"),
    speed_1: "Обычная скорость",
    today: "Сегодня",
    tomorrow: "Завтра",
    yesterday: "Вчера",
    clinic_time: "время клиники",
    sum: (ok, asked) => `Подтверждено ${ok} · ждём ответа ${asked}`,
    count: (n) => `${n} ${plural(n, "запись", "записи", "записей")}`,
    anonymous_patient: "Анонимный пациент",
    stranger: "Неизвестный номер",
    statuses: {
      unconfirmed: "Не подтверждён",
      confirmed: "Подтверждён",
      reschedule_requested: "Просит перенести",
      cancelled: "Отменён",
      arrived: "Пришёл",
      completed: "Приём состоялся",
      no_show: "Не пришёл",
    },
    flags: {
      anonymous: "анонимно",
      club: "клуб",
      service: "онлайн-услуга",
      booked_online: "онлайн-запись",
      online_consultation: "онлайн-консультация",
    },
    attention: "Нужен администратор",
    attention_why: "Ответ дважды не удалось понять, дальше решает человек.",
    functions: { details: "Детали записи", confirmation: "Подтверждение", reminder: "Напоминание" },
    states: {
      waiting: "ждёт своего времени",
      sending: "отправляется",
      calling: "идёт звонок",
      sent: "отправлено",
      delivered: "доставлено",
      read: "прочитано",
      answered: "пациент ответил",
      called: "звонили, ответа нет",
      failed: "не удалось отправить",
      not_sent: "не отправлено",
      off: "выключено",
    },
    why_title: "Почему не отправлено",
    later_title: "Если ничего не изменится, не будет отправлено",
    next_at: (when) => `Отправим ${when}`,
    decide_at: (when) => `Решим ${when}`,
    sent_at: (when) => `Отправлено ${when}`,
    unknown: "Callahead ещё не знает об этой записи.",
    open_chat: "Открыть чат",
    open_visit: (name) => `${name}: подробнее`,
    staff: "Сделать в расписании клиники",
    confirm: "Подтвердить",
    cancel: "Отменить",
    unconfirm: "Вернуть в неподтверждённые",
    move: "Перенести",
    remove: "Удалить из расписания",
    arrive: "Пациент пришёл",
    back: "Назад",
    save: "Записать",
    close: "Закрыть",
    history: "Хронология",
    command: "То же в терминале",
    move_title: "Перенести приём",
    add_hint: "Запись появится в расписании, а пациенту сразу уйдут детали в WhatsApp.",
    last_name: "Фамилия",
    first_name: "Имя",
    middle_name: "Отчество",
    phone: "Мобильный телефон",
    doctor: "Врач",
    start: "Дата и время приёма",
    consent: "Есть согласие на обработку персональных данных",
    failed: "Не получилось. Проверьте, что демо запущено, и повторите.",
    bad_fields: "Проверьте поля:",
    no_whatsapp: "Нет WhatsApp",
    alone: "автоответ",
    alone_hint: "Через некоторое время этот пациент ответит без вас, но его можно опередить.",
    asked: "ждём ответа",
    for_patient: (names) => `За пациента: ${names}`,
    no_messages: "Сообщений пока нет",
    no_messages_text: "Почему — сказано в расписании, если нажать на запись.",
    no_account_text: "На этом номере нет WhatsApp, поэтому чата не будет.",
    message: "Сообщение",
    message_hint: "Ответ пациента",
    send: "Отправить",
    quote: "Ответить на это сообщение",
    quoted: "Ответ на сообщение",
    unquote: "Не цитировать",
    to_list: "К списку чатов",
    try: "Быстрые ответы",
    tries: ["1", "2", "3", "Да, приду", "А где парковка?", "стоп"],
    you: "Пациент",
    us: "Клиника",
    ticks: { accepted: "принято", sent: "отправлено", delivered: "доставлено", read: "прочитано", failed: "не доставлено" },
    unread: (n) => `Непрочитанных: ${n}`,
    steps_title: "Попробуйте сами",
    steps: [
      ["Откройте чат", "В 10:00 по часам клиники пациентам завтрашнего дня придёт просьба подтвердить приём."],
      ["Ответьте за пациента", "Цифрой 1, 2 или 3, кнопкой или своими словами. Напишите ерунду или «стоп»."],
      ["Смотрите на расписание", "Статус изменится сразу. Нажмите на запись: там сказано, что отправлено и почему нет."],
    ],
    steps_clock: "Ускорьте время вверху страницы — весь день пройдёт за пару минут.",
    got_it: "Понятно",
    help_title: "Что здесь происходит",
    help_text: [
      "Слева — расписание клиники, справа — телефоны её пациентов. Между ними работает настоящий Callahead: тот же код, что и в клинике. Он читает расписание, пишет пациентам в WhatsApp, понимает ответы и меняет статусы. Клиника, пациенты и их WhatsApp живут только на этом компьютере; наружу ничего не уходит.",
      "Три сообщения на каждый приём: детали сразу после записи, просьба подтвердить накануне в 10:00 и напоминание за два часа. Значки в строке записи показывают, что с каждым из них. Если что-то не отправлено, значок скажет почему.",
      "Закройте программу как угодно, даже kill -9, и запустите снова: ничего не потеряется и ничего не придёт дважды. Начать заново: callahead demo --fresh.",
    ],
    help_api: "Описание API",
    timeline: {
      snapshot: (d) => (d.moved ? `Приём перенесён на ${d.when}` : `Расписание: ${d.when}, «${d.status}»`),
      removed: () => "Записи больше нет в расписании",
      message: (d) => `${d.purpose}: ${d.state}${d.code ? ` (код ${d.code})` : ""}`,
      skip: (d) => `${d.function}: не отправлено. ${d.reasons}`,
      answer: (d) => `Ответ «${d.raw}»: ${d.answer ? `понят как «${d.answer}»` : "не понят"}${d.applied || !d.answer ? "" : ", статус не меняет"}`,
      status: (d) => `Статус: «${d.from}» → «${d.to}»`,
      conflict: () => "Ответ не применён: расписание изменилось раньше",
      opt_out: () => "Пациент отказался от сообщений",
      opt_in: () => "Пациент снова получает сообщения",
      needs_attention: () => "Ответ непонятен дважды, нужен администратор",
      charge: (d) => `Списание: ${d.amount} ₽`,
      push: () => "Расписание не ответило, изменение будет передано ещё раз",
    },
    purposes: {
      details: "Детали записи",
      confirmation: "Просьба подтвердить",
      reminder: "Напоминание",
      reschedule_link: "Ссылка для переноса",
      acknowledgement: "Ответ пациенту",
      clarification: "Уточнение",
    },
    message_states: { started: "отправляем", accepted: "принято WhatsApp", delivered: "доставлено", read: "прочитано", failed: "не доставлено", unknown: "ждём подтверждения", planned: "запланировано" },
    answers: { confirm: "подтвердить", reschedule: "перенести", cancel: "отменить", repeat: "повторить" },
  },
  en: {
    skip: "To the chats",
    schedule: "The clinic's schedule",
    chats: "Patients' WhatsApp",
    sections: "Sections",
    tab_schedule: "Schedule",
    tab_chats: "Chats",
    add: "New visit",
    help: "Help",
    lost: "The connection to the demo is lost. The page will reconnect by itself.",
    speed: "How fast the clinic's time goes",
    pause: "Pause",
    speed_n: (n) => (n ? `Time goes ${n} times as fast` : "Stop the time"),
    speed_1: "Ordinary speed",
    today: "Today",
    tomorrow: "Tomorrow",
    yesterday: "Yesterday",
    clinic_time: "clinic time",
    sum: (ok, asked) => `${ok} confirmed · ${asked} asked`,
    count: (n) => `${n} ${n === 1 ? "visit" : "visits"}`,
    anonymous_patient: "Anonymous patient",
    stranger: "Unknown number",
    statuses: {
      unconfirmed: "Not confirmed",
      confirmed: "Confirmed",
      reschedule_requested: "Wants to move",
      cancelled: "Cancelled",
      arrived: "Arrived",
      completed: "Completed",
      no_show: "No show",
    },
    flags: {
      anonymous: "anonymous",
      club: "club",
      service: "online service",
      booked_online: "booked online",
      online_consultation: "online consultation",
    },
    attention: "Needs the reception",
    attention_why: "Two answers in a row could not be understood; a person has to decide.",
    functions: { details: "Details", confirmation: "Confirmation", reminder: "Reminder" },
    states: {
      waiting: "waiting for its time",
      sending: "being sent",
      calling: "calling",
      sent: "sent",
      delivered: "delivered",
      read: "read",
      answered: "the patient has answered",
      called: "called, no answer",
      failed: "could not be sent",
      not_sent: "not sent",
      off: "switched off",
    },
    why_title: "Why it was not sent",
    later_title: "Unless something changes, it will not be sent",
    next_at: (when) => `Goes out ${when}`,
    decide_at: (when) => `Decided ${when}`,
    sent_at: (when) => `Sent ${when}`,
    unknown: "Callahead does not know this visit yet.",
    open_chat: "Open the chat",
    open_visit: (name) => `${name}: more`,
    staff: "Do it in the clinic's schedule",
    confirm: "Confirm",
    cancel: "Cancel",
    unconfirm: "Back to not confirmed",
    move: "Move",
    remove: "Remove from the schedule",
    arrive: "The patient is here",
    back: "Back",
    save: "Save",
    close: "Close",
    history: "Timeline",
    command: "The same in a terminal",
    move_title: "Move the visit",
    add_hint: "The visit appears in the schedule, and its details go to the patient at once.",
    last_name: "Last name",
    first_name: "First name",
    middle_name: "Patronymic",
    phone: "Mobile number",
    doctor: "Doctor",
    start: "Date and time",
    consent: "Consents to personal-data processing",
    failed: "That did not work. Is the demo running? Try again.",
    bad_fields: "Please check:",
    no_whatsapp: "No WhatsApp",
    alone: "auto",
    alone_hint: "After a while this patient will answer without you, but you can be faster.",
    asked: "asked",
    for_patient: (names) => `For the patient ${names}`,
    no_messages: "No messages yet",
    no_messages_text: "Click the visit in the schedule to see why.",
    no_account_text: "There is no WhatsApp on this number, so there will be no chat.",
    message: "Message",
    message_hint: "The patient's answer",
    send: "Send",
    quote: "Answer this message",
    quoted: "Answer to",
    unquote: "Do not quote",
    to_list: "Back to the list",
    try: "Quick answers",
    tries: ["1", "2", "3", "Yes, I will come", "Where can I park?", "stop"],
    you: "Patient",
    us: "Clinic",
    ticks: { accepted: "accepted", sent: "sent", delivered: "delivered", read: "read", failed: "not delivered" },
    unread: (n) => `${n} unread`,
    steps_title: "Try it",
    steps: [
      ["Open a chat", "At 10:00 by the clinic's clock tomorrow's patients are asked to confirm their visit."],
      ["Answer as the patient", "With 1, 2 or 3, a button or your own words. Try nonsense, or “stop”."],
      ["Watch the schedule", "The status changes at once. Click a visit to see what was sent, and why not."],
    ],
    steps_clock: "Make the time go faster at the top of the page: a whole day in a few minutes.",
    got_it: "Got it",
    help_title: "What you see here",
    help_text: [
      "On the left is a clinic's schedule, on the right its patients' phones. Between them works the real Callahead, the same code that runs in a clinic. It reads the schedule, writes to patients over WhatsApp, understands their answers and changes the status. The clinic, the patients and their WhatsApp live on this computer only; nothing leaves it.",
      "Three messages for each visit: its details when it is booked, a request to confirm at 10:00 the day before, and a reminder two hours before the start. The icons beside a visit show how each of them stands. Where something was not sent, the icon says why.",
      "Stop the program in any way, kill -9 included, and start it again: nothing is lost and nothing comes twice. To begin anew: callahead demo --fresh.",
    ],
    help_api: "API description",
    timeline: {
      snapshot: (d) => (d.moved ? `Visit moved to ${d.when}` : `Schedule: ${d.when}, “${d.status}”`),
      removed: () => "Gone from the schedule",
      message: (d) => `${d.purpose}: ${d.state}${d.code ? ` (code ${d.code})` : ""}`,
      skip: (d) => `${d.function}: not sent. ${d.reasons}`,
      answer: (d) => `Answer “${d.raw}”: ${d.answer ? `read as “${d.answer}”` : "not understood"}${d.applied || !d.answer ? "" : ", changes no status"}`,
      status: (d) => `Status: “${d.from}” → “${d.to}”`,
      conflict: () => "Answer not applied: the schedule had changed before",
      opt_out: () => "The patient wants no messages",
      opt_in: () => "The patient wants messages again",
      needs_attention: () => "Not understood twice: needs the reception",
      charge: (d) => `Charge: ${d.amount} ₽`,
      push: () => "The schedule did not answer; the change is offered again",
    },
    purposes: {
      details: "Details",
      confirmation: "Request to confirm",
      reminder: "Reminder",
      reschedule_link: "Link to reschedule",
      acknowledgement: "Reply",
      clarification: "Clarification",
    },
    message_states: { started: "being sent", accepted: "taken by WhatsApp", delivered: "delivered", read: "read", failed: "not delivered", unknown: "waiting for a receipt", planned: "planned" },
    answers: { confirm: "confirm", reschedule: "reschedule", cancel: "cancel", repeat: "repeat" },
  },
};

function plural(n, one, few, many) {
  const tens = n % 100, ones = n % 10;
  if (tens > 10 && tens < 20) return many;
  if (ones === 1) return one;
  return ones > 1 && ones < 5 ? few : many;
}

export const page = {
  language: localStorage.getItem("callahead-language") === "en" ? "en" : "ru",
  zone: "Europe/Moscow",
};

export const t = () => WORDS[page.language];

const formats = new Map();
function format(key, options) {
  const name = `${page.language}|${page.zone}|${key}`;
  if (!formats.has(name)) {
    const locale = page.language === "ru" ? "ru-RU" : "en-GB";
    formats.set(name, new Intl.DateTimeFormat(locale, { timeZone: page.zone, ...options }));
  }
  return formats.get(name);
}

export const clock = (at) => format("clock", { hour: "2-digit", minute: "2-digit" }).format(at);
export const seconds = (at) =>
  format("seconds", { hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(at);
export const weekday = (at) =>
  format("weekday", { weekday: "long", day: "numeric", month: "long" }).format(at);
export const short = (at) => format("short", { day: "numeric", month: "short" }).format(at);
const isoDay = new Map();
export function day(at) {
  if (!isoDay.has(page.zone)) {
    isoDay.set(page.zone, new Intl.DateTimeFormat("en-CA", { timeZone: page.zone }));
  }
  return isoDay.get(page.zone).format(at);
}

export function dayName(key, now) {
  const noon = new Date(`${key}T12:00:00Z`);
  const days = Math.round((noon - new Date(`${day(now)}T12:00:00Z`)) / 86400000);
  const near = { "-1": t().yesterday, 0: t().today, 1: t().tomorrow }[days];
  return [near, weekday(noon)];
}

/** "в 14:30" today, "завтра в 14:30", "25 нояб. в 14:30". */
export function when(at, now) {
  const [near] = dayName(day(at), now);
  const place = near === t().today ? "" : `${near ? near.toLowerCase() : short(at)} `;
  return `${place}${page.language === "ru" ? "в" : "at"} ${clock(at)}`;
}

/** Local time of the clinic for a datetime-local input. */
export const local = (at) => `${day(at)}T${clock(at)}`;
