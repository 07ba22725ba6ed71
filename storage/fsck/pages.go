package fsck

import (
	"context"
	"iter"

	"lieciba"
	"lieciba/storage"
)

// allRequests goes through every request, newest first.
func (c *checker) allRequests(ctx context.Context) iter.Seq2[lieciba.Request, error] {
	return storage.Pages(func(before lieciba.RequestID) ([]lieciba.Request, error) {
		return c.catalog.ListRequests(ctx, storage.RequestFilter{Before: before, Limit: storage.MaxPage})
	}, func(r lieciba.Request) lieciba.RequestID { return r.ID })
}

// allGrants goes through every grant, newest first.
func (c *checker) allGrants(ctx context.Context) iter.Seq2[lieciba.Grant, error] {
	return storage.Pages(func(before lieciba.GrantID) ([]lieciba.Grant, error) {
		return c.catalog.ListGrants(ctx, storage.GrantFilter{Before: before, Limit: storage.MaxPage})
	}, func(g lieciba.Grant) lieciba.GrantID { return g.ID })
}

// allExports goes through every package, newest first.
func (c *checker) allExports(ctx context.Context) iter.Seq2[lieciba.Export, error] {
	return storage.Pages(func(before lieciba.ExportID) ([]lieciba.Export, error) {
		return c.catalog.ListExports(ctx, storage.ExportFilter{Before: before, Limit: storage.MaxPage})
	}, func(e lieciba.Export) lieciba.ExportID { return e.ID })
}

// allSessions goes through every session.
func (c *checker) allSessions(ctx context.Context) iter.Seq2[lieciba.ExamSession, error] {
	return storage.Pages(func(before lieciba.SessionID) ([]lieciba.ExamSession, error) {
		return c.catalog.ListSessions(ctx, storage.SessionFilter{Before: before, Limit: storage.MaxPage})
	}, func(x lieciba.ExamSession) lieciba.SessionID { return x.ID })
}
