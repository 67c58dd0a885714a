/** A table of any length, of which only the rows on display are in the page. */
import { useSignal } from '@preact/signals';
import type { ComponentChild } from 'preact';

/** Height of a row, and of the most that is on display, in pixels. */
const ROW = 32;
const MOST = 416;
/** Rows that are in the page above and below the ones on display. */
const SPARE = 8;

interface Shape<T> {
  /** What the table lists; also the name of its style. */
  readonly label: string;
  readonly kind: string;
  readonly head: readonly string[];
  readonly items: readonly T[];
  /** The cells of an item, the first of which names the row. */
  readonly cells: (item: T, n: number) => readonly ComponentChild[];
  /** Learns of the items on display: the first one, and the one behind the last. */
  readonly onShow?: (first: number, until: number) => void;
}

/** Lists `items` with one row each. */
export function LongTable<T>({ label, kind, head, items, cells, onShow }: Shape<T>) {
  const top = useSignal(0);
  const count = Math.ceil(MOST / ROW) + 2 * SPARE;
  const first = Math.max(0, Math.min(Math.floor(top.value / ROW) - SPARE, items.length - count));
  const shown = items.slice(first, first + count);
  const below = items.length - first - shown.length;
  const scroll = (at: number): void => {
    top.value = at;
    onShow?.(Math.floor(at / ROW), Math.ceil((at + MOST) / ROW));
  };
  return (
    <div class={`long ${kind}`} tabIndex={0} role="region" aria-label={label} onScroll={(event) => scroll(event.currentTarget.scrollTop)}>
      <table aria-rowcount={items.length + 1} aria-label={label}>
        <thead>
          <tr aria-rowindex={1}>
            {head.map((each) => (
              <th scope="col" key={each}>
                {each}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          <Gap rows={first} />
          {shown.map((item, n) => (
            <Row key={first + n} index={first + n} cells={cells(item, first + n)} />
          ))}
          <Gap rows={below} />
        </tbody>
      </table>
    </div>
  );
}

/** The room of rows that are not in the page. */
function Gap({ rows }: { rows: number }) {
  return rows > 0 ? <tr aria-hidden="true" class="gap" style={{ height: `${rows * ROW}px` }} /> : null;
}

function Row({ index, cells }: { index: number; cells: readonly ComponentChild[] }) {
  const [name, ...others] = cells;
  return (
    <tr aria-rowindex={index + 2}>
      <th scope="row">{name}</th>
      {others.map((cell, n) => (
        <td key={n} title={typeof cell === 'string' ? cell : undefined}>
          {cell}
        </td>
      ))}
    </tr>
  );
}
