package storage

import "iter"

// MaxPage is the longest page that a list returns.
const MaxPage = 1000

// Pages goes through a list of the catalogue page by page, each row once, holding
// one page at a time. list returns the rows that come after the one of the ID
// (the filter's Before; empty: from the start) and at most MaxPage; idOf says
// which row that is. The first error of list ends it and is its last value.
func Pages[T any, ID ~string](list func(before ID) ([]T, error), idOf func(T) ID) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for before := ID(""); ; {
			page, err := list(before)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, row := range page {
				if !yield(row, nil) {
					return
				}
			}
			if len(page) < MaxPage {
				return
			}
			before = idOf(page[len(page)-1])
		}
	}
}
