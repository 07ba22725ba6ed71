package segment

import (
	"errors"
	"io/fs"
	"os"
	"sync"
	"time"

	"lieciba"
	"lieciba/storage/durable"
)

var errClosed error = lieciba.Errorf(lieciba.CodeInternal, "the segment is closed")

// Params say what a segment is made for.
type Params struct {
	IDs
	Format           lieciba.StreamFormat // Audio nil: no sound track, and sound frames are refused
	FragmentDuration time.Duration        // at which a GOP is split; 0: 1 s
	Disk             *durable.Disk        // nil: durable.OS
}

// Writer writes one segment. Fragments and Durable may be called beside any
// other method; the rest belongs to one goroutine.
type Writer struct {
	params   Params
	disk     *durable.Disk
	file     *durable.File
	path     string // final
	head     head
	initSize int64
	split    int64 // FragmentDuration in ticks

	origin     origin
	video      []lieciba.Frame // pending, decode order
	audio      []lieciba.Frame // pending, by PTS
	pending    int             // bytes of both
	videoTicks int64           // duration of the last frame that has one
	tail       tail
	failed     error
	dropped    int

	audioOffset int64 // file time of sound minus run PTS
	audioNext   int64 // file time at which the sound written so far ends
	audioSeen   bool  // sound was accepted
	audioPTS    int64 // of the last accepted
	audioKept   bool  // sound was written

	buf boxWriter

	mu    sync.Mutex // guards what follows
	frags []fragment
	index []lieciba.Fragment // of frags; what was handed out never changes
	end   time.Time          // of what is durable
}

// tail is the last video frame in presentation order.
type tail struct {
	time time.Time
	pts  int64
}

// Create makes path + PartSuffix, empty. Nothing is written before the first
// fragment. CodeConflict if either name exists; CodeInvalid or CodeUnsupported
// for a format that cannot be stored.
func Create(path string, p Params) (*Writer, error) {
	w := &Writer{params: p, disk: p.Disk, path: path, head: head{format: p.Format, ids: p.IDs}}
	if err := p.IDs.check(); err != nil {
		return nil, lieciba.Wrap(err, lieciba.CodeInvalid, "a segment with such IDs could not be read again")
	}
	if w.disk == nil {
		w.disk = durable.OS
	}
	if p.FragmentDuration == 0 {
		p.FragmentDuration = time.Second
	}
	w.split = toTicks(p.FragmentDuration, lieciba.VideoClockRate)
	init, err := w.head.encode()
	if err != nil {
		return nil, err
	}
	w.initSize = int64(len(init))
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			return nil, lieciba.Errorf(lieciba.CodeConflict, "the segment exists already")
		}
		return nil, durable.Error(err)
	}
	if w.file, err = w.disk.Create(path+PartSuffix, 0o640); err != nil {
		return nil, err
	}
	w.video = make([]lieciba.Frame, 0, 64)
	w.audio = make([]lieciba.Frame, 0, 128)
	w.frags = make([]fragment, 0, 128)
	w.index = make([]lieciba.Fragment, 0, 128)
	return w, nil
}

// WriteFrame takes the next frame of either track, in decode order per track.
// flushed tells that the fragment before it is durable now. The frame's units
// are kept, unread, until their fragment is flushed.
//
// The first video frame must be a key frame. Sound is dropped, without error,
// before it and when it is more than a second older than it. CodeInvalid for a
// frame that cannot follow the one before; the segment stays usable. After an
// error of the disk every call returns it, and Close keeps what is durable.
func (w *Writer) WriteFrame(f lieciba.Frame) (flushed bool, err error) {
	if w.failed != nil {
		return false, w.failed
	}
	f.Time = lieciba.Micro(f.Time)
	size := f.Size()
	if size == 0 || size > maxFrameSize {
		return false, lieciba.Invalid("frame", "a frame of %d bytes cannot be stored: 1 to %d", size, maxFrameSize)
	}
	if f.Track == lieciba.TrackAudio {
		return false, w.writeAudio(f, size)
	}
	if err := w.checkVideo(&f); err != nil {
		return false, err
	}
	if n := len(w.video); n > 0 {
		w.videoTicks = f.DTS - w.video[n-1].DTS
		if f.Key || f.DTS-w.video[0].DTS >= w.split || w.pending+size > splitSize || n+len(w.audio) >= maxSamples {
			if err := w.flush(f.DTS, f.Time, w.audioBefore(f.Time)); err != nil {
				return false, err
			}
			flushed = true
		}
	}
	if w.origin.from.IsZero() {
		w.origin = origin{f.Time, f.DTS}
		w.head.delay = f.PTS - f.DTS
	}
	w.video = append(w.video, f)
	w.pending += size
	if f.Time.After(w.tail.time) {
		w.tail = tail{f.Time, f.PTS}
	}
	return flushed, nil
}

