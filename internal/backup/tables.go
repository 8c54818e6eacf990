package backup

import (
	"fmt"

	"strongroom/internal/store"
)

// current returns the table of this binary that one of a file stands for, and what makes a
// row of the one out of a row of the other, good until the next.
func current(found store.Table) (store.Table, func(store.Row) store.Row, error) {
	var t store.Table
	for _, known := range store.Tables {
		if known.Name == found.Name {
			t = known
		}
	}
	if t.Name == "" {
		return t, nil, fmt.Errorf("%w (table %s is not known)", errNewer, safe(found.Name))
	}
	for _, c := range found.Columns {
		if t.Column(c.Name) < 0 {
			return t, nil, fmt.Errorf("%w (column %s.%s is not known)", errNewer, t.Name, safe(c.Name))
		}
	}
	convert, err := conversion(found, t)
	return t, convert, err
}

// conversion makes rows of the one table out of the other's. What the other lacks is what
// the schema says of rows that are older than a column.
func conversion(found, t store.Table) (func(store.Row) store.Row, error) {
	from, zeros := make([]int, len(t.Columns)), make(store.Row, len(t.Columns))
	for i, c := range t.Columns {
		from[i] = found.Column(c.Name)
		if from[i] >= 0 {
			if is := found.Columns[from[i]]; is.Kind != c.Kind || is.Null && !c.Null {
				return nil, fmt.Errorf("%w: column %s.%s holds something else than it should", errMalformed, t.Name, c.Name)
			}
			continue
		}
		zero, may := c.Zero()
		if !may {
			return nil, fmt.Errorf("%w: column %s.%s is missing", errMalformed, t.Name, c.Name)
		}
		zeros[i] = zero
	}
	row := make(store.Row, len(t.Columns))
	return func(r store.Row) store.Row {
		for i, j := range from {
			if j < 0 {
				row[i] = zeros[i]
			} else {
				row[i] = r[j]
			}
		}
		return row
	}, nil
}

// complete makes sure that a file that was read to its end has every table of its time.
func complete(r *reader, keys bool) error {
	for _, t := range store.Tables {
		wanted := t.Keys == keys || t.Shared || t.Name == signingKeys
		if _, found := r.rows[t.Name]; !found && wanted && t.Since <= r.Header.Generation {
			return fmt.Errorf("table %s is missing in it: it is no whole backup; take another", t.Name)
		}
	}
	return nil
}
