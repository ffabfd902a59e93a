-- Requests to delete log lines.
CREATE TABLE log_deletions (
    id           TEXT    NOT NULL PRIMARY KEY,
    tenant       BIGINT  NOT NULL,
    query        TEXT    NOT NULL,
    from_ns      BIGINT  NOT NULL,
    to_ns        BIGINT  NOT NULL,
    created_ms   BIGINT  NOT NULL,
    finished_ms  BIGINT
);
