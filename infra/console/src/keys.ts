/** Keys of the cut screen. */

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

const KEYS: Readonly<Record<string, Action>> = {
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

/** What a key stands for. */
export function actionOf(event: Pick<KeyboardEvent, 'key' | 'shiftKey'>): Action | undefined {
  const { key, shiftKey } = event;
  return (shiftKey ? KEYS[`Shift+${key.length === 1 ? key.toUpperCase() : key}`] : undefined) ?? KEYS[key] ?? (shiftKey ? undefined : KEYS[key.toLowerCase()]);
}

/** The keys for people. */
export const HELP: readonly [string, string][] = [
  ['Space, K', 'play and pause'],
  ['J, L', 'a second back; play, then twice and four times as fast'],
  ['← →', 'a frame'],
  ['Shift ← →', 'a second'],
  ['↑ ↓', 'to the key frame before or behind: a window that starts there is a pure copy'],
  ['I, O', 'the first and the last frame of the clip'],
  ['Shift I, Shift O', 'go there'],
  ['/', 'play from in to out'],
  ['E', 'export'],
  ['T', 'the picture on display'],
  ['Home, End, G', 'the start, and the end or the live edge'],
  ['+ −', 'zoom'],
  ['?', 'these keys'],
];