// checkVideo refuses a frame that the file could not tell truly.
func (w *Writer) checkVideo(f *lieciba.Frame) error {
	if w.origin.from.IsZero() {
		if !f.Key {
			return lieciba.Invalid("frame", "a segment starts with a key frame")
		}
		return nil
	}
	last := w.origin.dts
	if n := len(w.video); n > 0 {
		last = w.video[n-1].DTS
	}
	if d := f.DTS - last; d <= 0 || d > 1<<31 {
		return lieciba.Invalid("frame", "DTS %d cannot follow %d", f.DTS, last)
	}
	if d := f.PTS - f.DTS; d < -1<<30 || d > 1<<30 {
		return lieciba.Invalid("frame", "PTS %d is too far from DTS %d", f.PTS, f.DTS)
	}
	return nil
}

func (w *Writer) writeAudio(f lieciba.Frame, size int) error {
	if w.params.Format.Audio == nil {
		return lieciba.Invalid("frame", "the segment has no sound track")
	}
	if len(f.Units) != 1 {
		return lieciba.Invalid("frame", "a sound frame has one unit, not %d", len(f.Units))
	}
	if w.origin.from.IsZero() || f.Time.Before(w.origin.from.Add(-maxAudioLead)) {
		w.dropped++
		return nil
	}
	if w.audioSeen && (f.PTS <= w.audioPTS || f.PTS-w.audioPTS > 1<<31) {
		return lieciba.Invalid("frame", "sound PTS %d cannot follow %d", f.PTS, w.audioPTS)
	}
	if w.pending+size > maxFragmentSize/2 || len(w.video)+len(w.audio) >= maxSamples {
		return lieciba.Errorf(lieciba.CodeTooLarge, "too much sound without a picture")
	}
	w.audioSeen, w.audioPTS = true, f.PTS
	w.audio = append(w.audio, f)
	w.pending += size
	return nil
}

// audioBefore counts the pending sound frames that belong before t.
func (w *Writer) audioBefore(t time.Time) int {
	n := len(w.audio)
	for n > 0 && !w.audio[n-1].Time.Before(t) {
		n--
	}
	return n
}

// flush writes the pending video, which ends at endDTS, with the first n sound
// frames. end is the wall-clock time up to which it then reaches.
func (w *Writer) flush(endDTS int64, end time.Time, n int) error {
	c := content{sequence: uint32(len(w.frags) + 1), origin: w.origin, video: w.video, endDTS: endDTS, audio: w.audio[:n]}
	if n > 0 {
		w.placeAudio(&c)
	}
	w.buf.b = w.buf.b[:0]
	var headSize int
	if len(w.frags) == 0 {
		w.head.from = w.origin.from
		init, err := w.head.encode()
		if err != nil {
			w.failed = err
			return err
		}
		w.buf.bytes(init)
		w.buf.bytes(indexArea(nil))
		headSize = len(w.buf.b)
	}
	c.appendTo(&w.buf)
	offset := w.file.Size() + int64(headSize)
	_, err := w.file.Append(w.buf.b)
	if err == nil {
		err = w.file.Sync()
	}
	if err != nil {
		w.failed = err
		return err
	}
	first := &w.video[0]
	info := fragment{
		Fragment: lieciba.Fragment{From: first.Time, PTS: first.PTS, Offset: offset,
			Size: int64(len(w.buf.b) - headSize), Frames: len(w.video), Key: first.Key},
		ticks: endDTS - first.DTS, audio: n,
	}
	if first.Key {
		info.sap = sapType(w.params.Format.Video.Codec, first.Units)
	}
	w.mu.Lock()
	w.frags = append(w.frags, info)
	w.index = append(w.index, info.Fragment)
	w.end = end
	w.mu.Unlock()
	w.drop(n)
	return nil
}

// placeAudio sets the file time of the fragment's sound.
func (w *Writer) placeAudio(c *content) {
	format := w.params.Format.Audio
	rate := int64(format.SampleRate)
	first := &c.audio[0]
	want := toTicks(first.Time.Sub(w.origin.from), rate) + w.head.lead
	tick := first.PTS + w.audioOffset
	switch {
	case !w.audioKept:
		w.head.lead = max(0, -want)
		tick = want + w.head.lead
	case tick < w.audioNext || want-tick > toTicks(maxAudioSkew, rate):
		tick = max(want, w.audioNext)
	}
	w.audioKept = true
	w.audioOffset = tick - first.PTS
	last := &c.audio[len(c.audio)-1]
	c.audioTick, c.audioRate = tick, rate
	c.audioEnd = last.PTS + max(1, nominalTicks(format, last.Units[0]))
	if n := len(c.audio); n > 1 && format.Codec == lieciba.AAC { // 960, or 2048 with SBR: its neighbour knows
		c.audioEnd = last.PTS + min(last.PTS-c.audio[n-2].PTS, 2048)
	}
	if len(c.audio) < len(w.audio) {
		c.audioEnd = w.audio[len(c.audio)].PTS
	}
	w.audioNext = last.PTS + w.audioOffset + 1 // an early frame may cut the last one's duration
}

