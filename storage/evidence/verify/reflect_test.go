package verify_test

import (
	"math/rand/v2"
	"reflect"
	"time"

	"lieciba/storage/evidence"
)

// edit is one change that can be made to a value.
type edit struct {
	path string
	do   func(r *rand.Rand)
}

// edits lists every change to the fields of a struct, down to the last one:
// other text, other numbers, other times, elements removed, doubled or swapped.
func edits(v reflect.Value, path string) (list []edit) {
	switch x := v.Addr().Interface().(type) {
	case *evidence.Time:
		return []edit{{path, func(r *rand.Rand) { x.Time = x.Add(time.Duration(1+r.IntN(5_000_000)) * time.Microsecond) }}}
	case *evidence.Hash:
		return []edit{{path, func(r *rand.Rand) { x[r.IntN(32)] ^= byte(1 << r.IntN(8)) }}}
	case *[]byte:
		return nil
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			list = append(list, edits(v.Field(i), path+"."+v.Type().Field(i).Name)...)
		}
	case reflect.Slice:
		list = append(list, sliceEdits(v, path)...)
		for i := range v.Len() {
			list = append(list, edits(v.Index(i), path+"[]")...)
		}
	case reflect.String:
		list = append(list, edit{path, func(r *rand.Rand) { v.SetString(otherText(r, v.String())) }})
	case reflect.Int, reflect.Int64:
		list = append(list, edit{path, func(r *rand.Rand) { v.SetInt(v.Int() + int64(1+r.IntN(1000))) }})
	case reflect.Bool:
		list = append(list, edit{path, func(*rand.Rand) { v.SetBool(!v.Bool()) }})
	default:
		panic("the manifest has a field of a kind that no mutation covers: " + path)
	}
	return list
}

func sliceEdits(v reflect.Value, path string) (list []edit) {
	n := v.Len()
	if n > 0 {
		list = append(list, edit{path + "-", func(r *rand.Rand) {
			i := r.IntN(n)
			v.Set(reflect.AppendSlice(v.Slice(0, i), v.Slice(i+1, n)))
		}}, edit{path + "+", func(r *rand.Rand) { v.Set(reflect.Append(v, v.Index(r.IntN(n)))) }})
	}
	if n > 1 {
		list = append(list, edit{path + "~", func(r *rand.Rand) {
			i := r.IntN(n)
			reflect.Swapper(v.Interface())(i, (i+1+r.IntN(n-1))%n)
		}})
	}
	return list
}

// otherText changes one letter, or adds one.
func otherText(r *rand.Rand, s string) string {
	if s == "" || r.IntN(4) == 0 {
		return s + "x"
	}
	b := []byte(s)
	i := r.IntN(len(b))
	if b[i] >= 0x80 { // keep it UTF-8
		return "x" + s
	}
	if b[i] == '0' {
		b[i] = '1'
	} else {
		b[i] = '0'
	}
	return string(b)
}
