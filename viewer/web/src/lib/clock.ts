/** One entry of the mapping from RTP time to wall clock (viewer/PROTOCOL.md, event "map"). */
export interface Mapping {
  rtp: number;
  first: number; // RTP timestamp from which the mapping holds
  at: number; // milliseconds since 1970, with fraction
  rate: number;
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
    const m = this.list.find((m) => ((rtp - m.first) | 0) >= 0) ?? this.list.at(-1);
    return m && m.at + (((rtp - m.rtp) | 0) / TICKS_PER_MS) * m.rate;
  }
}
