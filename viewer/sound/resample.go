package sound

import "math"

// resampleTaps is the length of each phase of the filter, in input samples:
// about 60 dB of stop band with a Blackman window, at 16 samples of delay.
const resampleTaps = 32

// resampler changes the rate by the rational factor up/down with a windowed
// sinc, one phase of the filter per output position.
type resampler struct {
	up, down, channels int
	phases             [][]float32
	history            []float32 // interleaved input that later outputs still need
	pos                int       // of the next output, in 1/up input samples from history's start
}

func newResampler(from, to, channels int) *resampler {
	g := gcd(from, to)
	r := &resampler{up: to / g, down: from / g, channels: channels}
	if r.up != r.down {
		r.design()
	}
	r.reset()
	return r
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// design computes the phases. The cut-off is below the lower of both Nyquist
// frequencies, so that nothing aliases.
func (r *resampler) design() {
	cut := 0.92 * min(1, float64(r.up)/float64(r.down))
	r.phases = make([][]float32, r.up)
	for p := range r.phases {
		taps, sum := make([]float64, resampleTaps), 0.0
		for k := range taps {
			x := float64(k) - float64(resampleTaps)/2 + 1 - float64(p)/float64(r.up)
			w := (x + float64(resampleTaps)/2) / float64(resampleTaps) // 0…1
			window := 0.42 - 0.5*math.Cos(2*math.Pi*w) + 0.08*math.Cos(4*math.Pi*w)
			taps[k] = cut * sinc(cut*x) * max(0, window)
			sum += taps[k]
		}
		r.phases[p] = make([]float32, resampleTaps)
		for k, v := range taps {
			r.phases[p][k] = float32(v / sum) // every phase passes DC alike
		}
	}
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// reset forgets the past: the next input follows silence. Output sample 0 is
// then at input sample 0.
func (r *resampler) reset() {
	r.history = append(r.history[:0], make([]float32, (resampleTaps/2-1)*r.channels)...)
	r.pos = 0
}

// push appends the output for more interleaved input to dst.
func (r *resampler) push(dst, in []float32) []float32 {
	if r.up == r.down {
		return append(dst, in...)
	}
	r.history = append(r.history, in...)
	have := len(r.history) / r.channels
	for r.pos/r.up+resampleTaps <= have {
		at, phase := r.pos/r.up, r.phases[r.pos%r.up]
		for c := range r.channels {
			sum := float32(0)
			for k, h := range phase {
				sum += h * r.history[(at+k)*r.channels+c]
			}
			dst = append(dst, sum)
		}
		r.pos += r.down
	}
	if gone := r.pos / r.up; gone > 0 {
		gone = min(gone, have)
		r.history = append(r.history[:0], r.history[gone*r.channels:]...)
		r.pos -= gone * r.up
	}
	return dst
}
