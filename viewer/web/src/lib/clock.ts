/** One entry of the mapping from RTP time to wall clock (viewer/PROTOCOL.md, event "map"). */
export interface Mapping {
  rtp: number;
  at: number; // milliseconds since 1970, with fraction
  rate: number; // 0 while paused
}

const TICKS_PER_MS = 90;

/** Parses RFC 3339 with microseconds into milliseconds with fraction. */
export function parseTime(s: string): number {
  const whole = Date.parse(s);
  const micros = /\.\d{3}(\d{1,3})/.exec(s)?.[1];
  return micros ? whole + Number(micros.padEnd(3, "0")) / 1000 : whole;
}

/** Remembers the latest mappings of one track and tells the wall clock of a shown frame. */
export class WallClock {
  private list: Mapping[] = [];

  add(m: Mapping) {
    this.list.unshift(m);
    this.list.length = Math.min(this.list.length, 16);
  }

  /** Wall clock in milliseconds of the frame with this RTP timestamp; undefined before the first mapping. */
  at(rtp: number): number | undefined {
    for (const m of this.list) {
      const ticks = (rtp - m.rtp) | 0; // signed distance modulo 2^32
      if (ticks >= 0) return m.at + (ticks / TICKS_PER_MS) * m.rate;
    }
    const last = this.list.at(-1);
    return last && last.at + (((rtp - last.rtp) | 0) / TICKS_PER_MS) * last.rate;
  }
}
