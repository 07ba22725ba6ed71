package storage

import (
	"context"

	"lieciba"
)

// RequestOfDeletion finds the request that a deletion without a policy came of:
// the used one of its recording that names it. CodeNotFound if there is none.
func RequestOfDeletion(ctx context.Context, c Requests, d lieciba.Deletion) (lieciba.Request, error) {
	used := Pages(func(before lieciba.RequestID) ([]lieciba.Request, error) {
		return c.ListRequests(ctx, RequestFilter{SessionID: d.SessionID, Kinds: []lieciba.RequestKind{lieciba.RequestDeletion},
			States: []lieciba.RequestState{lieciba.RequestUsed}, Before: before, Limit: MaxPage})
	}, func(r lieciba.Request) lieciba.RequestID { return r.ID })
	for r, err := range used {
		if err != nil {
			return lieciba.Request{}, err
		}
		if r.UsedFor == "deletion:"+string(d.ID) && r.Asked.RecordingID == d.RecordingID {
			return r, nil
		}
	}
	return lieciba.Request{}, lieciba.Errorf(lieciba.CodeNotFound, "no used request names deletion %s", d.ID)
}
