/** A stretch of time drawn over a width. */
export class Scale {
  constructor(
    readonly from: number,
    readonly to: number,
  ) {}

  /** Position of a time, in percent. */
  at(ms: number): number {
    return ((ms - this.from) / Math.max(1, this.to - this.from)) * 100;
  }

  /** Left edge and width of a span in percent, clipped to the scale. */
  span(from: number, to: number): { left: string; width: string } {
    const a = Math.max(0, this.at(from));
    const b = Math.min(100, this.at(to));
    return { left: `${a}%`, width: `${Math.max(0, b - a)}%` };
  }

  /** The time at a fraction of the width. */
  time(fraction: number): number {
    return this.from + Math.min(1, Math.max(0, fraction)) * (this.to - this.from);
  }

  /** The same width zoomed by a factor around a time, inside the limits. */
  zoom(factor: number, around: number, limits: Scale): Scale {
    const least = 1000;
    const width = Math.min(limits.to - limits.from, Math.max(least, (this.to - this.from) * factor));
    const share = (around - this.from) / (this.to - this.from);
    const from = Math.min(Math.max(limits.from, around - share * width), limits.to - width);
    return new Scale(from, from + width);
  }

  /** Round times for marks, at most `most` of them. */
  ticks(most: number): number[] {
    const steps = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200].map((s) => s * 1000);
    const step = steps.find((s) => (this.to - this.from) / s <= most) ?? 14_400_000;
    const list: number[] = [];
    for (let t = Math.ceil(this.from / step) * step; t < this.to; t += step) list.push(t);
    return list;
  }
}
