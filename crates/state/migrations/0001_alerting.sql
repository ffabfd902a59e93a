-- Who may do a piece of work now. The epoch grows with every change of owner.
CREATE TABLE leases (
    name        TEXT    NOT NULL PRIMARY KEY,
    owner       TEXT    NOT NULL,
    epoch       BIGINT  NOT NULL,
    expires_ms  BIGINT  NOT NULL
);

-- Where every alert that is not inactive stands.
CREATE TABLE alert_states (
    rule_key          TEXT    NOT NULL,
    fingerprint       TEXT    NOT NULL,
    labels            TEXT    NOT NULL,
    annotations       TEXT    NOT NULL,
    phase             TEXT    NOT NULL,
    value             DOUBLE PRECISION,
    active_at_ms      BIGINT  NOT NULL,
    fired_at_ms       BIGINT,
    resolved_at_ms    BIGINT,
    keep_firing_ms    BIGINT,
    updated_at_ms     BIGINT  NOT NULL,
    PRIMARY KEY (rule_key, fingerprint)
);

-- Every step of every alert, with what it was decided on.
CREATE TABLE alert_events (
    id           TEXT    NOT NULL PRIMARY KEY,
    at_ms        BIGINT  NOT NULL,
    rule_group   TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    fingerprint  TEXT    NOT NULL,
    labels       TEXT    NOT NULL,
    from_phase   TEXT    NOT NULL,
    to_phase     TEXT    NOT NULL,
    value        DOUBLE PRECISION
);
CREATE INDEX alert_events_by_time ON alert_events (at_ms);

-- What has to be told, and what became of it.
CREATE TABLE outbox (
    id               TEXT    NOT NULL PRIMARY KEY,
    idempotency_key  TEXT    NOT NULL UNIQUE,
    receiver         TEXT    NOT NULL,
    channel          TEXT    NOT NULL,
    lane             TEXT    NOT NULL,
    fingerprints     TEXT    NOT NULL,
    payload          TEXT    NOT NULL,
    status           TEXT    NOT NULL,
    attempts         BIGINT  NOT NULL,
    created_ms       BIGINT  NOT NULL,
    next_attempt_ms  BIGINT  NOT NULL,
    finished_ms      BIGINT,
    receipt          TEXT
);
CREATE INDEX outbox_by_channel ON outbox (status, receiver, channel, lane, id);
CREATE INDEX outbox_by_lane ON outbox (lane, status, id);

-- What each group of alerts has last been told about, by receiver.
CREATE TABLE notification_log (
    lane         TEXT    NOT NULL PRIMARY KEY,
    firing       TEXT    NOT NULL,
    resolved     TEXT    NOT NULL,
    notified_ms  BIGINT  NOT NULL
);
