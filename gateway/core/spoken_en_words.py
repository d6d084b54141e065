"""What is written short in English and said long: abbreviations and capitals (data)."""

from __future__ import annotations

import re
from typing import Final


def _table(text: str) -> dict[str, str]:
    """Read "written=spoken, written=spoken"."""
    pairs = (pair.split("=") for pair in " ".join(text.split()).strip(", ").split(","))
    return {written.strip(): spoken.strip() for written, spoken in pairs}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


WITH_STOP: Final = _table(
    """
    dr=Doctor, mr=Mister, mrs=Missis, ms=Miz, prof=Professor, rd=Road, ave=Avenue, av=Avenue,
    blvd=Boulevard, sq=Square, ln=Lane, hwy=Highway, apt=apartment, bldg=building, fl=floor,
    rm=room, ste=suite, tel=telephone, ext=extension, dept=department, approx=approximately,
    etc=et cetera, e.g=for example, i.e=that is, vs=versus, appt=appointment, hosp=hospital,
    jr=junior, sr=senior, incl=including, mt=Mount, ft=Fort
    """
)
"""Written with a full stop, small letters or capitals."""

WITHOUT_STOP: Final = _table(
    """
    Dr=Doctor, Mr=Mister, Mrs=Missis, Ms=Miz, Prof=Professor, Rd=Road, Ave=Avenue, Blvd=Boulevard,
    Apt=apartment, Bldg=building, Tel=telephone, PhD=P H D, St=Street, e.g=for example,
    eg=for example, ENT=E N T, w/o=without, c/o=care of, GPs=G Ps
    """
)
"""Written without one, exactly so."""

ENDS_SENTENCES: Final = _words("rd ave av blvd sq ln hwy etc fl jr sr dept")
"""Those that may stand last in a sentence, their full stop ending it."""

NO_STREETS: Final = _words("The At In Of On By Clinic Hospital Centre Center Near")
"""Words with a capital behind which "St." is a saint."""

COUNTRIES: Final = _words("U.K. U.S. U.S.A. U.A.E. E.U.")

LEGAL_FORMS: Final = _words("LLC Ltd Inc PLC plc GmbH LLP Corp")
"""Left out: no patient knows a clinic by them."""

SMALL_WORDS: Final = _words(
    """
    a an and are as at be but by do for from go he her his if in is it me my no not of off on or our
    out she so the them they this to up us was we you your yes please one two three all any can may
    new old one day how its now see who why will with
    """
)
"""Short words that are written in capitals for emphasis."""

BY_LETTERS: Final = _words("mri ent ecg eeg icu ivf gp gps uk usa eu hiv vat nhs id iq sms url ivr")
"""Capitals that are said letter by letter, however many vowels they have."""

COUNTED: Final[dict[str, tuple[str, str]]] = {
    "mins": ("minute", "minutes"),
    "min": ("minute", "minutes"),
    "hrs": ("hour", "hours"),
    "hr": ("hour", "hours"),
    "secs": ("second", "seconds"),
    "sec": ("second", "seconds"),
    "km": ("kilometre", "kilometres"),
    "cm": ("centimetre", "centimetres"),
    "mm": ("millimetre", "millimetres"),
    "m": ("metre", "metres"),
    "kg": ("kilogram", "kilograms"),
    "mg": ("milligram", "milligrams"),
    "ml": ("millilitre", "millilitres"),
    "yrs": ("year", "years"),
    "yr": ("year", "years"),
    "RUB": ("rouble", "roubles"),
    "rub": ("rouble", "roubles"),
    "GBP": ("pound", "pounds"),
    "USD": ("dollar", "dollars"),
    "EUR": ("euro", "euros"),
}
"""Units as they are written behind a number."""

