package api

import "strings"

// bech32Letters are the 32 letters of Bech32 by their value (BIP 173).
const bech32Letters = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"

// ageRecipient reports whether s is an X25519 public key of age (C2SP age,
// "The X25519 recipient type"): Bech32 of 32 bytes with the prefix age. The
// check sum catches every key that was mistyped or cut.
func ageRecipient(s string) bool {
	const prefix, letters = "age", 52 + 6 // 256 bits in groups of five, and the check sum
	data, ok := strings.CutPrefix(s, prefix+"1")
	if !ok || len(data) != letters {
		return false
	}
	sum := uint32(1)
	step := func(v uint32) {
		top := sum >> 25
		sum = (sum&0x1ffffff)<<5 ^ v
		for i, g := range [5]uint32{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3} {
			if top>>i&1 == 1 {
				sum ^= g
			}
		}
	}
	for _, c := range []byte(prefix) {
		step(uint32(c) >> 5)
	}
	step(0)
	for _, c := range []byte(prefix) {
		step(uint32(c) & 31)
	}
	for i, c := range []byte(data) {
		v := strings.IndexByte(bech32Letters, c)
		if v < 0 || i == letters-7 && v&0b1111 != 0 { // 52·5 − 256 bits of padding are zero
			return false
		}
		step(uint32(v))
	}
	return sum == 1
}
