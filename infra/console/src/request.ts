/** The request for a clip, and the ways to write it down. */
import type { ExportRequest } from './api';
import { requestMs } from './frames';

export type Codec = 0 | 1 | 2;

/** The window of a clip on recording time, in ns; it ends behind its last frame. */
export interface Marks {
  readonly from: number;
  readonly until: number;
}

/** What a clip is made of. */
export interface Wish {
  readonly path: string;
  readonly marks: Marks;
  /** `StartPos` of recording time zero; `null` without a clock. */
  readonly zeroPosMs: number | null;
  readonly name: string;
  readonly codec: Codec;
}

/** The body of a request. */
export function bodyOf({ path, marks, zeroPosMs, name, codec }: Wish): ExportRequest {
  const [from, until] = [requestMs(marks.from), requestMs(marks.until)];
  return {
    ServiceCaller: 'mma',
    FetchMedia: true,
    StartPos: (zeroPosMs ?? 0) + from,
    StartTime: String(from),
    Duration: until - from,
    LivePath: path,
    export_type: codec,
    container: 'mp4',
    ...(name && { FileName: name }),
  };
}

/** A text that a shell takes as it is. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

export const copies = {
  /** The request as JSON. */
  JSON: (wish: Wish): string => JSON.stringify(bodyOf(wish), null, 2),

  /** As a command with curl; the session is a variable of the shell. */
  curl: (wish: Wish): string =>
    `curl ${quoted(`${location.origin}/export`)} -H "X-Session-Id: $SESSION" -H 'Content-Type: application/json' -d ${quoted(JSON.stringify(bodyOf(wish)))}`,

  /** As a command with mex. */
  CLI: (wish: Wish): string => {
    const { StartPos, StartTime, Duration, LivePath, FileName, export_type } = bodyOf(wish);
    const from = wish.zeroPosMs === null ? clockOf(Number(StartTime)) : new Date(StartPos).toISOString();
    const codec = export_type ? ` --codec h26${export_type === 1 ? 4 : 5}` : '';
    return `mex clip ${quoted(LivePath)} --from ${from} --for ${Duration}ms${codec}${FileName ? ` --name ${quoted(FileName)}` : ''}`;
  },
};

function clockOf(ms: number): string {
  const part = (value: number, digits: number): string => String(value).padStart(digits, '0');
  const [hours, minutes, seconds] = [Math.floor(ms / 3_600_000), Math.floor(ms / 60_000) % 60, Math.floor(ms / 1000) % 60];
  return `${part(hours, 2)}:${part(minutes, 2)}:${part(seconds, 2)}.${part(ms % 1000, 3)}`;
}
