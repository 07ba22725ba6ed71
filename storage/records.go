package storage

import (
	"encoding/json"
	"time"

	"lieciba"
)

// What a catalogue keeps as JSON inside a row is encoded here, once for every
// catalogue, with names of its own: renaming a field of the domain never
// changes what is stored. Times are µs since the Unix epoch.

type streamRecord struct {
	Role    lieciba.StreamRole `json:"role"`
	URL     string             `json:"url"`
	Profile string             `json:"profile,omitempty"`
	Video   lieciba.VideoCodec `json:"video,omitempty"`
	Audio   lieciba.AudioCodec `json:"audio,omitempty"`
	Width   int                `json:"width,omitempty"`
	Height  int                `json:"height,omitempty"`
	FPS     float64            `json:"fps,omitempty"`
}

// EncodeStreams packs a camera's streams.
func EncodeStreams(list []lieciba.CameraStream) ([]byte, error) {
	return encodeEach(list, func(s lieciba.CameraStream) streamRecord {
		return streamRecord{s.Role, s.URL, s.ProfileToken, s.Video, s.Audio, s.Width, s.Height, s.FPS}
	})
}

// DecodeStreams unpacks them; the error is CodeCorrupt.
func DecodeStreams(b []byte) ([]lieciba.CameraStream, error) {
	return decodeEach(b, "streams of a camera", func(r streamRecord) lieciba.CameraStream {
		return lieciba.CameraStream{Role: r.Role, URL: r.URL, ProfileToken: r.Profile, Video: r.Video,
			Audio: r.Audio, Width: r.Width, Height: r.Height, FPS: r.FPS}
	})
}

type partRecord struct {
	ID    lieciba.PartID    `json:"id"`
	Kind  lieciba.PartKind  `json:"kind"`
	From  int64             `json:"from"`
	To    int64             `json:"to"`
	Sound bool              `json:"sound"`
	State lieciba.PartState `json:"state"`
}

// EncodeParts packs a session's parts.
func EncodeParts(list []lieciba.Part) ([]byte, error) {
	return encodeEach(list, func(p lieciba.Part) partRecord {
		return partRecord{p.ID, p.Kind, p.StartsAt.UnixMicro(), p.EndsAt.UnixMicro(), p.Sound, p.State}
	})
}

// DecodeParts unpacks them; the error is CodeCorrupt.
func DecodeParts(b []byte) ([]lieciba.Part, error) {
	return decodeEach(b, "parts of a session", func(r partRecord) lieciba.Part {
		return lieciba.Part{ID: r.ID, Kind: r.Kind, StartsAt: time.UnixMicro(r.From).UTC(),
			EndsAt: time.UnixMicro(r.To).UTC(), Sound: r.Sound, State: r.State}
	})
}

type formatRecord struct {
	Video  lieciba.VideoCodec `json:"video"`
	Width  int                `json:"width"`
	Height int                `json:"height"`
	VPS    []byte             `json:"vps,omitempty"`
	SPS    []byte             `json:"sps,omitempty"`
	PPS    []byte             `json:"pps,omitempty"`
	Audio  *audioRecord       `json:"audio,omitempty"`
}

type audioRecord struct {
	Codec    lieciba.AudioCodec `json:"codec"`
	Rate     int                `json:"rate"`
	Channels int                `json:"channels"`
	Config   []byte             `json:"config,omitempty"`
}

// EncodeFormat packs the format of a run.
func EncodeFormat(f lieciba.StreamFormat) ([]byte, error) {
	r := formatRecord{Video: f.Video.Codec, Width: f.Video.Width, Height: f.Video.Height,
		VPS: f.Video.VPS, SPS: f.Video.SPS, PPS: f.Video.PPS}
	if a := f.Audio; a != nil {
		r.Audio = &audioRecord{a.Codec, a.SampleRate, a.Channels, a.Config}
	}
	b, err := json.Marshal(r)
	return b, lieciba.Wrap(err, lieciba.CodeInternal, "the format of a run cannot be encoded")
}

// DecodeFormat unpacks it; the error is CodeCorrupt.
func DecodeFormat(b []byte) (lieciba.StreamFormat, error) {
	var r formatRecord
	if err := json.Unmarshal(b, &r); err != nil {
		return lieciba.StreamFormat{}, lieciba.Wrap(err, lieciba.CodeCorrupt, "the stored format of a run cannot be read")
	}
	f := lieciba.StreamFormat{Video: lieciba.VideoFormat{Codec: r.Video, Width: r.Width, Height: r.Height,
		VPS: r.VPS, SPS: r.SPS, PPS: r.PPS}}
	if a := r.Audio; a != nil {
		f.Audio = &lieciba.AudioFormat{Codec: a.Codec, SampleRate: a.Rate, Channels: a.Channels, Config: a.Config}
	}
	return f, nil
}

func encodeEach[T, R any](list []T, to func(T) R) ([]byte, error) {
	out := make([]R, len(list))
	for i, v := range list {
		out[i] = to(v)
	}
	b, err := json.Marshal(out)
	return b, lieciba.Wrap(err, lieciba.CodeInternal, "a list cannot be encoded")
}

func decodeEach[R, T any](b []byte, what string, from func(R) T) ([]T, error) {
	var in []R
	if err := json.Unmarshal(b, &in); err != nil {
		return nil, lieciba.Wrap(err, lieciba.CodeCorrupt, "the stored %s cannot be read", what)
	}
	var out []T
	for _, r := range in {
		out = append(out, from(r))
	}
	return out, nil
}

type itemRecord struct {
	Check    lieciba.ReadinessCheck `json:"check"`
	Outcome  lieciba.CheckOutcome   `json:"outcome"`
	Fact     string                 `json:"fact,omitempty"`
	Value    float64                `json:"value"`
	Unit     string                 `json:"unit,omitempty"`
	Measured string                 `json:"measured,omitempty"`
}

// EncodeItems packs the checks of a readiness row.
func EncodeItems(list []lieciba.ReadinessItem) ([]byte, error) {
	return encodeEach(list, func(i lieciba.ReadinessItem) itemRecord {
		return itemRecord{i.Check, i.Outcome, i.Fact, i.Value, i.Unit, i.Measured}
	})
}

// DecodeItems unpacks them; the error is CodeCorrupt.
func DecodeItems(b []byte) ([]lieciba.ReadinessItem, error) {
	return decodeEach(b, "checks of readiness", func(r itemRecord) lieciba.ReadinessItem {
		return lieciba.ReadinessItem{Check: r.Check, Outcome: r.Outcome, Fact: r.Fact, Value: r.Value, Unit: r.Unit, Measured: r.Measured}
	})
}
