-- The tables of propstore. Read this file after the README; src/ARCHITECTURE.md says who writes what when.
--
-- Times are milliseconds since 1970, UTC. Ids come from `sequence`, only grow, and are never given out twice.
-- A resource (what owns properties) is one number: a node's id; minus a user's id; 0 for the site. It stands first in
-- every key of what belongs to it, so that the tables can be sharded by it. There are no foreign keys and no triggers
-- on the path of a write: one function decides what is written, and one connection writes it.

-- The next free id of each kind. Taken in the transaction that uses it, so that a crash loses or repeats none.
CREATE TABLE sequence (
    kind TEXT    NOT NULL PRIMARY KEY,   -- node, property, user, group, content
    next INTEGER NOT NULL                -- the first id that was never given out
) STRICT, WITHOUT ROWID;

-- Pages, spaces, folders and files: one tree. A deleted node stays, with its time and user. What lies below a deleted folder
-- is deleted with it, at once for everybody who looks; its own rows follow piece by piece (see dying).
CREATE TABLE node (
    id          INTEGER NOT NULL PRIMARY KEY,
    uuid        TEXT    NOT NULL,        -- its name in all other systems, version 4, lower case
    kind        TEXT    NOT NULL,        -- page, space, folder, file
    parent      INTEGER,                 -- the node that it lies on; NULL at the top
    space       INTEGER,                 -- the space that it is or lies in, for good; NULL: outside of spaces
    name        TEXT    NOT NULL,        -- at most 500 characters, byte for byte as given; need not be unique
    revision    INTEGER NOT NULL,        -- the newest row in node_revision
    language    TEXT,                    -- of a page, such as en-us; NULL: the site's
    created_at  INTEGER NOT NULL,
    created_by  INTEGER NOT NULL,        -- account.id
    changed_at  INTEGER NOT NULL,        -- when its name, its content, a setting, or who has access to it was last changed
    changed_by  INTEGER NOT NULL,
    deleted_at  INTEGER,                 -- NULL while it lives
    deleted_by  INTEGER
) STRICT;
CREATE INDEX node_by_name ON node (parent, name) WHERE deleted_at IS NULL;
CREATE INDEX node_by_maker ON node (space, created_by) WHERE deleted_at IS NULL AND space IS NOT NULL;
CREATE UNIQUE INDEX node_by_uuid ON node (uuid);

-- Every revision of every node: its name and, of a page or a file, its text or its bytes.
CREATE TABLE node_revision (
    node        INTEGER NOT NULL,
    revision    INTEGER NOT NULL,        -- 1, 2, 3 … without gap
    name        TEXT    NOT NULL,        -- what it was called at this revision
    type        TEXT    NOT NULL,        -- media type, as it was given
    size        INTEGER NOT NULL,        -- bytes
    modified_at INTEGER NOT NULL,
    modified_by INTEGER NOT NULL,
    content     INTEGER,                 -- where the bytes lie: chunk.content; NULL: in value
    value       BLOB,                    -- the bytes, if they are few (see chunk)
    PRIMARY KEY (node, revision)
) STRICT, WITHOUT ROWID;

-- Folders below which the rows of the tree do not yet say that they are deleted. They are worked off between other writes,
-- and when propstore starts.
CREATE TABLE dying (
    node        INTEGER NOT NULL PRIMARY KEY,
    at          INTEGER NOT NULL,
    by          INTEGER NOT NULL,        -- account.id
    swept       TEXT                     -- up to this heads.first its names are out of page_property; NULL: none yet
) STRICT;

-- The settings of folders and files that are looked at with every request. They repeat properties named luminus.*, and are
-- written by the batch that writes those; NULL: not set.
CREATE TABLE setting (
    node           INTEGER NOT NULL PRIMARY KEY,
    publish        INTEGER,              -- luminus.publish: 0 or 1, as all that are no times
    open           INTEGER,              -- luminus.open
    starts_at      INTEGER,              -- luminus.startDate
    ends_at        INTEGER,              -- luminus.endDate
    deadline_at    INTEGER,              -- luminus.submissionDeadline
    allow_upload   INTEGER,              -- luminus.allowUpload
    allow_late     INTEGER,              -- luminus.allowLateSubmission
    allow_comments INTEGER,              -- luminus.allowComments
    view_all       INTEGER,              -- luminus.viewAll
    allow_download INTEGER,              -- luminus.allowDownload
    is_link        INTEGER,              -- whether there is a luminus.url
    submitted      INTEGER               -- no property: 1 for a file that somebody with the role member or less put there
) STRICT;

