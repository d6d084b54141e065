"""How the patient page looks: one style sheet inside the page, for a phone, light and dark."""

from __future__ import annotations

import base64
import hashlib

LIGHT = {
    "ink": "#14213d",
    "paper": "#f3f5f9",
    "card": "#ffffff",
    "soft": "#55617a",
    "line": "#75829b",
    "ok": "#12703f",
    "go": "#2457a6",
    "no": "#b3261e",
    "on": "#ffffff",
}
DARK = {
    "ink": "#eef2f8",
    "paper": "#10151f",
    "card": "#1a2230",
    "soft": "#a9b4c8",
    "line": "#74819b",
    "ok": "#58c98b",
    "go": "#8ab4ff",
    "no": "#ff938a",
    "on": "#0b1220",
}
"""Text on its ground has a contrast of 4.5 at least, edges 3 (WCAG 2.2, 1.4.3 and 1.4.11)."""


def _names(colours: dict[str, str]) -> str:
    return "".join(f"--{name}:{value};" for name, value in colours.items())


STYLE = (
    f":root{{color-scheme:light dark;{_names(LIGHT)}}}\n"
    f"@media(prefers-color-scheme:dark){{:root{{{_names(DARK)}}}}}\n"
    """*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);
font:1.125rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;overflow-wrap:anywhere}
main{max-width:26rem;margin:0 auto;padding:1.25rem 1rem 2.5rem}
h1{font-size:1.4rem;line-height:1.25;margin:.25rem 0 1rem}
h2,legend{font-size:1rem;font-weight:600;margin:1.5rem 0 .35rem;padding:0}
legend{margin-top:0}
p{margin:.85rem 0}
a{color:var(--go)}
dl{margin:0;padding:1rem 1.15rem .35rem;background:var(--card);border-radius:16px}
dt{color:var(--soft);font-size:.9rem}
dd{margin:0 0 .65rem}
.when{font-size:1.25rem;font-weight:600;line-height:1.3}
.note{padding:.7rem 1rem;border-left:4px solid var(--go);border-radius:8px;background:var(--card);
font-weight:600}
.note.good{border-color:var(--ok)}
.button{display:flex;align-items:center;justify-content:center;width:100%;min-height:3.25rem;
margin-top:.75rem;padding:.4rem 1rem;border:2px solid var(--go);border-radius:12px;font:inherit;
font-weight:600;text-align:center;text-decoration:none;color:var(--on);background:var(--go);
cursor:pointer}
.confirm{border-color:var(--ok);background:var(--ok)}
.cancel{border-color:var(--no);background:none;color:var(--no)}
.sure{border-color:var(--no);background:var(--no)}
.quiet{border-color:var(--line);background:none;color:var(--ink)}
:focus-visible,.time:has(:focus-visible){outline:3px solid var(--ink);outline-offset:2px}
fieldset{margin:1.1rem 0;padding:0;border:0;min-width:0}
.times{display:grid;grid-template-columns:repeat(auto-fill,minmax(5.5rem,1fr));gap:.5rem}
.time{display:flex;align-items:center;gap:.5rem;min-height:3rem;padding:0 .7rem;cursor:pointer;
border:2px solid var(--line);border-radius:12px;background:var(--card)}
.time:has(:checked){border-color:var(--go);font-weight:600}
.time input{width:1.15rem;height:1.15rem;margin:0;accent-color:var(--go)}
.foot{margin-top:1.5rem;color:var(--soft)}
.foot a{display:inline-block;padding:.6rem 0}
"""
)

STYLE_HASH = "sha256-" + base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
"""The only style that the page's policy allows (CSP 3, 2.3.1)."""
