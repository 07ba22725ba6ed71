// Package viewing makes viewing copies: plain MP4 files that any player opens,
// repackaged from native segments (storage/segment) without touching a picture
// or a sound. A viewing copy is a derivative and no evidence; its own metadata
// say so.
//
// Layout (ISO/IEC 14496-12): ftyp, one mdat for each fragment of the sources,
// moov. A file is written as a stream: the size of each mdat is known before its
// first byte, and the sample tables stand at the end. Memory: one fragment and
// the tables, about 16 bytes a frame.
//
// Time: 0 is Options.From by the wall clock. Every frame stands where its
// segment's own file time puts it after the segment's From, to the tick. Where
// nothing was recorded the last picture stays (its sample lasts until the next),
// and there is no sound. Before the first frame there is an empty edit.
//
// Parameter sets: sample entries are avc1 and hvc1, one for each different
// configuration, as the standard and Apple's players want it; from the second
// on, key frames also carry their parameter sets in the stream, because
// Chromium and others read the first entry only.
package viewing

import "lieciba"

func corrupt(format string, args ...any) error {
	return lieciba.Errorf(lieciba.CodeCorrupt, format, args...)
}
