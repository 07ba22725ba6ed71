package lieciba

import (
	"fmt"
	"runtime/debug"
)

// Guard runs f; a panic of it becomes an error of CodeInternal, whose cause holds
// the stack. Work beside the recording runs under it, so that a bug that one
// object's data brings out stops neither the recording nor the other objects.
func Guard(what string, f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = Wrap(fmt.Errorf("panic: %v\n%s", r, debug.Stack()), CodeInternal, "internal error: %s", what)
		}
	}()
	return f()
}