-- Who made the comments on files: the properties named luminus.comment.* that were not deleted.
CREATE TABLE comment (
    property    INTEGER NOT NULL PRIMARY KEY,
    made_at     INTEGER NOT NULL,
    made_by     INTEGER NOT NULL         -- account.id
) STRICT;

-- Who is enrolled in a space.
CREATE TABLE enrollment (
    space       INTEGER NOT NULL,        -- node.id
    account     INTEGER NOT NULL,
    role        INTEGER NOT NULL,        -- 2 member, 3 tutor, 4 teacher, 5 administrator
    PRIMARY KEY (space, account)
) STRICT, WITHOUT ROWID;

-- Access lists: who has access to a folder and what lies below it, instead of those who are enrolled (but never without
-- tutors and above). Not a property, else whoever writes properties could let himself in.
CREATE TABLE access (
    node        INTEGER NOT NULL PRIMARY KEY,
    public_role INTEGER,                 -- of everybody who has signed in: 1 reader to 6 owner; NULL: none
    inherits    INTEGER                  -- the folder or space to go on from instead
) STRICT;

-- What an access list gives to some.
CREATE TABLE access_grant (
    node        INTEGER NOT NULL,
    kind        TEXT    NOT NULL,        -- user, group
    grantee     INTEGER NOT NULL,        -- account.id or user_group.id
    role        INTEGER NOT NULL,
    PRIMARY KEY (node, kind, grantee)
) STRICT, WITHOUT ROWID;

-- Who may do what on a page, and on what lies below it without a row of its own. Without any: the role on the site decides.
CREATE TABLE permission (
    node        INTEGER NOT NULL PRIMARY KEY,
    restriction TEXT    NOT NULL         -- Public, Semi-Public, Private
) STRICT;

-- What the permissions of a page give to some.
CREATE TABLE permission_grant (
    node        INTEGER NOT NULL,
    kind        TEXT    NOT NULL,        -- user, group
    grantee     INTEGER NOT NULL,        -- account.id or user_group.id
    role        TEXT    NOT NULL,        -- as in account
    PRIMARY KEY (node, kind, grantee)
) STRICT, WITHOUT ROWID;

-- The heads: the newest revision of each live property. A row holds those of one resource whose names are neighbours, as
-- many as fill about a page (8 KiB), in the order of their names: to read or to write one row costs the same however few of
-- its properties are meant, and a batch mostly concerns neighbours. A row begins with the names from `first` on and ends
-- where the next row of the resource begins; the first row of a resource has the `first` ''. So a name belongs to one row.
--
-- properties is a JSON array with one array for each property, sorted by name, byte for byte:
--   [name, id, revision, modified_at, modified_by, type, description, size, value]
-- where value is the text, or a number: chunk.content, if the bytes are many or are not UTF-8.
CREATE TABLE heads (
    resource    INTEGER NOT NULL,
    first       TEXT    NOT NULL,
    properties  TEXT    NOT NULL,
    PRIMARY KEY (resource, first)
) STRICT;

-- The heads one by one. `SELECT name, value FROM property WHERE resource = 2` reads a file's.
CREATE VIEW property AS
SELECT heads.resource         AS resource,
       each.value ->> 0       AS name,          -- 1 to 255 characters, compared byte for byte
       each.value ->> 1       AS id,            -- one life of the name; the front of the etag, and the order of lists
       each.value ->> 2       AS revision,      -- 1, 2, 3 … without gap
       each.value ->> 3       AS modified_at,
       each.value ->> 4       AS modified_by,   -- account.id
       each.value ->> 5       AS type,          -- media type
       each.value ->> 6       AS description,   -- of the change; '' for none
       each.value ->> 7       AS size,          -- bytes
       CASE json_type(each.value, '$[8]') WHEN 'integer' THEN each.value ->> 8 END AS content,
       CASE json_type(each.value, '$[8]') WHEN 'text'    THEN each.value ->> 8 END AS value
FROM heads, json_each(heads.properties) AS each;

