"""Under which domain a message counts: the mailbox provider of an e-mail address, the country of a telephone
number. The one place that says which of them reports name.

Only domains at which anybody can have a mailbox are named, and those that the shop asks for: a domain of a
firm or a family (`anna@mueller.example`) would name the person. All others count together.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import lru_cache

from engine.channel_kinds import kind_of, normalised

OTHERS = "other"
"""What all domains count as that are not named."""

_LONGEST_CODE = 3

_PROVIDERS = """\
163.com 126.com yeah.net
a1.net aon.at
abv.bg gyuvetch.bg
aol.com aim.com aol.* netscape.net
att.net ameritech.net bellsouth.net pacbell.net sbcglobal.net
au.com ezweb.ne.jp
azet.sk
bbox.fr
bell.net sympatico.ca
bigpond.com bigpond.net.au
bluewin.ch
btinternet.com btopenworld.com talk21.com
centrum.cz atlas.cz
centrum.sk
citromail.hu
comcast.net xfinity.com
cox.net
daum.net hanmail.net kakao.com
dir.bg
docomo.ne.jp
duck.com
earthlink.net mindspring.com
fastmail.com fastmail.fm
forthnet.gr
free.fr aliceadsl.fr
freemail.hu
freenet.de
globo.com
gmail.com googlemail.com
gmx.net gmx.*
hey.com
i.ua
icloud.com mac.com me.com privaterelay.appleid.com
ig.com.br
in.gr
inbox.lt
inbox.lv
indamail.hu
interia.pl interia.eu
juno.com netzero.net
kpnmail.nl hetnet.nl planet.nl
laposte.net
libero.it blu.it giallo.it inwind.it iol.it
mail.bg
mail.com email.com usa.com
mail.ru bk.ru inbox.ru internet.ru list.ru
meta.ua
nate.com
naver.com
one.lt
onet.pl autograf.pl onet.eu op.pl poczta.onet.pl vp.pl
optusnet.com.au
orange.fr wanadoo.fr
otenet.gr
outlook.com hotmail.* live.* msn.com outlook.* passport.com windowslive.com
posteo.de
proton.me pm.me protonmail.ch protonmail.com
proximus.be skynet.be
qq.com foxmail.com
rambler.ru lenta.ru
rediffmail.com rediff.com
rogers.com
sapo.pt
seznam.cz email.cz post.cz
sfr.fr 9online.fr cegetel.net club-internet.fr neuf.fr
shaw.ca
sina.com sina.cn
sky.com
softbank.ne.jp i.softbank.jp
sohu.com
spectrum.net charter.net rr.com
sunrise.ch hispeed.ch
t-online.de magenta.de
talktalk.net tiscali.co.uk
tele2.se comhem.se
telefonica.net terra.es
telenet.be pandora.be
telenor.no online.no
telia.com
terra.com.br
tim.it alice.it tin.it
tiscali.it
tuta.com tuta.io tutamail.com tutanota.com tutanota.de
ukr.net
uol.com.br bol.com.br
verizon.net
videotron.ca
virgilio.it
virginmedia.com blueyonder.co.uk ntlworld.com
vodafone.de arcor.de kabelmail.de
volny.cz
walla.co.il walla.com
web.de email.de
wp.pl o2.pl tlen.pl
xtra.co.nz
yahoo.com myyahoo.com rocketmail.com yahoo.* ymail.com
yandex.ru ya.ru yandex.*
ziggo.nl casema.nl chello.nl home.nl upcmail.nl
zoho.com zoho.eu zoho.in zohomail.com zohomail.eu
zoznam.sk"""
"""A provider a line: the domain that it counts as, and its others (`*`: with the ending of any country)."""

_COUNTRIES = re.compile(r"[a-z]{2,3}|com?\.[a-z]{2}")
"""`de`, `com`, `co.uk`, `com.br`."""


@lru_cache(maxsize=1)
def _providers() -> Mapping[str, str]:
    """Domain -> the one that its provider counts as; `hotmail.` -> that of all its countries."""
    found: dict[str, str] = {}
    for line in _PROVIDERS.split("\n"):
        names = line.split()
        found |= {name.removesuffix("*"): names[0] for name in names}
    return found


def recipient_domain(channel: str, address: str, named: Collection[str] = ()) -> str:
    """`gmail.com` for `anna@googlemail.com`, `+49` for `+4917012345`, `OTHERS` for all that are not named; ""
    for a channel whose addresses have no domain, or an address that is none. `named`: further domains that
    the shop wants to see."""
    match kind_of(channel).form:
        case "email":
            _, at, domain = normalised(channel, address).rpartition("@")
            return _mailbox_domain(domain, named) if at and domain else ""
        case "phone":
            return _calling_code(normalised(channel, address))
        case "token":
            return ""


def _mailbox_domain(domain: str, named: Collection[str]) -> str:
    if domain in named:
        return domain
    providers = _providers()
    found = providers.get(domain)
    if found is None:
        first, _, ending = domain.partition(".")
        found = providers.get(f"{first}.") if _COUNTRIES.fullmatch(ending) else None
    return found or OTHERS


def _calling_code(number: str) -> str:
    # imported here: it brings the numbering plans of the world, which only telephones need
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

    if not number.startswith("+"):
        return ""
    codes = (number[1:length] for length in range(2, _LONGEST_CODE + 2))
    known = (code for code in codes if code.isdigit() and int(code) in COUNTRY_CODE_TO_REGION_CODE)
    return next((f"+{code}" for code in known), OTHERS)
