/** The frames of a recording that are known by now, on the clock that counts from the first Period. */
import type { Sample } from './fmp4';

/** A frame. Times are in nanoseconds. */
export interface Frame {
  readonly start: number;
  readonly end: number;
  readonly sync: boolean;
}

const SECOND = 1_000_000_000n;

/** The frames of a segment; `shift` is what the service adds to the media's time stamps, in nanoseconds. */
export function placed(samples: readonly Sample[], timescale: number, shift: bigint, bounds: readonly [number, number]): Frame[] {
  const scale = BigInt(timescale);
  const at = (ticks: number): number => Number((BigInt(ticks) * SECOND) / scale + shift);
  const frames = samples.map(({ time, duration, sync }, n) => {
    const next = samples[n + 1];
    return { start: at(time), end: at(next ? next.time : time + duration), sync };
  });
  return frames.filter((frame) => frame.start >= bounds[0] && frame.start < bounds[1]);
}

/** Milliseconds that a request names for an instant in nanoseconds: rounded down, as the service asks for. */
export function requestMs(ns: number): number {
  // Time stamps and shifts are rounded down to a nanosecond each.
  return Math.floor((ns + 2) / 1e6);
}

/** The known frames, by their start. */
export class FrameIndex {
  private frames: Frame[] = [];

  /** All of them, in their order. */
  get all(): readonly Frame[] {
    return this.frames;
  }

  /** Adds the frames of a segment, in place of what was known of that time. */
  add(added: readonly Frame[]): void {
    const [first, last] = [added[0], added.at(-1)];
    if (!first || !last) return;
    const from = this.position(first.start);
    let until = from;
    while ((this.frames[until]?.start ?? Infinity) <= last.start) until++;
    this.frames.splice(from, until - from, ...added);
  }

  /** The position of the first frame that starts at `ns` or later. */
  private position(ns: number): number {
    let [low, high] = [0, this.frames.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.frames[middle]?.start ?? 0) < ns) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The frame on display at `ns`; between two frames the one before. */
  at(ns: number): Frame | undefined {
    const position = this.position(ns);
    const next = this.frames[position];
    return next?.start === ns ? next : this.frames[position - 1];
  }

  /** The frame `by` frames behind the one at `ns`, if it and all in between are known. */
  from(ns: number, by: number): Frame | undefined {
    const current = this.at(ns);
    return current && this.frames[this.position(current.start) + by];
  }

  /** The next frame that a decoder may start with, or the last one before. */
  sync(ns: number, direction: 1 | -1): Frame | undefined {
    const current = this.at(ns);
    if (!current) return undefined;
    for (let n = this.position(current.start) + direction; ; n += direction) {
      const frame = this.frames[n];
      if (!frame || frame.sync) return frame;
    }
  }

  /** The frames that start in `[from, until)`. */
  between(from: number, until: number): Frame[] {
    return this.frames.slice(this.position(from), this.position(until));
  }
}
