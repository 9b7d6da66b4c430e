-- What kept replies name, so that they are found when it is deleted; and the order in which the oldest of a caller go.

-- +goose Up
CREATE TABLE repeat_objects (
    object_id TEXT NOT NULL, -- of a file, a store or a batch
    caller    TEXT NOT NULL,
    name      TEXT NOT NULL,
    PRIMARY KEY (object_id, caller, name),
    FOREIGN KEY (caller, name) REFERENCES repeats (caller, name) ON DELETE CASCADE
);
CREATE INDEX repeat_objects_reply ON repeat_objects (caller, name);
INSERT INTO repeat_objects (object_id, caller, name)
SELECT DISTINCT j.value, r.caller, r.name FROM repeats r, json_tree(CASE WHEN json_valid(r.body) THEN r.body ELSE '[]' END) j
WHERE j.type = 'text' AND (substr(j.value, 1, 5) = 'file-' OR substr(j.value, 1, 3) = 'vs_' OR substr(j.value, 1, 5) = 'vsfb_');
CREATE INDEX repeats_caller ON repeats (caller, created_at, name);

-- +goose Down
DROP INDEX repeats_caller;
DROP TABLE repeat_objects;
