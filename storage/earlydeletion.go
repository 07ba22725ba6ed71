package storage

import (
	"context"

	"lieciba"
)

// RequestOfDeletion finds the request that a deletion without a policy came of:
// the used one of its recording that names it. CodeNotFound if there is none.
func RequestOfDeletion(ctx context.Context, c Requests, d lieciba.Deletion) (lieciba.Request, error) {
	f := RequestFilter{SessionID: d.SessionID, Kinds: []lieciba.RequestKind{lieciba.RequestDeletion},
		States: []lieciba.RequestState{lieciba.RequestUsed}, Limit: 1000}
	for {
		list, err := c.ListRequests(ctx, f)
		if err != nil {
			return lieciba.Request{}, err
		}
		for _, r := range list {
			if r.UsedFor == "deletion:"+string(d.ID) && r.Asked.RecordingID == d.RecordingID {
				return r, nil
			}
		}
		if len(list) < f.Limit {
			return lieciba.Request{}, lieciba.Errorf(lieciba.CodeNotFound, "no used request names deletion %s", d.ID)
		}
		f.Before = list[len(list)-1].ID
	}
}
