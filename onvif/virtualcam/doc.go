// Package virtualcam is a simulated IP camera: WS-Discovery, ONVIF Device,
// Media, Media2 and Events services, snapshots, and two RTSP streams whose
// picture carries the instant it was taken (picture/timecode.md). It fails on
// demand in the ways that real cameras do. Tests, demo and benchmarks share it.
package virtualcam
