package h264gen

// code is one variable-length code: the n low bits of v.
type code struct{ n, v uint8 }

// The tables hold lengths and values of H.264, Tables 9-5 (coeff_token for
// 0 <= nC < 2 and for nC = -1), 9-7, 9-9 a (total_zeros) and 9-10 (run_before).
var (
	// coeffToken is indexed by 4*TotalCoeff + TrailingOnes.
	coeffToken = pair(
		[]uint8{
			1, 0, 0, 0, 6, 2, 0, 0, 8, 6, 3, 0, 9, 8, 7, 5, 10, 9, 8, 6, 11, 10, 9, 7,
			13, 11, 10, 8, 13, 13, 11, 9, 13, 13, 13, 10, 14, 14, 13, 11, 14, 14, 14, 13,
			15, 15, 14, 14, 15, 15, 15, 14, 16, 15, 15, 15, 16, 16, 16, 15, 16, 16, 16, 16, 16, 16, 16, 16,
		}, []uint8{
			1, 0, 0, 0, 5, 1, 0, 0, 7, 4, 1, 0, 7, 6, 5, 3, 7, 6, 5, 3, 7, 6, 5, 4,
			15, 6, 5, 4, 11, 14, 5, 4, 8, 10, 13, 4, 15, 14, 9, 4, 11, 10, 13, 12,
			15, 14, 9, 12, 11, 10, 13, 8, 15, 1, 9, 12, 11, 14, 13, 8, 7, 10, 9, 12, 4, 6, 5, 8,
		})
	coeffTokenChroma = pair(
		[]uint8{2, 0, 0, 0, 6, 1, 0, 0, 6, 6, 3, 0, 6, 7, 7, 6, 6, 8, 8, 7},
		[]uint8{1, 0, 0, 0, 7, 1, 0, 0, 4, 6, 1, 0, 3, 3, 2, 5, 2, 3, 2, 0})
	// totalZeros is indexed by TotalCoeff-1, then total_zeros.
	totalZeros = [][]code{
		pair([]uint8{1, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 9}, []uint8{1, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 1}),
		pair([]uint8{3, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 6, 6, 6, 6}, []uint8{7, 6, 5, 4, 3, 5, 4, 3, 2, 3, 2, 3, 2, 1, 0}),
		pair([]uint8{4, 3, 3, 3, 4, 4, 3, 3, 4, 5, 5, 6, 5, 6}, []uint8{5, 7, 6, 5, 4, 3, 4, 3, 2, 3, 2, 1, 1, 0}),
		pair([]uint8{5, 3, 4, 4, 3, 3, 3, 4, 3, 4, 5, 5, 5}, []uint8{3, 7, 5, 4, 6, 5, 4, 3, 3, 2, 2, 1, 0}),
		pair([]uint8{4, 4, 4, 3, 3, 3, 3, 3, 4, 5, 4, 5}, []uint8{5, 4, 3, 7, 6, 5, 4, 3, 2, 1, 1, 0}),
		pair([]uint8{6, 5, 3, 3, 3, 3, 3, 3, 4, 3, 6}, []uint8{1, 1, 7, 6, 5, 4, 3, 2, 1, 1, 0}),
		pair([]uint8{6, 5, 3, 3, 3, 2, 3, 4, 3, 6}, []uint8{1, 1, 5, 4, 3, 3, 2, 1, 1, 0}),
		pair([]uint8{6, 4, 5, 3, 2, 2, 3, 3, 6}, []uint8{1, 1, 1, 3, 3, 2, 2, 1, 0}),
		pair([]uint8{6, 6, 4, 2, 2, 3, 2, 5}, []uint8{1, 0, 1, 3, 2, 1, 1, 1}),
		pair([]uint8{5, 5, 3, 2, 2, 2, 4}, []uint8{1, 0, 1, 3, 2, 1, 1}),
		pair([]uint8{4, 4, 3, 3, 1, 3}, []uint8{0, 1, 1, 2, 1, 3}),
		pair([]uint8{4, 4, 2, 1, 3}, []uint8{0, 1, 1, 1, 1}),
		pair([]uint8{3, 3, 1, 2}, []uint8{0, 1, 1, 1}),
		pair([]uint8{2, 2, 1}, []uint8{0, 1, 1}),
		pair([]uint8{1, 1}, []uint8{0, 1}),
	}
	totalZerosChroma = [][]code{
		pair([]uint8{1, 2, 3, 3}, []uint8{1, 1, 1, 0}),
		pair([]uint8{1, 2, 2}, []uint8{1, 1, 0}),
		pair([]uint8{1, 1}, []uint8{1, 0}),
	}
	// runBefore is indexed by min(zerosLeft, 7)-1, then run_before.
	runBefore = [][]code{
		pair([]uint8{1, 1}, []uint8{1, 0}),
		pair([]uint8{1, 2, 2}, []uint8{1, 1, 0}),
		pair([]uint8{2, 2, 2, 2}, []uint8{3, 2, 1, 0}),
		pair([]uint8{2, 2, 2, 3, 3}, []uint8{3, 2, 1, 1, 0}),
		pair([]uint8{2, 2, 3, 3, 3, 3}, []uint8{3, 2, 3, 2, 1, 0}),
		pair([]uint8{2, 3, 3, 3, 3, 3, 3}, []uint8{3, 0, 1, 3, 2, 5, 4}),
		pair([]uint8{3, 3, 3, 3, 3, 3, 3, 4, 5, 6, 7, 8, 9, 10, 11}, []uint8{7, 6, 5, 4, 3, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1}),
	}
)

