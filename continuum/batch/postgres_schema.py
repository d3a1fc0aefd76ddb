"""The tables of the PostgreSQL journal, their versions, how a connection is made, and what its errors mean.

Everything is in the schema `continuum` of the database, procrastinate's tables too, so that it goes together with
whatever else the database holds, another procrastinate included.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from continuum._core.errors import JournalError, MissingDependencyError

if TYPE_CHECKING:
    import psycopg

SCHEMA: Final = "continuum"
FORMAT: Final = 1
"""What a worker has to understand to draft: the shape of settings, jobs and entries. One that does not leaves the jobs
alone, as each format has a queue of its own."""

MIGRATIONS: Final[list[str]] = [
    """
    CREATE TABLE batch (
        key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        name text NOT NULL UNIQUE,
        settings text NOT NULL,
        run bigint NOT NULL DEFAULT 1,
        format integer NOT NULL,
        shared boolean NOT NULL DEFAULT false,  -- workers draft it
        limits text,                            -- the provider's, as the caller gave them
        stop text,                              -- why nothing new is sent
        message text NOT NULL DEFAULT '',
        deadline timestamptz,
        max_cost double precision,
        spent double precision NOT NULL DEFAULT 0,
        reserved double precision NOT NULL DEFAULT 0,
        begun timestamptz NOT NULL DEFAULT now()
    );
    -- Texts are JSON: what comes from a model may have characters that PostgreSQL's text does not have.
    CREATE TABLE document (
        key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        batch bigint NOT NULL REFERENCES batch ON DELETE CASCADE,
        id text NOT NULL,
        number bigint NOT NULL,                 -- its place in the input
        seen bigint NOT NULL,                   -- the last run that had it in its input
        state text NOT NULL DEFAULT 'pending',
        owner text,                             -- who drafts it
        job bigint,                             -- that procrastinate has for it, as long as it is pending
        begun boolean NOT NULL DEFAULT false,
        epoch bigint NOT NULL DEFAULT 0,
        entries integer NOT NULL DEFAULT 0,
        rounds integer NOT NULL DEFAULT 0,
        input_tokens bigint NOT NULL DEFAULT 0,
        output_tokens bigint NOT NULL DEFAULT 0,
        cost double precision NOT NULL DEFAULT 0,
        unpriced integer NOT NULL DEFAULT 0,
        characters bigint NOT NULL DEFAULT 0,
        fingerprint text NOT NULL,
        content text NOT NULL,
        UNIQUE (batch, id)
    ) WITH (fillfactor = 80);
    CREATE INDEX document_open ON document (batch, begun DESC, number) WHERE state = 'pending';
    CREATE INDEX document_unqueued ON document (batch) WHERE state = 'pending' AND job IS NULL;
    CREATE INDEX document_running ON document (owner) WHERE state = 'running';
    CREATE INDEX document_number ON document (batch, number, key);
    CREATE TABLE entry (
        document bigint REFERENCES document ON DELETE CASCADE,
        number integer,
        epoch bigint NOT NULL,
        request text NOT NULL,
        elapsed double precision NOT NULL,
        cost double precision,
        keeps boolean NOT NULL,                 -- whether trying the document again begins behind it
        void boolean NOT NULL DEFAULT false,    -- set aside when the document was tried again
        outcome text NOT NULL,
        PRIMARY KEY (document, number)
    );
    -- the text so far of the next entry
    CREATE TABLE partial (
        document bigint PRIMARY KEY REFERENCES document ON DELETE CASCADE,
        request text NOT NULL,
        text text NOT NULL
    );
    CREATE TABLE result (
        document bigint PRIMARY KEY REFERENCES document ON DELETE CASCADE,
        written xid8 NOT NULL DEFAULT pg_current_xact_id(),  -- tells a reader what is new
        result text NOT NULL
    );
    CREATE INDEX result_written ON result (written);
    CREATE TABLE note (batch bigint REFERENCES batch ON DELETE CASCADE, key text, value text NOT NULL,
        PRIMARY KEY (batch, key));
    CREATE TABLE worker (
        id text PRIMARY KEY,                    -- never used again
        heartbeat timestamptz NOT NULL DEFAULT now(),
        lease double precision NOT NULL,        -- seconds after a heartbeat at which it counts as dead
        format integer NOT NULL,
        version text NOT NULL,                  -- of continuum
        concurrency integer NOT NULL,
        over boolean NOT NULL DEFAULT false     -- its documents are others' now
    );
    CREATE TABLE rate_limit (
        lane text,                              -- the provider's account: wire API, address, model
        dimension text,
        rate double precision NOT NULL,         -- units a second
        burst double precision NOT NULL,        -- seconds worth of it that may be used at once
        given boolean NOT NULL,                 -- by the caller, or else learnt
        tat double precision NOT NULL DEFAULT 0,  -- theoretical arrival time of GCRA, seconds of the epoch
        PRIMARY KEY (lane, dimension)
    ) WITH (fillfactor = 50);
    -- what a worker's requests in flight may cost
    CREATE TABLE reservation (batch bigint REFERENCES batch ON DELETE CASCADE, worker text,
        amount double precision NOT NULL, PRIMARY KEY (batch, worker));
    """,
    """
    -- entries before that number are of an earlier try
    ALTER TABLE document ADD COLUMN excused integer NOT NULL DEFAULT 0;
    """,
]


def require(package: str = "psycopg") -> None:
    """See that the packages are there.

    Raises:
        MissingDependencyError: they are not; it says what to install.
    """
    try:
        __import__(package)
    except ImportError as error:
        raise MissingDependencyError(
            f"a journal in PostgreSQL needs the package {package!r} (pip install 'continuum-llm[distributed]')"
        ) from error


def place(url: str) -> str:
    """Where a database is, without its password.

    Raises:
        JournalError: that is no URL of a database.
    """
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    try:
        parts = conninfo_to_dict(url)
    except psycopg.Error as error:
        raise JournalError(
            "the database URL cannot be read; expected one such as postgresql://user@host:5432/name"
        ) from error
    host, port = parts.get("host") or "localhost", parts.get("port")
    return f"postgresql://{host}{f':{port}' if port else ''}/{parts.get('dbname') or ''}"


def connect(url: str, *, timeout: int = 10) -> psycopg.Connection[Any]:
    """A connection in autocommit mode that notices a dead peer within half a minute.

    Raises:
        psycopg.OperationalError: there is none to be had.
    """
    import psycopg

    connection = psycopg.connect(url, autocommit=True, **options(url, timeout))
    try:
        configure(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def options(url: str, timeout: int = 10) -> dict[str, Any]:
    """How a connection is made, where the URL does not say otherwise."""
    from psycopg.conninfo import conninfo_to_dict

    wanted = {
        "connect_timeout": timeout,
        "application_name": "continuum",
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 30_000,
    }
    given = conninfo_to_dict(url)
    return {name: value for name, value in wanted.items() if name not in given}


def configure(connection: psycopg.Connection[Any]) -> None:
    """Make a connection look at our tables first."""
    connection.execute(f"SET search_path TO {SCHEMA}, public")


def version_of(connection: psycopg.Connection[Any], url: str) -> int:
    """The version of the tables, 0 if there are none.

    Raises:
        JournalError: they are a later version's.
    """
    found = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (f"{SCHEMA}.meta",)).fetchone()
    if not found or not found[0]:
        return 0
    row = connection.execute(f"SELECT version FROM {SCHEMA}.meta").fetchone()
    version = int(row[0]) if row else 0
    if version > len(MIGRATIONS):
        raise JournalError(
            f"the tables in {place(url)} have version {version}, this continuum knows versions up to "
            f"{len(MIGRATIONS)}; use the continuum that made them, or a later one"
        )
    return version


def migrate(connection: psycopg.Connection[Any], url: str) -> None:
    """Bring the tables to the present version, one step in one transaction after the other.

    Raises:
        JournalError: they are a later version's.
    """
    if version_of(connection, url) == len(MIGRATIONS):
        configure(connection)  # somebody else may have made them since this connection was
        return
    with connection.transaction():
        # One at a time, also where several workers start on an empty database.
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('continuum.schema', 0))")
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
        configure(connection)
        connection.execute(f"CREATE TABLE IF NOT EXISTS {SCHEMA}.meta (version integer NOT NULL, queue text)")
        for number, script in enumerate(MIGRATIONS, 1):
            if number > version_of(connection, url):
                connection.execute(script.encode())
                connection.execute("DELETE FROM meta")
                connection.execute("INSERT INTO meta (version) VALUES (%s)", (number,))


_WHY: Final = {
    "53100": "its disk is full; make room and start again: everything up to here is kept",
    "53300": "it has no connection left; raise max_connections, or start fewer workers",
    "42501": "its user may not do that; it needs CREATE on the database once, and all rights in the schema continuum",
    "42P01": "the tables are not there; begin a batch first",
    "3F000": "the tables are not there; begin a batch first",
    "25006": "it takes no writes (a replica?); give the address of the primary",
    "28P01": "the password is wrong",
    "28000": "its user may not log in",
    "3D000": "there is no such database; make it first",
}


def explain(error: BaseException, url: str) -> BaseException:
    """An error of PostgreSQL as one that says what to do; any other one as it is."""
    import psycopg

    if not isinstance(error, psycopg.Error):
        return error
    words = " ".join(str(error).split())
    why = _WHY.get(error.sqlstate or "")
    if why is None and isinstance(error, psycopg.OperationalError):
        why = "it cannot be reached; what was acknowledged is kept there, and the same command goes on"
    found = JournalError(f"the database {place(url)}: {why or 'it refuses'} ({type(error).__name__}: {words})")
    found.__cause__ = error
    return found
