"""SIP trunks through pjsua2: docs/sip.md.

The native library takes four calls a process and may abort it, so every trunk is a pool of small
processes ("line cards"). Modules whose names begin with `linecard` run in those; only they import
the library. All others run in the gateway and know the cards by `protocol` alone.
"""
