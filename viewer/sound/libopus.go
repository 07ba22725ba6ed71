package sound

import (
	"runtime"
	"sync"
	"unsafe"

	"github.com/ebitengine/purego"

	"lieciba"
)

// Constants of opus_defines.h.
const (
	opusAppAudio   = 2049
	opusSetBitrate = 4002
)

// opusLibrary is libopus.so.0 of this machine, called without cgo.
type opusLibrary struct {
	create  func(rate, channels, application int32, err *int32) uintptr
	encode  func(state uintptr, pcm *int16, frame int32, data *byte, size int32) int32
	control func(state uintptr, request, value int32) int32
	destroy func(state uintptr)
}

// libopus loads the library once; nil where it is not installed.
var libopus = sync.OnceValue(func() *opusLibrary {
	for _, name := range []string{"libopus.so.0", "libopus.0.dylib"} {
		handle, err := purego.Dlopen(name, purego.RTLD_NOW|purego.RTLD_GLOBAL)
		if err != nil {
			continue // not installed: the WebAssembly build serves
		}
		lib := &opusLibrary{}
		for symbol, fn := range map[string]any{
			"opus_encoder_create": &lib.create, "opus_encode": &lib.encode,
			"opus_encoder_ctl": &lib.control, "opus_encoder_destroy": &lib.destroy,
		} {
			addr, err := purego.Dlsym(handle, symbol)
			if err != nil {
				return nil
			}
			purego.RegisterFunc(fn, addr)
		}
		return lib
	}
	return nil
})

type libEncoder struct {
	lib   *opusLibrary
	state uintptr
	n     int
	buf   [opusMax]byte
}

func (l *opusLibrary) newEncoder(channels int) (encoder, error) {
	var code int32
	state := l.create(48000, int32(channels), opusAppAudio, &code)
	if code != 0 || state == 0 {
		return nil, lieciba.Errorf(lieciba.CodeInternal, "the Opus encoder did not start: code %d", code)
	}
	e := &libEncoder{lib: l, state: state, n: channels}
	// opus_encoder_ctl is variadic: on these ABIs an int is passed alike.
	if code := l.control(state, opusSetBitrate, int32(opusBitrate*channels)); code != 0 {
		e.close()
		return nil, lieciba.Errorf(lieciba.CodeInternal, "the Opus encoder refuses its bit rate: code %d", code)
	}
	return e, nil
}

func (e *libEncoder) rate() int     { return 48000 }
func (e *libEncoder) channels() int { return e.n }
func (e *libEncoder) clock() int    { return 48000 }

func (e *libEncoder) encode(samples []int16) ([]byte, error) {
	n := e.lib.encode(e.state, unsafe.SliceData(samples), int32(len(samples)/e.n), &e.buf[0], opusMax)
	runtime.KeepAlive(samples)
	if n < 0 {
		return nil, lieciba.Errorf(lieciba.CodeInternal, "sound could not be encoded: code %d", n)
	}
	return append([]byte(nil), e.buf[:n]...), nil
}

func (e *libEncoder) close() {
	if e.state != 0 {
		e.lib.destroy(e.state)
		e.state = 0
	}
}
