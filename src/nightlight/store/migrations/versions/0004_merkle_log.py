"""The log becomes a Merkle tree of salted commitments; entries of the hash chain are carried over.

Everything here is a copy of the code as it was when this migration was written, so that it stays true.
"""

import hashlib
import hmac
import json
import secrets
import time
from typing import Any

import sqlalchemy as sa
from alembic import context, op

from nightlight.errors import RefusedError

revision = '0004'
down_revision = '0003'

_BATCH = 1000

entries = sa.table(
    "log_entries",
    *(sa.column(name, sa.BigInteger) for name in ("number", "at")),
    *(sa.column(name, sa.Text) for name in ("kind", "actor", "subject", "detail")),
    *(sa.column(name, sa.LargeBinary) for name in ("previous", "hash", "salt")),
)
nodes = sa.table("log_nodes", sa.column("id", sa.BigInteger), sa.column("hash", sa.LargeBinary))
head = sa.table(
    "log_head",
    *(sa.column(name, sa.BigInteger) for name in ("number", "carried")),
    *(sa.column(name, sa.LargeBinary) for name in ("hash", "mac", "peaks")),
)


def upgrade() -> None:
    op.create_table('log_nodes',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False, nullable=False),
    sa.Column('hash', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_log_nodes'))
    )
    with op.batch_alter_table('log_entries', schema=None) as batch_op:
        batch_op.add_column(sa.Column('salt', sa.LargeBinary(), nullable=True))
    with op.batch_alter_table('log_head', schema=None) as batch_op:
        batch_op.add_column(sa.Column('peaks', sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column('carried', sa.BigInteger(), nullable=True))
    _carry_over(op.get_bind(), context.config.attributes["log_key"])
    with op.batch_alter_table('log_entries', schema=None) as batch_op:
        batch_op.alter_column('salt', existing_type=sa.LargeBinary(), nullable=False)
        batch_op.drop_column('previous')
        batch_op.drop_column('hash')
    with op.batch_alter_table('log_head', schema=None) as batch_op:
        batch_op.alter_column('peaks', existing_type=sa.LargeBinary(), nullable=False)
        batch_op.alter_column('carried', existing_type=sa.BigInteger(), nullable=False)


def _carry_over(connection: sa.Connection, key: bytes) -> None:
    old = connection.execute(sa.select(head.c.number, head.c.hash, sa.column("mac")).select_from(head)).first()
    genesis = hashlib.sha256(b"nightlight/log/genesis/1\n").digest()
    if old is None:
        raise _broken("The head of the log is missing.")
    claimed = b"nightlight/log/head/1\n" + old.number.to_bytes(8, "big") + bytes(old.hash)
    if old.number and not hmac.compare_digest(hmac.digest(key, claimed, "sha256"), bytes(old.mac)):
        raise _broken("The head of the log does not carry this installation's authentication.")
    tree = _Tree()
    chain, number = genesis, 0
    while True:
        batch = connection.execute(
            sa.select(entries).where(entries.c.number > number).order_by(entries.c.number).limit(_BATCH)
        ).all()
        if not batch:
            break
        salts: list[dict[str, Any]] = []
        made: list[dict[str, Any]] = []
        for row in batch:
            number += 1
            fields = [row.number, row.at, row.kind, row.actor, row.subject, row.detail]
            framed = json.dumps([*fields, chain.hex()], separators=(",", ":")).encode("utf-8", "surrogatepass")
            follows = row.number == number and hmac.compare_digest(bytes(row.previous), chain)
            chain = hashlib.sha256(b"nightlight/log/entry/1\n" + framed).digest()
            if not follows or not hmac.compare_digest(bytes(row.hash), chain):
                raise _broken(f"Entry {number} is missing, was edited or moved.")
            salt = secrets.token_bytes(32)
            salts.append({"at_number": number, "new_salt": salt})
            made += tree.append(_leaf(salt, fields))
        changed = sa.update(entries).where(entries.c.number == sa.bindparam("at_number"))
        connection.execute(changed.values(salt=sa.bindparam("new_salt")), salts)
        connection.execute(sa.insert(nodes), made)
    if number != old.number or (number and not hmac.compare_digest(chain, bytes(old.hash))):
        raise _broken("The end of the log is not what its head says.")
    if number:
        _bind(connection, tree, number, chain)
    root = tree.root()
    authentication = b"nightlight/log/head/2\n" + tree.size.to_bytes(8, "big") + root
    connection.execute(
        sa.update(head).values(
            number=tree.size,
            hash=root,
            mac=hmac.digest(key, authentication, "sha256"),
            peaks=b"".join(tree.peaks),
            carried=number,
        )
    )


def _bind(connection: sa.Connection, tree: "_Tree", number: int, chain: bytes) -> None:
    """The first entry of the tree that was none of the chain's: it says what was carried over."""
    detail = json.dumps({"entries": number, "head": chain.hex()}, sort_keys=True, separators=(",", ":"))
    fields = [number + 1, time.time_ns() // 1_000_000, "log.carried_over", "nightlight", "log", detail]
    salt = secrets.token_bytes(32)
    names = ("number", "at", "kind", "actor", "subject", "detail")
    # The old columns still stand there and want a value.
    values = {**dict(zip(names, fields, strict=True)), "salt": salt, "previous": b"", "hash": b""}
    connection.execute(sa.insert(entries), [values])
    connection.execute(sa.insert(nodes), tree.append(_leaf(salt, fields)))


def _leaf(salt: bytes, fields: list[Any]) -> bytes:
    framed = json.dumps(fields, separators=(",", ":")).encode()
    commitment = hmac.digest(salt, b"nightlight/log/commitment/1\n" + framed, "sha256")
    return hashlib.sha256(b"\x00" + commitment).digest()


class _Tree:
    """RFC 9162 §2.1.1, as far as it is needed to append."""

    def __init__(self) -> None:
        self.size = 0
        self.peaks: list[bytes] = []

    def append(self, leaf: bytes) -> list[dict[str, Any]]:
        level, index, node = 0, self.size, leaf
        made: list[dict[str, Any]] = [{"id": index, "hash": leaf}]
        while self.size >> level & 1:
            node = hashlib.sha256(b"\x01" + self.peaks.pop() + node).digest()
            level, index = level + 1, index >> 1
            made.append({"id": level << 56 | index, "hash": node})
        self.peaks.append(node)
        self.size += 1
        return made

    def root(self) -> bytes:
        if not self.peaks:
            return hashlib.sha256(b"").digest()
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = hashlib.sha256(b"\x01" + peak + root).digest()
        return root


def _broken(what: str) -> RefusedError:
    return RefusedError(
        "log_broken",
        f"{what} The log cannot be carried over into this version, and nothing was changed.",
        "Keep a copy of everything as it is, and find out who could write to the database.",
    )
