from __future__ import annotations

from gateway.ivr.diagram import diagram
from gateway.scripts import load_scripts


def test_every_state_key_and_limit_is_drawn() -> None:
    script = load_scripts().of("ru")
    lines = diagram(script).splitlines()
    assert lines[0] == "flowchart TD"
    assert "    call([picked up]) --> visit" in lines
    for name in script.states:
        assert any(line.strip().startswith(f"{name}[") or f"{name}([" in line for line in lines)
    assert "    visit -- 1 --> confirmed" in lines
    assert "    visit -. 0 .-> visit" in lines
    assert "    keys -. silence .-> silence" in lines
    assert "    over([fourth repeat, third wrong key, second silence]) --> goodbye" in lines
