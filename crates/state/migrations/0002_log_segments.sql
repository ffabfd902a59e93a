-- The segments of the store of log lines that answer.
CREATE TABLE log_segments (
    id               TEXT    NOT NULL PRIMARY KEY,
    tenant           BIGINT  NOT NULL,
    version          BIGINT  NOT NULL,
    rows             BIGINT  NOT NULL,
    streams          BIGINT  NOT NULL,
    line_bytes       BIGINT  NOT NULL,
    file_bytes       BIGINT  NOT NULL,
    min_ns           BIGINT  NOT NULL,
    max_ns           BIGINT  NOT NULL,
    contents_offset  BIGINT  NOT NULL,
    contents_length  BIGINT  NOT NULL,
    contents_crc     BIGINT  NOT NULL,
    log_before       BIGINT  NOT NULL,
    keys_until_ms    BIGINT,
    sources          BLOB    NOT NULL,
    labels           BLOB    NOT NULL
);

-- Files of segments that do not answer: not yet, or not any more. Each goes as soon as nobody reads it.
CREATE TABLE log_leftovers (
    id        TEXT    NOT NULL PRIMARY KEY,
    since_ms  BIGINT  NOT NULL
);
