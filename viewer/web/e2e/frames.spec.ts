import { expect, test } from "@playwright/test";
import { WallClock } from "../src/lib/clock";
import { FrameWatch } from "../src/lib/frames";

/** A video whose screen the test moves. */
class Screen {
  private ask: VideoFrameRequestCallback | null = null;
  requestVideoFrameCallback(f: VideoFrameRequestCallback) {
    this.ask = f;
    return 1;
  }
  cancelVideoFrameCallback() {
    this.ask = null;
  }
  /** A frame comes to the screen; false: nobody had asked for it. */
  show(rtpTimestamp: number) {
    const f = this.ask;
    this.ask = null;
    f?.(0, { rtpTimestamp } as unknown as VideoFrameCallbackMetadata);
    return f !== null;
  }
}

const at = Date.parse("2026-11-20T09:00:00Z");

test("a frame that comes while the one before it is told is not passed over", () => {
  const screen = new Screen();
  const told: number[] = [];
  new FrameWatch(screen, (rtp) => {
    told.push(rtp);
    if (rtp === 1000) expect(screen.show(1090)).toBe(true);
  });
  screen.show(1000);
  expect(told).toEqual([1000, 1090]);
});

test("a map that comes after its frame tells the frame's time anew", () => {
  const screen = new Screen();
  const clock = new WallClock();
  let wall: number | undefined;
  const watch = new FrameWatch(screen, (rtp) => (wall = clock.at(rtp)));
  clock.add({ rtp: 1000, first: 1000, at, rate: 1 });
  screen.show(10_000);
  expect(wall).toBe(at + 100);
  clock.add({ rtp: 10_000, first: 9_000, at: at + 60_000, rate: 1 });
  watch.again();
  expect(wall).toBe(at + 60_000);
});

test("a picture that stands has the newest frame's time, though no callback told of it", () => {
  const screen = new Screen();
  const told: number[] = [];
  const watch = new FrameWatch(screen, (rtp) => told.push(rtp));
  watch.again();
  expect(told).toEqual([]);
  screen.show(0xffff_ff00);
  watch.again(0xffff_f000); // the receiver is behind: the screen is right
  watch.again(16); // past the wrap of 32 bits
  watch.again();
  expect(told).toEqual([0xffff_ff00, 0xffff_ff00, 16, 16]);
  watch.stop();
  expect(screen.show(200)).toBe(false);
});