-- The log: what every batch changed, in the order of the commits, appended in the same transaction. It is the history:
-- each change holds what it replaced, so a head and the log below it are all revisions there ever were. A batch is one
-- row; one that concerns several resources, or replaces more than about 1 MiB, is several rows with the same `batch`.
--
-- changes is a JSON array with one array for each change:
--   ["put", name, id, revision, was]       a property was created or got this revision
--   ["delete", name, id, revision, was]    it was deleted; this revision stands for the deletion
--   ["upload", name, revision, submitted]  a file was made or got this revision; submitted: whether the role of whoever put it
--                                          there was member or less
--   ["remove", name, revision]             it, or a folder with all that was in it, was deleted
--   ["page", name, revision]               a page, space or folder was made or got this revision
--   ["enroll", user, role, was]            somebody was enrolled in a space; a role of null: not any more
--   ["access", was]                        who has access to a folder was set; was is
--                                          [public role, inherits, [[kind, id, role] …]]
--   ["language", was]                      the language of a page was set
--   ["permissions", was]                   who may do what on a page was set; was is [restriction, [[kind, id, role] …]]
-- was is what was there before, null if nothing was; of a property it is
--   [revision, modified_at, modified_by, type, description, size, value]    as in heads
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
SELECT resource, change ->> 1, change ->> 2, was ->> 0, was ->> 1, was ->> 2, was ->> 3, was ->> 4, was ->> 5,
       CASE json_type(was, '$[6]') WHEN 'integer' THEN was ->> 6 END,
       CASE json_type(was, '$[6]') WHEN 'text'    THEN was ->> 6 END, 0
FROM (
    SELECT log.resource AS resource, each.value AS change, each.value -> 4 AS was
    FROM log, json_each(log.changes) AS each
    WHERE each.value ->> 0 IN ('put', 'delete') AND json_type(each.value, '$[4]') = 'array'
)
UNION ALL
SELECT log.resource, each.value ->> 1, each.value ->> 2, each.value ->> 3, log.at, log.by,
       NULL, NULL, NULL, NULL, NULL, 1
FROM log, json_each(log.changes) AS each
WHERE each.value ->> 0 = 'delete';

-- Which pages have which properties: an index for the search by name, kept by the batch that creates or deletes one.
CREATE TABLE page_property (
    name        TEXT    NOT NULL,
    page        INTEGER NOT NULL,        -- node.id of a page, space or folder
    PRIMARY KEY (name, page)
) STRICT, WITHOUT ROWID;

-- What a search finds folders and files of spaces by, all in lower case as model::search_form says: the name and, of files
-- that are links, luminus.url and luminus.description, else ''. The rowid is node.id; the texts themselves are not kept. It is
-- written by the batch that changes them.
CREATE VIRTUAL TABLE search USING fts5 (
    name, url, description, content = '', contentless_delete = 1, tokenize = 'trigram case_sensitive 1'
);

-- Contents of more than 4,096 bytes, and values of properties that are not UTF-8, in pieces of 262,144 bytes (the last
-- one may be shorter). They are written once and never changed; a revision refers to its content by number.
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
    searched   TEXT    NOT NULL,         -- what its owner is called, as a search sees it
    email      TEXT,
    matric_no  TEXT,                     -- the owner's number at a school
    role       TEXT    NOT NULL,         -- None, Viewer, Contributor, Manager, Admin
    disabled   INTEGER NOT NULL,         -- 0 or 1
    password   TEXT,                     -- Argon2id, as a PHC string; NULL: nobody can sign in
    passwords  INTEGER NOT NULL,         -- how many it has had: a token is made only for whoever knew the newest
    created_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX account_by_name ON account (folded);
CREATE UNIQUE INDEX account_by_uuid ON account (uuid);

-- Tokens of those who signed in. Only a hash of each is kept.
CREATE TABLE token (
    hash       BLOB    NOT NULL PRIMARY KEY,   -- SHA-256 of the token
    account    INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX token_by_account ON token (account);
CREATE INDEX token_by_expiry ON token (expires_at);

-- Groups of users. All dialects share them.
CREATE TABLE user_group (
    id         INTEGER NOT NULL PRIMARY KEY,
    uuid       TEXT    NOT NULL,
    space      INTEGER,                  -- node.id of the space that it belongs to; NULL: the whole site
    name       TEXT    NOT NULL,         -- as given, at most 255 characters
    folded     TEXT    NOT NULL,         -- in lower case: what makes one of the whole site unique
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX group_by_name ON user_group (folded);
CREATE UNIQUE INDEX group_by_uuid ON user_group (uuid);

-- Who is in which group.
CREATE TABLE membership (
    user_group INTEGER NOT NULL,
    account    INTEGER NOT NULL,
    PRIMARY KEY (user_group, account)
) STRICT, WITHOUT ROWID;
CREATE INDEX membership_by_account ON membership (account);

-- What only this database knows.
CREATE TABLE secret (
    name  TEXT NOT NULL PRIMARY KEY,     -- link: the key with which raw links are signed, 32 bytes
    bytes BLOB NOT NULL
) STRICT, WITHOUT ROWID;
