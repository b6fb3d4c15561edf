"""Roles and databases of a server that is Baotu's alone, as its superuser makes them: embedded or in a container."""

from urllib.parse import unquote, urlsplit

import psycopg
from psycopg import sql


def ensure_role(superuser_url: str, name: str, password: str) -> None:
    """A role that may log in and nothing else, with this password. Raises psycopg.Error."""
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        found = connection.execute("select from pg_roles where rolname = %s", [name]).fetchone()
        # The verifier, not the password: statements that fail are written to the server's log.
        verifier = connection.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256")
        statement = sql.SQL("{} role {} login password {} nosuperuser nocreatedb nocreaterole noreplication")
        verb = sql.SQL("create" if found is None else "alter")
        connection.execute(statement.format(verb, sql.Identifier(name), sql.Literal(verifier.decode())))


def ensure_database(superuser_url: str, name: str, owner: str) -> None:
    """A database of `owner` that no other role may connect to. Raises psycopg.Error."""
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        if connection.execute("select from pg_database where datname = %s", [name]).fetchone() is None:
            connection.execute(
                sql.SQL("create database {} owner {}").format(sql.Identifier(name), sql.Identifier(owner))
            )
        connection.execute(sql.SQL("revoke all on database {} from public").format(sql.Identifier(name)))


def ensure_all(
    superuser_url: str, *, warehouse: str, metadata: str, bi_password: str, steward_password: str | None
) -> None:
    """The roles and databases that the two URLs name, `bi_reader`, and with a password `bi_steward`.

    Safe to repeat. Raises psycopg.Error.
    """
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(hashtext('baotu.roles'))")
        # Tasks know the warehouse's URL, and its role must not open Airflow's own database; nor the reverse.
        for url in map(urlsplit, (warehouse, metadata)):
            # Each time: passwords and cluster may have been restored from different days.
            ensure_role(superuser_url, unquote(url.username or ""), unquote(url.password or ""))
            ensure_database(superuser_url, url.path.lstrip("/"), unquote(url.username or ""))
        connection.execute("revoke all on database postgres, template1 from public")
        database = sql.Identifier(urlsplit(warehouse).path.lstrip("/"))
        for name, password in (("bi_reader", bi_password), ("bi_steward", steward_password)):
            if not password:
                continue
            ensure_role(superuser_url, name, password)
            role = sql.Identifier(name)
            connection.execute(sql.SQL("grant connect on database {} to {}").format(database, role))
            connection.execute(sql.SQL("alter role {} connection limit 40").format(role))
            # A REPEATABLE READ reader that began before a publication sees empty marts after it.
            connection.execute(
                sql.SQL("alter role {} set default_transaction_isolation = 'read committed'").format(role)
            )
            connection.execute(sql.SQL("alter role {} set statement_timeout = '60s'").format(role))
        if steward_password:
            # What a reader may, and quarantine: granted where schemas are made, by their owner.
            connection.execute("grant bi_reader to bi_steward")
