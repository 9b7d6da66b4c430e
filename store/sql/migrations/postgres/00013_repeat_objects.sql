-- What kept replies name, so that they are found when it is deleted; and the order in which the oldest of a caller go.

-- +goose Up
CREATE TABLE repeat_objects (
    object_id TEXT COLLATE "C" NOT NULL, -- of a file, a store or a batch
    caller    TEXT NOT NULL,
    name      TEXT NOT NULL,
    PRIMARY KEY (object_id, caller, name),
    FOREIGN KEY (caller, name) REFERENCES repeats (caller, name) ON DELETE CASCADE
);
CREATE INDEX repeat_objects_reply ON repeat_objects (caller, name);
INSERT INTO repeat_objects (object_id, caller, name)
SELECT DISTINCT m[1], caller, name FROM repeats, regexp_matches(body, '"((?:file-|vs_|vsfb_)[0-9A-Za-z]+)"', 'g') AS m;
CREATE INDEX repeats_caller ON repeats (caller, created_at, name);

-- +goose Down
DROP INDEX repeats_caller;
DROP TABLE repeat_objects;
