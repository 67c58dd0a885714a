/** Keys of the cut screen: what they stand for, and what a person made of that. */
import { computed, signal } from '@preact/signals';

export type Action =
  | 'toggle'
  | 'forward'
  | 'backward'
  | 'nextFrame'
  | 'previousFrame'
  | 'secondOn'
  | 'secondBack'
  | 'nextKey'
  | 'previousKey'
  | 'start'
  | 'live'
  | 'markIn'
  | 'markOut'
  | 'goIn'
  | 'goOut'
  | 'playMarked'
  | 'still'
  | 'export'
  | 'zoomIn'
  | 'zoomOut'
  | 'help';

/** Keys by their names, as nobody changed them. */
const DEFAULTS: Readonly<Record<string, Action>> = {
  ' ': 'toggle',
  k: 'toggle',
  l: 'forward',
  j: 'backward',
  ArrowRight: 'nextFrame',
  ArrowLeft: 'previousFrame',
  'Shift+ArrowRight': 'secondOn',
  'Shift+ArrowLeft': 'secondBack',
  ArrowDown: 'nextKey',
  ArrowUp: 'previousKey',
  Home: 'start',
  End: 'live',
  g: 'live',
  i: 'markIn',
  o: 'markOut',
  'Shift+I': 'goIn',
  'Shift+O': 'goOut',
  '/': 'playMarked',
  t: 'still',
  e: 'export',
  '+': 'zoomIn',
  '=': 'zoomIn',
  '-': 'zoomOut',
  '?': 'help',
};

/** What the actions do, for people. */
export const TITLES: Readonly<Record<Action, string>> = {
  toggle: 'play and pause',
  forward: 'play; then twice and four times as fast',
  backward: 'a second back',
  nextFrame: 'the next frame',
  previousFrame: 'the frame before',
  secondOn: 'a second on',
  secondBack: 'a second back, by the frame keys',
  nextKey: 'the next key frame: a window that starts there is a pure copy',
  previousKey: 'the key frame before',
  start: 'the start',
  live: 'the end or the live edge',
  markIn: 'the first frame of the clip',
  markOut: 'the last frame of the clip',
  goIn: 'go to the first frame',
  goOut: 'go to the last frame',
  playMarked: 'play from in to out',
  still: 'the picture on display',
  export: 'export',
  zoomIn: 'zoom in',
  zoomOut: 'zoom out',
  help: 'these keys',
};

const STORE = 'keys';
/** Keys that the page must leave to the browser. */
const KEPT: readonly string[] = ['Tab', 'Enter', 'Escape', 'Dead', 'Process', 'Unidentified'];

type Press = Pick<KeyboardEvent, 'key' | 'shiftKey'>;
type Own = Readonly<Partial<Record<Action, string>>>;

/** The keys that a person gave to actions. */
const own = signal<Own>(stored());

function stored(): Own {
  try {
    const found = Object.entries(JSON.parse(localStorage.getItem(STORE) ?? '{}') as Record<string, unknown>);
    return Object.fromEntries(found.filter(([action, key]) => action in TITLES && typeof key === 'string')) as Own;
  } catch {
    return {};
  }
}

function keep(chosen: Own): void {
  own.value = chosen;
  try {
    localStorage.setItem(STORE, JSON.stringify(chosen));
  } catch {
    // Without a store the keys last as long as the page.
  }
}

/** What each key stands for now. A key that was given takes the place of the action's others, and is taken from any other action. */
const bound = computed<ReadonlyMap<string, Action>>(() => {
  const given = Object.entries(own.value) as [Action, string][];
  const others = Object.entries(DEFAULTS).filter(([, action]) => own.value[action] === undefined);
  return new Map([...others, ...given.map(([action, key]) => [key, action] as const)]);
});

/** The name of a key: letters with Shift, and keys without a sign, are others than without it. */
function nameOf({ key, shiftKey }: Press): string {
  const letter = key.length === 1 && key.toLowerCase() !== key.toUpperCase();
  if (letter) return shiftKey ? `Shift+${key.toUpperCase()}` : key.toLowerCase();
  return key.length > 1 && shiftKey ? `Shift+${key}` : key;
}

/** What a key stands for. */
export function actionOf(press: Press): Action | undefined {
  return bound.value.get(nameOf(press));
}

/** The keys of an action. */
export function keysOf(action: Action): string[] {
  return [...bound.value].filter(([, each]) => each === action).map(([key]) => key);
}

/** Gives a key to an action; `null` if the key cannot be given. */
export function giveKey(action: Action, press: Press): string | null {
  if (KEPT.includes(press.key)) return null;
  const key = nameOf(press);
  const others = Object.entries(own.value).filter(([each, theirs]) => each !== action && theirs !== key);
  keep({ ...Object.fromEntries(others), [action]: key });
  return key;
}

/** Forgets all changes. */
export function resetKeys(): void {
  keep({});
}

const SIGNS: readonly [string, string][] = [['ArrowLeft', '←'], ['ArrowRight', '→'], ['ArrowUp', '↑'], ['ArrowDown', '↓'], ['+', ' ']];

/** A key as people read it. */
export function signOf(key: string): string {
  if (key === ' ') return 'Space';
  if (key === '+') return '+';
  const named = SIGNS.reduce((text, [name, sign]) => text.replace(name, sign), key);
  return named.length === 1 ? named.toUpperCase() : named;
}
