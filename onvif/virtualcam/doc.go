// Package virtualcam is a simulated IP camera: WS-Discovery, ONVIF Device,
// Media, Media2 and Events services, snapshots, and two RTSP streams whose
// picture carries the instant it was taken (picture/timecode.md). Tests, demo
// and benchmarks share it; clients that others wrote are served too.
//
// Kinds: H.264 drawn as it is sent, or H.265 as a recorded loop (its pictures
// show no time and no code, and Media1 does not know it; the sub stream stays
// H.264); G.711, AAC or Opus with a 1 kHz tone, or no sound; WS-Security or
// HTTP Digest; plain HTTP or TLS with a certificate signed by itself.
//
// It fails on demand in the ways that real cameras do: Faults for the services
// and WS-Discovery, Disconnect and SetClockSkew for the whole camera, and the
// methods of rtspcam.Server for the streams.
package virtualcam