func pair(lengths, values []uint8) []code {
	out := make([]code, len(lengths))
	for i := range out {
		out[i] = code{lengths[i], values[i]}
	}
	return out
}

func (w *bitWriter) code(c code) { w.u(uint(c.n), uint32(c.v)) }

// residual writes a block of 16 luma DC or 4 chroma DC levels in scan order:
// residual_block_cavlc (7.3.5.3.2) with nC = 0 or -1.
func (w *bitWriter) residual(levels []int32) {
	tokens, zeros := coeffToken, totalZeros
	if len(levels) == 4 {
		tokens, zeros = coeffTokenChroma, totalZerosChroma
	}
	var coef, run [16]int32 // in reverse scan order; run = zeros before it
	total, last := 0, -1
	for i := len(levels) - 1; i >= 0; i-- {
		if levels[i] != 0 {
			last = max(last, i)
			coef[total] = levels[i]
			total++
		} else if total > 0 {
			run[total-1]++
		}
	}
	ones := 0
	for ones < min(total, 3) && (coef[ones] == 1 || coef[ones] == -1) {
		ones++
	}
	w.code(tokens[4*total+ones])
	if total == 0 {
		return
	}
	for _, c := range coef[:ones] {
		w.flag(c < 0)
	}
	w.levels(coef[ones:total], total, ones)
	left := int32(last + 1 - total)
	if total < len(levels) {
		w.code(zeros[total-1][left])
	}
	for i := 0; i < total-1 && left > 0; i++ {
		w.code(runBefore[min(left, 7)-1][run[i]])
		left -= run[i]
	}
}

// levels writes level_prefix and level_suffix of the coefficients that are not
// trailing ones (9.2.2.1). Magnitudes stay below 2048.
func (w *bitWriter) levels(coef []int32, total, ones int) {
	suffix := uint(0)
	if total > 10 && ones < 3 {
		suffix = 1
	}
	for i, c := range coef {
		v := uint32(2*c - 2)
		if c < 0 {
			v = uint32(-2*c - 1)
		}
		if i == 0 && ones < 3 {
			v -= 2
		}
		w.level(suffix, v)
		suffix = max(suffix, 1)
		if max(c, -c) > 3<<(suffix-1) && suffix < 6 {
			suffix++
		}
	}
}

func (w *bitWriter) level(suffix uint, v uint32) {
	escape := uint32(15) << suffix
	switch {
	case suffix == 0 && v < 14:
		w.u(uint(v)+1, 1)
	case suffix == 0 && v < 30:
		w.u(15, 1)
		w.u(4, v-14)
	case suffix == 0:
		w.u(16, 1)
		w.u(12, v-30)
	case v < escape:
		w.u(uint(v>>suffix)+1, 1)
		w.u(suffix, v)
	default:
		w.u(16, 1)
		w.u(12, v-escape)
	}
}
