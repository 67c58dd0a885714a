/** The timeline: what is recorded, where decoding can start, what a clip would copy and encode, and the clips that there are. */
import { effect } from '@preact/signals';
import type { Signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { Footage } from './footage';

/** A stretch of time in ns. */
export interface Stretch {
  readonly from: number;
  readonly until: number;
  readonly name?: string;
}

/** What is drawn. Times are in ns of recording time. */
export interface Drawn {
  readonly view: Stretch;
  readonly range: Stretch;
  readonly holes: readonly Stretch[];
  readonly playhead: number | null;
  readonly from: number | null;
  readonly until: number | null;
  readonly copied: readonly Stretch[];
  readonly encoded: readonly Stretch[];
  readonly lacking: readonly Stretch[];
  readonly clips: readonly Stretch[];
  readonly segments: readonly Stretch[];
}

const LANES = ['recorded', 'key frames', 'plan', 'clips', 'segments'] as const;
const LANE = 18;
const TOP = 20;
const HEIGHT = TOP + LANES.length * LANE + 4;

/** Draws `drawn`, and lets people point at a time or zoom. */
export function Timeline(props: {
  footage: Footage;
  drawn: Signal<Drawn>;
  changes: Signal<number>;
  clock: (ns: number) => string;
  text: (ns: number) => string;
  onSeek: (ns: number) => void;
  onZoom: (factor: number, at: number) => void;
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { drawn, footage, changes, clock } = props;
  useEffect(() => {
    const paper = canvas.current;
    if (!paper) return;
    const draw = (): void => {
      void changes.value;
      paint(paper, drawn.value, footage, clock);
    };
    const stop = effect(draw);
    const resized = new ResizeObserver(() => paint(paper, drawn.peek(), footage, clock));
    const zoom = (event: WheelEvent): void => {
      event.preventDefault();
      props.onZoom(event.deltaY > 0 ? 1.25 : 0.8, timeAt(event));
    };
    resized.observe(paper);
    // Passive by default, which could not keep the page from scrolling.
    paper.addEventListener('wheel', zoom, { passive: false });
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    const repaint = (): void => paint(paper, drawn.peek(), footage, clock);
    scheme.addEventListener('change', repaint);
    return () => (stop(), resized.disconnect(), paper.removeEventListener('wheel', zoom), scheme.removeEventListener('change', repaint));
  }, [footage, clock]);
  const timeAt = (event: MouseEvent): number => {
    const { left, width } = (event.currentTarget as Element).getBoundingClientRect();
    const { from, until } = drawn.peek().view;
    return from + ((event.clientX - left) / width) * (until - from);
  };
  const { range, playhead } = drawn.value;
  const now = playhead ?? range.from;
  return (
    <div
      class="timeline"
      role="slider"
      tabIndex={0}
      aria-label="Playhead"
      aria-valuemin={Math.floor(range.from / 1e6)}
      aria-valuemax={Math.floor(range.until / 1e6)}
      aria-valuenow={Math.floor(now / 1e6)}
      aria-valuetext={props.text(now)}
    >
      <canvas ref={canvas} height={HEIGHT} onPointerDown={(event) => props.onSeek(timeAt(event))} />
    </div>
  );
}

function paint(paper: HTMLCanvasElement, drawn: Drawn, footage: Footage, clock: (ns: number) => string): void {
  const scale = devicePixelRatio;
  const width = paper.clientWidth;
  if (!width) return;
  paper.width = width * scale;
  paper.height = HEIGHT * scale;
  const pen = paper.getContext('2d');
  if (!pen) return;
  pen.scale(scale, scale);
  const style = getComputedStyle(paper);
  const colour = (name: string): string => style.getPropertyValue(`--${name}`);
  const { view } = drawn;
  const x = (ns: number): number => ((ns - view.from) / (view.until - view.from)) * width;
  const y = (lane: (typeof LANES)[number]): number => TOP + LANES.indexOf(lane) * LANE;
  const bar = (lane: (typeof LANES)[number], { from, until }: Stretch, fill: string | CanvasPattern): void => {
    if (until < view.from || from > view.until) return;
    pen.fillStyle = fill;
    pen.fillRect(x(from), y(lane) + 2, Math.max(1, x(until) - x(from)), LANE - 5);
  };
  pen.font = '11px system-ui, sans-serif';
  ticks(pen, view, x, width, clock, colour('tl-ink'));
  bar('recorded', drawn.range, colour('tl-recorded'));
  for (const hole of drawn.holes) bar('recorded', hole, hatched(pen, colour('tl-paper'), colour('tl-lack')));
  pen.fillStyle = colour('tl-key');
  let last = -9;
  for (const frame of footage.frames.between(view.from, view.until)) {
    if (!frame.sync || x(frame.start) - last < 2) continue;
    last = x(frame.start);
    pen.fillRect(last, y('key frames') + 2, 1, LANE - 5);
  }
  for (const part of drawn.copied) bar('plan', part, colour('tl-copied'));
  for (const part of drawn.encoded) bar('plan', part, hatched(pen, colour('tl-encoded'), colour('tl-paper')));
  for (const part of drawn.lacking) bar('plan', part, hatched(pen, colour('tl-paper'), colour('tl-lack')));
  for (const part of drawn.clips) bar('clips', part, colour('tl-clip'));
  for (const part of drawn.segments) bar('segments', part, colour('tl-segment'));
  pen.fillStyle = colour('tl-quiet');
  for (const lane of LANES) pen.fillText(lane, 4, y(lane) + LANE - 6);
  window_(pen, drawn, x, colour('tl-mark'));
  if (drawn.playhead !== null) {
    pen.fillStyle = colour('tl-play');
    pen.fillRect(x(drawn.playhead) - 1, 0, 2, HEIGHT);
  }
}

/** The in and the out point, with the window between them. */
function window_(pen: CanvasRenderingContext2D, { from, until }: Drawn, x: (ns: number) => number, colour: string): void {
  pen.fillStyle = colour;
  if (from !== null) pen.fillRect(x(from), TOP, 2, HEIGHT);
  if (until !== null) pen.fillRect(x(until) - 2, TOP, 2, HEIGHT);
  if (from === null || until === null) return;
  pen.globalAlpha = 0.15;
  pen.fillRect(x(from), TOP, x(until) - x(from), HEIGHT);
  pen.globalAlpha = 1;
}

function ticks(
  pen: CanvasRenderingContext2D,
  view: Stretch,
  x: (ns: number) => number,
  width: number,
  clock: (ns: number) => string,
  colour: string,
): void {
  const steps = [0.04, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 600, 1800, 3600, 10_800, 43_200].map((seconds) => seconds * 1e9);
  const step = steps.find((each) => ((each * width) / (view.until - view.from)) > 95) ?? 86_400e9;
  pen.fillStyle = colour;
  for (let at = Math.ceil(view.from / step) * step; at < view.until; at += step) {
    pen.fillRect(x(at), 12, 1, 6);
    pen.fillText(clock(at).slice(0, step < 1e9 ? 12 : 8), x(at) + 3, 12);
  }
}

function hatched(pen: CanvasRenderingContext2D, ground: string, line: string): CanvasPattern {
  const tile = new OffscreenCanvas(6, 6);
  const brush = tile.getContext('2d');
  if (brush) {
    brush.fillStyle = ground;
    brush.fillRect(0, 0, 6, 6);
    brush.strokeStyle = line;
    brush.lineWidth = 1.5;
    brush.beginPath();
    for (const shift of [-6, 0, 6]) brush.moveTo(shift, 6), brush.lineTo(shift + 6, 0);
    brush.stroke();
  }
  return pen.createPattern(tile, 'repeat') as CanvasPattern;
}