RUSSIAN_CAPITALS: Final = _table(
    """
    УЗИ=ultrasound, УЗД=ultrasound, МРТ=MRI, КТ=CT, ЭКГ=ECG, ЭЭГ=EEG, ЭКО=IVF, ЛФК=exercise therapy,
    ФГДС=gastroscopy, ЛОР=ENT, ОМС=state insurance, ДМС=private insurance, ЖК=antenatal clinic,
    МЦ=medical centre, КДЦ=diagnostic centre, ГКБ=city hospital, ЦРБ=district hospital, США=USA,
    НА=na, ПО=po, ДЛЯ=dlya, ПРИ=pri, ДОМ=Dom, МИР=Mir,
    ООО=, ОАО=, ЗАО=, АО=, ПАО=, ИП=, ГБУЗ=, ФГБУ=, ГАУЗ=, МБУЗ=, ЧУЗ=, АНО=
    """
)
"""What Russian capitals mean; legal forms are left out."""

_SPECIALTIES: Final = _table(
    """
    врач=doctor, терапевт=general practitioner, врач общей практики=general practitioner,
    семейный врач=family doctor, педиатр=paediatrician, хирург=surgeon, кардиолог=cardiologist,
    невролог=neurologist, невропатолог=neurologist, офтальмолог=eye doctor, окулист=eye doctor,
    стоматолог=dentist, стоматолог-терапевт=dentist, стоматолог-хирург=dental surgeon,
    ортодонт=orthodontist, имплантолог=dental implant surgeon, пародонтолог=gum specialist,
    гинеколог=gynaecologist, акушер-гинеколог=obstetrician and gynaecologist, уролог=urologist,
    дерматолог=dermatologist, дерматовенеролог=dermatologist, косметолог=cosmetologist,
    эндокринолог=endocrinologist, гастроэнтеролог=gastroenterologist,
    аллерголог=allergist, аллерголог-иммунолог=allergist, пульмонолог=lung specialist,
    онколог=oncologist, маммолог=breast specialist, гематолог=haematologist,
    нефролог=nephrologist, ревматолог=rheumatologist, травматолог=trauma doctor,
    ортопед=orthopaedist, травматолог-ортопед=orthopaedist, проктолог=proctologist,
    флеболог=vein specialist, инфекционист=infectious diseases doctor, психиатр=psychiatrist,
    психолог=psychologist, психотерапевт=psychotherapist, нарколог=addiction specialist,
    физиотерапевт=physiotherapist, реабилитолог=rehabilitation doctor, диетолог=dietitian,
    логопед=speech therapist, остеопат=osteopath, рентгенолог=radiologist,
    анестезиолог=anaesthetist, медсестра=nurse, фельдшер=paramedic, лаборант=laboratory assistant,
    узи=ultrasound doctor, узд=ultrasound doctor, ультразвуковой диагностики=ultrasound doctor,
    мрт=radiologist, кт=radiologist, рентген=radiologist, рентгенологии=radiologist,
    функциональной диагностики=functional diagnostics doctor, экг=functional diagnostics doctor,
    лфк=exercise therapy doctor, лечебной физкультуры=exercise therapy doctor,
    репродуктолог=fertility doctor, эко=fertility doctor, мануальный терапевт=manual therapist,
    рефлексотерапевт=reflexologist
    """
)
_EAR_NOSE_AND_THROAT: Final = _words("лор оториноларинголог отоларинголог")


# «врач 1-й категории», «терапевт, к. м. н.»: ranks say nothing of what a doctor treats.
_RANK: Final = re.compile(
    r",? ?(?:высшей|первой|второй|[12]-?(?:й|ой|ая)?) (?:квалификационной )?категории"
    r"|,? ?[кд]\. ?м\. ?н\.?"
)


def english_specialty(specialty: str) -> str:
    """Return the English name of a common Russian specialty, any other text as it is."""
    known = _RANK.sub("", " ".join(specialty.lower().split())).strip(" ,.")
    known = known.replace("мед. сестра", "медсестра").replace("акуш.-", "акушер-")
    if known.removeprefix("врач-") in _EAR_NOSE_AND_THROAT or known == "лор-врач":
        return "ear, nose and throat doctor"
    bare = known.removeprefix("врач-").removeprefix("врач ")
    return _SPECIALTIES.get(known) or _SPECIALTIES.get(bare, specialty)
