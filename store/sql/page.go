package sql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"groundwork/rag"
)

// list is a table's rows in one scope, ordered by creation time and id.
type list struct {
	columns string
	table   string
	where   string // the scope; its arguments are args
	args    []any
}

// page reads one page and whether more follow.
func page[T any](ctx context.Context, q querier, l list, p rag.Page, scan func(scanner) (T, error)) ([]T, bool, error) {
	where, args := l.where, append([]any(nil), l.args...)
	cmp, order := "<", "DESC"
	if p.Ascending {
		cmp, order = ">", "ASC"
	}
	if p.After != "" {
		var at int64
		after := fmt.Sprintf("SELECT created_at FROM %s WHERE %s AND id = ?", l.table, l.where)
		err := q.QueryRowContext(ctx, after, append(append([]any(nil), l.args...), p.After)...).Scan(&at)
		if errors.Is(err, sql.ErrNoRows) {
			return nil, false, &rag.Error{Code: rag.CodeInvalid, Param: "after",
				Message: "the list has no such object; start again from its first page"}
		}
		if err != nil {
			return nil, false, err
		}
		where += fmt.Sprintf(" AND (created_at, id) %s (?, ?)", cmp)
		args = append(args, at, p.After)
	}
	limit := min(max(p.Limit, 1), 100)
	query := fmt.Sprintf("SELECT %s FROM %s WHERE %s ORDER BY created_at %s, id %s LIMIT %d",
		l.columns, l.table, where, order, order, limit+1)
	rows, err := collect(ctx, q, scan, query, args...)
	if err != nil {
		return nil, false, err
	}
	if len(rows) > limit {
		return rows[:limit], true, nil
	}
	return rows, false, nil
}