// drop forgets the flushed frames and their payload.
func (w *Writer) drop(audio int) {
	clear(w.video)
	w.video = w.video[:0]
	rest := copy(w.audio, w.audio[audio:])
	clear(w.audio[rest:])
	w.audio = w.audio[:rest]
	w.pending = 0
	for i := range w.audio {
		w.pending += len(w.audio[i].Units[0])
	}
}

// Fragments returns the fragments that are durable. The caller must not change
// the list; it never changes by itself. Safe for concurrent use.
func (w *Writer) Fragments() []lieciba.Fragment {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.index[:len(w.index):len(w.index)]
}

// Durable is the span that durable fragments cover; zero before the first.
// Safe for concurrent use.
func (w *Writer) Durable() lieciba.Interval {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.index) == 0 {
		return lieciba.Interval{}
	}
	return lieciba.Interval{From: w.index[0].From, To: w.end}
}

// InitSize is the size of ftyp and moov. Safe for concurrent use.
func (w *Writer) InitSize() int64 { return w.initSize }

// PartPath is the path of the growing file. Safe for concurrent use.
func (w *Writer) PartPath() string { return w.path + PartSuffix }

// Close writes what is pending, finalises the file and gives it its final name,
// durably. end is the time of the first frame of the segment that follows in
// the same run, or zero if none does: then To is the end of the last frame.
// CodeInvalid if end is not after the last frame; the segment stays open.
//
// After an error of WriteFrame's disk, Close keeps the durable fragments, and
// Result.To tells how far they reach; end is ignored. Without one whole
// fragment the file is removed and the error is ErrEmpty. On any other error
// the file keeps its .part name, holds every durable fragment, and Recover
// finalises it; the Writer is closed all the same.
func (w *Writer) Close(end time.Time) (Result, error) {
	if w.file == nil {
		return Result{}, errClosed
	}
	to := w.end
	if w.failed == nil && len(w.video) > 0 {
		var endDTS int64
		var err error
		if to, endDTS, err = w.lastEnd(end); err != nil {
			return Result{}, err
		}
		_ = w.flush(endDTS, to, len(w.audio)) // kept in w.failed
	}
	if w.failed != nil {
		var err error
		if to, err = w.rollback(); err != nil {
			return Result{}, errors.Join(err, w.closeFile())
		}
	}
	if len(w.frags) == 0 {
		cause := errors.Join(ErrEmpty, w.failed, w.Abort())
		return Result{}, lieciba.Wrap(cause, lieciba.CodeNotFound, "the segment has no whole fragment")
	}
	f := finisher{disk: w.disk, file: w.file, path: w.path, head: w.head, frags: w.frags, buf: w.buf.b}
	w.file, w.failed = nil, errClosed
	r, err := f.finish(to)
	r.DroppedAudio = w.dropped
	return r, err
}

// rollback cuts the file to what is durable and tells how far that reaches.
func (w *Writer) rollback() (time.Time, error) {
	if err := w.file.Rollback(); err != nil || len(w.frags) == 0 {
		return time.Time{}, err
	}
	x, err := Scan(w.file, w.file.Size())
	return x.Until, err
}

// lastEnd decides To and the DTS at which the last sample ends in the file, so
// that the video's durations sum up to To − From, unless a picture lies behind To by its PTS.
func (w *Writer) lastEnd(end time.Time) (time.Time, int64, error) {
	if end.IsZero() {
		d := loneFrame
		if w.videoTicks > 0 {
			d = fromTicks(w.videoTicks, lieciba.VideoClockRate)
		}
		end = w.tail.time.Add(d)
	} else if end = lieciba.Micro(end); !end.After(w.tail.time) {
		return end, 0, lieciba.Invalid("end", "the segment cannot end at %s: its last frame is of %s", end, w.tail.time)
	}
	dts := w.origin.dts + toTicks(end.Sub(w.origin.from), lieciba.VideoClockRate)
	return end, w.fit(max(dts, w.tail.pts-w.head.delay+1)), nil
}

// fit pulls decoding times that reach over the segment's end back before it:
// they only order the frames, and of streams with B-frames they are guessed.
func (w *Writer) fit(end int64) int64 {
	end = max(end, w.video[0].DTS+int64(len(w.video)))
	for i, dts := len(w.video)-1, end-1; w.video[i].DTS > dts; i, dts = i-1, dts-1 {
		w.video[i].DTS = dts
	}
	return end
}

// Abort closes and removes the file, whatever it holds. A second call, or one
// after Close, does nothing.
func (w *Writer) Abort() error {
	if w.file == nil {
		return nil
	}
	path := w.file.Path()
	return errors.Join(w.closeFile(), w.disk.Remove(path))
}

func (w *Writer) closeFile() error {
	err := w.file.Close()
	w.file = nil
	if w.failed == nil {
		w.failed = errClosed
	}
	return err
}
