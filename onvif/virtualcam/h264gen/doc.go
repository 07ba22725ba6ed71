// Package h264gen writes H.264 without an encoder. It codes mosaics, pictures
// made of flat 4x4 pixel cells, exactly and in a few hundred bytes a frame:
// each macroblock is Intra_16x16 with DC prediction and no coefficients but
// the DC ones, and what did not change is skipped.
//
// The stream is Constrained Baseline (ITU-T H.264, A.2.1.1): CAVLC, one slice
// a picture, no B slices, one reference, deblocking off, so that what a
// decoder shows is exactly what was drawn and output order is decode order.
package h264gen
