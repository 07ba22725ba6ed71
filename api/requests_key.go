package api

import (
	"lieciba"
)

// keyRequests ask that the key of the hash log is changed. The key lies on one
// machine, so that its command line does it and spends the request.
type keyRequests struct{ byAnybody }

func (keyRequests) fields() []string { return nil }

func (keyRequests) check(*call, *lieciba.Asked) (target, error) {
	return target{what: "log", id: "key"}, nil
}

func (keyRequests) use(_ *call, r lieciba.Request) (effect, error) {
	return effect{}, lieciba.Errorf(lieciba.CodeConflict,
		"the key is changed on the machine that holds it: run there `lieciba key rotate --request %s`", r.ID)
}
