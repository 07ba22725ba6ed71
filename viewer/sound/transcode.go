package sound

import (
	"math"
	"time"

	"lieciba"
)

// transcoder decodes, mixes, resamples and encodes one run.
type transcoder struct {
	dec      decoder
	enc      encoder
	channels int // of the decoded sound
	inRate   int // of PTS, in Hz
	resample *resampler

	started bool
	nextPTS int64     // expected PTS of the next frame
	base    time.Time // wall clock of output sample 0
	ticks0  int64     // RTP ticks at output sample 0
	pending []float32 // resampled, interleaved, not encoded yet
	done    int64     // output samples per channel encoded since base
}

func newTranscoder(dec decoder, rate, channels int, enc encoder, inRate int) *transcoder {
	return &transcoder{
		dec: dec, enc: enc, channels: channels, inRate: inRate,
		resample: newResampler(rate, enc.rate(), enc.channels()),
	}
}

func (t *transcoder) Passthrough() bool { return false }
func (t *transcoder) Close()            { t.enc.close() }

func (t *transcoder) Push(f lieciba.Frame) ([]Packet, error) {
	if len(f.Units) == 0 {
		return nil, nil
	}
	samples, err := t.dec.decode(f.Units[0])
	if err != nil {
		t.started = false // the next frame starts a new stretch
		return nil, err
	}
	t.align(f)
	t.nextPTS = f.PTS + int64(len(samples)/t.channels)
	t.pending = t.resample.push(t.pending, mix(samples, t.channels, t.enc.channels()))
	return t.drain()
}

// align starts a new stretch where frames are missing.
func (t *transcoder) align(f lieciba.Frame) {
	off := f.PTS - t.nextPTS
	if t.started && max(off, -off) <= int64(t.inRate)/20 {
		// The camera's sample clock is not ours: follow it slowly.
		samples := t.done + int64(len(t.pending)/t.enc.channels())
		t.base = t.base.Add(f.Time.Sub(t.at(samples)) / 16)
		return
	}
	t.started = true
	t.resample.reset()
	t.pending = t.pending[:0]
	t.done = 0
	t.base = f.Time
	t.ticks0 = int64(math.Round(float64(f.PTS) * float64(t.enc.clock()) / float64(t.inRate)))
}

// at is the wall clock of an output sample of this stretch.
func (t *transcoder) at(sample int64) time.Time {
	return t.base.Add(time.Duration(sample) * time.Second / time.Duration(t.enc.rate()))
}

func (t *transcoder) drain() ([]Packet, error) {
	ch := t.enc.channels()
	n := t.enc.rate() * frameMillis / 1000
	var out []Packet
	var frame []int16
	for len(t.pending) >= n*ch {
		frame = frame[:0]
		for _, v := range t.pending[:n*ch] {
			frame = append(frame, int16(max(-32768, min(32767, math.Round(float64(v))))))
		}
		t.pending = append(t.pending[:0], t.pending[n*ch:]...)
		payload, err := t.enc.encode(frame)
		if err != nil {
			return out, err
		}
		out = append(out, Packet{
			Payload: payload,
			Ticks:   t.ticks0 + t.done*int64(t.enc.clock())/int64(t.enc.rate()),
			Time:    t.at(t.done),
		})
		t.done += int64(n)
	}
	return out, nil
}

// mix turns interleaved samples of `from` channels into `to` channels.
func mix(in []int16, from, to int) []float32 {
	n := len(in) / from
	out := make([]float32, 0, n*to)
	for i := range n {
		if from == to {
			for c := range to {
				out = append(out, float32(in[i*from+c]))
			}
			continue
		}
		sum := float32(0)
		for c := range from {
			sum += float32(in[i*from+c])
		}
		for range to {
			out = append(out, sum/float32(from))
		}
	}
	return out
}
