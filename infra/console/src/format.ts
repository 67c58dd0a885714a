/** Times and sizes for people. */

const pad = (value: number, digits = 2): string => String(value).padStart(digits, '0');

/** Milliseconds as `HH:MM:SS.mmm`. */
export function clock(ms: number): string {
  const all = Math.max(0, Math.floor(ms));
  const [hours, minutes, seconds] = [Math.floor(all / 3_600_000), Math.floor(all / 60_000) % 60, Math.floor(all / 1000) % 60];
  return `${pad(hours)}:${pad(minutes)}:${pad(seconds)}.${pad(all % 1000, 3)}`;
}

/** Milliseconds since 1970 as `HH:MM:SS.mmm` in UTC. */
export function wallClock(ms: number): string {
  return new Date(ms).toISOString().slice(11, 23);
}

/** Milliseconds since 1970 as a day and a time in UTC. */
export function instant(ms: number): string {
  return new Date(ms).toISOString().replace('T', ' ').slice(0, 19);
}

/** A length of time. */
export function length(ms: number): string {
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms % 1000 ? 3 : 0).replace(/0+$/, (zeros) => (ms % 1000 ? '' : zeros))} s`;
  const minutes = Math.floor(ms / 60_000);
  const rest = `${pad(Math.floor(ms / 1000) % 60)} s`;
  return minutes < 60 ? `${minutes} min ${rest}` : `${Math.floor(minutes / 60)} h ${pad(minutes % 60)} min`;
}

/** A size. */
export function bytes(count: number): string {
  if (count < 1000) return `${count} B`;
  if (count < 1e6) return `${(count / 1e3).toFixed(0)} kB`;
  return count < 1e9 ? `${(count / 1e6).toFixed(1)} MB` : `${(count / 1e9).toFixed(1)} GB`;
}

/** `HH:MM:SS.mmm`, `HH:MM:SS:ff` of `fps` frames a second, or fewer parts, as milliseconds; `null` for any other text. */
export function parseClock(text: string, fps: number): number | null {
  const found = /^(?:(?:(\d{1,3}):)?(\d{1,2}):)?(\d{1,6})(?:\.(\d{1,3})|:(\d{1,3}))?$/.exec(text.trim());
  if (!found) return null;
  const [, hours, minutes, seconds, fraction, frames] = found;
  if (frames !== undefined && hours === undefined) return null;
  const whole = Number(hours ?? 0) * 3_600_000 + Number(minutes ?? 0) * 60_000 + Number(seconds) * 1000;
  if (frames !== undefined) return whole + Math.floor((Number(frames) * 1000) / fps);
  return whole + Number((fraction ?? '').padEnd(3, '0') || 0);
}
