-- The tables of propstore. Read this file after the README; src/ARCHITECTURE.md says who writes what when.
--
-- Times are milliseconds since 1970, UTC. Ids come from `sequence`, only grow, and are never given out twice.
-- A resource (what owns properties) is one number: a node's id; minus a user's id; 0 for the site. It stands first in
-- every key of what belongs to it, so that the tables can be sharded by it. There are no foreign keys and no triggers
-- on the path of a write: one function decides what is written, and one thread writes it.

-- The next free id of each kind. Taken in the transaction that uses it, so that a crash loses or repeats none.
CREATE TABLE sequence (
    kind TEXT    NOT NULL PRIMARY KEY,   -- node, property, user, content
    next INTEGER NOT NULL                -- the first id that was never given out
) STRICT, WITHOUT ROWID;

-- Pages, spaces, folders and files: one tree. A deleted node stays, with its time and user.
CREATE TABLE node (
    id          INTEGER NOT NULL PRIMARY KEY,
    uuid        TEXT    NOT NULL,        -- its name in all other systems, version 4, lower case
    kind        TEXT    NOT NULL,        -- page, space, folder, file
    parent      INTEGER,                 -- the node that it lies on; NULL at the top
    name        TEXT    NOT NULL,        -- at most 500 characters, byte for byte as given; need not be unique
    revision    INTEGER NOT NULL,        -- of a file: the newest row in file_revision
    language    TEXT,                    -- of a page, such as en-us; NULL: the site's
    created_at  INTEGER NOT NULL,
    created_by  INTEGER NOT NULL,        -- account.id
    deleted_at  INTEGER,                 -- NULL while it lives
    deleted_by  INTEGER
) STRICT;
CREATE INDEX node_by_name ON node (parent, name) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX node_by_uuid ON node (uuid);

-- Every revision of every file.
CREATE TABLE file_revision (
    node        INTEGER NOT NULL,
    revision    INTEGER NOT NULL,        -- 1, 2, 3 … without gap
    name        TEXT    NOT NULL,        -- what the file was called at this revision
    type        TEXT    NOT NULL,        -- media type
    size        INTEGER NOT NULL,        -- bytes
    modified_at INTEGER NOT NULL,
    modified_by INTEGER NOT NULL,
    content     INTEGER,                 -- where the bytes lie: chunk.content; NULL: in value
    value       BLOB,                    -- the bytes, if they are few (see chunk)
    PRIMARY KEY (node, revision)
) STRICT, WITHOUT ROWID;

-- The heads: the newest revision of each live property, clustered by its owner. The key is what makes a name unique
-- among the live properties of a resource. `SELECT name, value FROM property WHERE resource = 2` reads a file's.
CREATE TABLE property (
    resource    INTEGER NOT NULL,
    name        TEXT    NOT NULL,        -- 1 to 255 characters, compared byte for byte
    id          INTEGER NOT NULL,        -- one life of the name; the front of the etag, and the order of lists
    revision    INTEGER NOT NULL,        -- 1, 2, 3 … without gap
    modified_at INTEGER NOT NULL,
    modified_by INTEGER NOT NULL,
    type        TEXT    NOT NULL,        -- media type
    description TEXT    NOT NULL,        -- of the change; '' for none
    size        INTEGER NOT NULL,        -- bytes
    content     INTEGER,                 -- where the bytes lie: chunk.content; NULL: in value
    value       BLOB,                    -- the bytes, if they are few (see chunk)
    PRIMARY KEY (resource, name)
) STRICT, WITHOUT ROWID;

-- The log: what every batch changed, in the order of the commits, appended in the same transaction. It is the history:
-- each change holds what it replaced, so a head and the log below it are all revisions there ever were. A batch is one
-- row; one that concerns several resources, or replaces more than about 1 MiB, is several rows with the same `batch`.
--
-- changes is a JSON array with one object for each change:
--   edit      put | delete | language | upload | remove
--   name      of the property (put, delete) or the file (upload)
--   id        of the property (put, delete)
--   revision  that the change made; for delete, the revision that stands for the deletion
--   was       what was there before; absent if nothing was. Of a property: revision, modified_at, modified_by, type,
--             description, size, and its bytes as one of text (UTF-8), hex, content (chunk.content). Of a page: language.
CREATE TABLE log (
    id          INTEGER NOT NULL PRIMARY KEY,   -- 1, 2, 3 … without gap
    batch       INTEGER NOT NULL,               -- id of the first row of the batch
    resource    INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    by          INTEGER NOT NULL,               -- account.id
    changes     TEXT    NOT NULL
) STRICT;
CREATE INDEX log_by_resource ON log (resource);

-- Every revision of every property with its value, deleted properties included. A deletion has a row without a value.
CREATE VIEW property_revision AS
SELECT resource, name, id, revision, modified_at, modified_by, type, description, size, content, value, 0 AS deleted
FROM property
UNION ALL
SELECT resource, change ->> 'name', change ->> 'id', was ->> 'revision', was ->> 'modified_at', was ->> 'modified_by',
       was ->> 'type', was ->> 'description', was ->> 'size', was ->> 'content',
       coalesce(CAST(was ->> 'text' AS BLOB), unhex(was ->> 'hex')), 0
FROM (
    SELECT log.resource AS resource, each.value AS change, each.value -> 'was' AS was
    FROM log, json_each(log.changes) AS each
    WHERE each.value ->> 'edit' IN ('put', 'delete') AND each.value -> 'was' IS NOT NULL
)
UNION ALL
SELECT log.resource, each.value ->> 'name', each.value ->> 'id', each.value ->> 'revision', log.at, log.by,
       NULL, NULL, NULL, NULL, NULL, 1
FROM log, json_each(log.changes) AS each
WHERE each.value ->> 'edit' = 'delete';

-- Contents of more than 4,096 bytes, in pieces of 262,144 bytes (the last one may be shorter). They are written once
-- and never changed; a revision refers to its content by number.
CREATE TABLE chunk (
    content INTEGER NOT NULL,
    seq     INTEGER NOT NULL,            -- 0, 1, 2 …
    bytes   BLOB    NOT NULL,
    PRIMARY KEY (content, seq)
) STRICT, WITHOUT ROWID;

-- Contents that are being sent and that no revision refers to yet. The batch that makes one visible takes its row away;
-- what still has one when propstore starts was never finished, and is swept.
CREATE TABLE upload (
    content    INTEGER NOT NULL PRIMARY KEY,
    started_at INTEGER NOT NULL
) STRICT;

-- Accounts. 1 is admin, 2 is the anonymous one, which has no password.
CREATE TABLE account (
    id         INTEGER NOT NULL PRIMARY KEY,
    uuid       TEXT    NOT NULL,
    name       TEXT    NOT NULL,         -- as given
    folded     TEXT    NOT NULL,         -- in lower case: what makes it unique
    full_name  TEXT    NOT NULL,
    email      TEXT,
    role       TEXT    NOT NULL,         -- None, Viewer, Contributor, Manager, Admin
    disabled   INTEGER NOT NULL,         -- 0 or 1
    password   TEXT,                     -- Argon2id, as a PHC string; NULL: nobody can sign in
    created_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX account_by_name ON account (folded);

-- Tokens of those who signed in. Only a hash of each is kept.
CREATE TABLE token (
    hash       BLOB    NOT NULL PRIMARY KEY,   -- SHA-256 of the token
    account    INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX token_by_account ON token (account);
CREATE INDEX token_by_expiry ON token (expires_at);
