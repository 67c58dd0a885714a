/** Reads MPEG transport streams (ISO/IEC 13818-1): when their pictures are shown. */
import type { Sample } from './fmp4';

/** Ticks of a time stamp in a second. */
export const TICKS = 90_000;
/** Ticks after which time stamps start over. */
export const WRAP = 2 ** 33;

const PACKET = 188;
const SYNC = 0x47;

/** The frames of a segment's first picture stream, in the order of presentation: one for each PES packet that has a time stamp. */
export function readStream(bytes: ArrayBuffer): Sample[] {
  const data = new Uint8Array(bytes);
  const starts: { time: number; sync: boolean }[] = [];
  let stream = -1;
  for (let at = data.indexOf(SYNC); at >= 0 && at + PACKET <= data.length; at += PACKET) {
    if (data[at] !== SYNC) return [];
    const byte = (place: number): number => data[at + place] ?? 0;
    const pid = ((byte(1) & 0x1f) << 8) | byte(2);
    const begins = !!(byte(1) & 0x40);
    const adapted = !!(byte(3) & 0x20);
    if (!begins || !(byte(3) & 0x10) || (stream >= 0 && pid !== stream)) continue;
    const time = shownAt(data, at + 4 + (adapted ? 1 + byte(4) : 0));
    if (time === null) continue;
    stream = pid;
    starts.push({ time, sync: adapted && byte(4) > 0 && !!(byte(5) & 0x40) });
  }
  return timed(starts);
}

/** The presentation time of a picture's PES packet at `at`; `null` of any other packet. */
function shownAt(data: Uint8Array, at: number): number | null {
  const byte = (place: number): number => data[at + place] ?? 0;
  const isPicture = byte(0) === 0 && byte(1) === 0 && byte(2) === 1 && (byte(3) & 0xf0) === 0xe0;
  if (!isPicture || !(byte(7) & 0x80)) return null;
  // 33 bits, more than the operators on bits take.
  return ((byte(9) >> 1) & 7) * 2 ** 30 + (byte(10) << 22) + ((byte(11) >> 1) << 15) + (byte(12) << 7) + (byte(13) >> 1);
}

/** Gives each frame the time until the next one; time stamps that start over within a segment go on. */
function timed(starts: readonly { time: number; sync: boolean }[]): Sample[] {
  const first = starts[0]?.time ?? 0;
  const unwrapped = starts.map(({ time, sync }) => ({ time: time - Math.round((time - first) / WRAP) * WRAP, sync }));
  unwrapped.sort((one, other) => one.time - other.time);
  const times = unwrapped.map(({ time }) => time);
  const [last = 0, before = last - TICKS / 25] = [times.at(-1), times.at(-2)];
  return unwrapped.map(({ time, sync }, n) => ({ time, sync, duration: (times[n + 1] ?? 2 * last - before) - time }));
}
