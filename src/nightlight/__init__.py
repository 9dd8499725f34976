"""Nightlight: prevent, detect and respond to the sexual exploitation of children, with closed doors kept closed.

A map of the house; imports point only to the left::

    model, errors <- hazmat <- evidence | prevent | detect <- respond <- insight <- ports <- flows
        <- store | adapters | web <- cli, demo, bench, town

    model/     the words: account, event, contact, report, verdict, case, decision, action; frozen
               dataclasses, standard library only
    errors.py  RefusedError (your input) and UnavailableError (the world)
    hazmat/    Megolm arithmetic, attachment streams, Merkle proofs, strict JSON and CBOR: hazards in one room
    evidence/  disclosure, key-export files, stored event + message key -> VerifiedMessage, attached files, the Merkle
               log and its checkpoints; bundle/: what is handed over, and verifying it
    prevent/   contact policy as data, the decision about one approach, relations, safety notices
    detect/    features over windows of events, rules over features, their language and engines
    respond/   how reports become cases, what a decision may do, how long what is kept and why
    insight/   prevalence: what police forces answered, as shares of apps with their intervals and their limits; the
               record: what this service did, as numbers that can be published
    ports.py   Protocols the flows need: store, clock, homeserver
    flows/     the stories: take a report, check attachments, review a case, enforce a decision, collect reports
    store/     SQLAlchemy: SQLite and PostgreSQL, one schema, Alembic migrations
    adapters/  matrix/: the homeserver's client, admin and OpenID interfaces; sealed/: the process that opens
               attachments; vault.py, case_seal.py: what is kept, encrypted; age.py, timestamp.py, transparency/;
               jetstream/, spark/: detection on many machines; answers/: files of police forces; translate, never decide
    web/       api/ (JSON, for reporters), disclose/ (their page), console/ (HTML, for reviewers), evidence/ (a verified
               bundle as a page)
    settings.py  one table of settings
    cli/       commands, thin; the composition root
    demo/      a real homeserver and real clients on loopback, and the story they play
    bench/     figures, each measured beside its peer
    town/      the synthetic town: invented people whose events detection can be tried on

Everything up to ``insight`` is pure: no I/O, no clock, no randomness.
"""

__version__ = "0.6.0"
