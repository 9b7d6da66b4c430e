-- How often a new index took the place of the old one, and whether one is just doing so.

-- +goose Up
CREATE TABLE swaps (
    one    BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (one),
    number BIGINT NOT NULL,
    open   BOOLEAN NOT NULL -- the library is adopted, and the index is not in its place
);
INSERT INTO swaps (number, open) VALUES (0, FALSE);

-- +goose Down
DROP TABLE swaps;
