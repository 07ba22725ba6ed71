package server

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A loop that panics or ends is begun again, and its end is joined.
func TestLoopsAreBegunAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var begun []time.Duration
		start := time.Now()
		joined := make(chan struct{})
		go func() {
			defer close(joined)
			again(ctx, "part", func(ctx context.Context) error {
				begun = append(begun, time.Since(start))
				switch len(begun) {
				case 1:
					panic("hostile data")
				case 2:
					return errors.New("refused")
				case 3:
					return nil
				}
				<-ctx.Done()
				return nil
			}, time.Second, slog.New(slog.DiscardHandler))
		}()
		time.Sleep(time.Minute) // of the bubble's clock
		synctest.Wait()
		require.Equal(t, []time.Duration{0, time.Second, 2 * time.Second, 3 * time.Second}, begun, "no loop that spins")
		cancel()
		<-joined
	})
}

// Between the end of a loop and its next start the server can be stopped.
func TestLoopsEndInTheirPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		joined := make(chan struct{})
		go func() {
			defer close(joined)
			again(ctx, "part", func(context.Context) error { return nil }, 24*time.Hour, slog.New(slog.DiscardHandler))
		}()
		synctest.Wait()
		cancel()
		start := time.Now()
		<-joined
		require.Zero(t, time.Since(start))
	})
}
