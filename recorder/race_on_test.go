//go:build race

package recorder

const underRace = true
