/** The screen on display: the fragment of the address. */
import { signal } from '@preact/signals';

/** A screen, with the rest of the address as its argument. */
export interface Route {
  readonly screen: string;
  readonly argument: string;
}

/** The screen on display. */
export const route = signal<Route>({ screen: 'recordings', argument: '' });

/** The address of a screen. */
export function href(screen: string, argument = ''): string {
  return `#/${screen}${argument && `/${argument.split('/').map(encodeURIComponent).join('/')}`}`;
}

/** Shows another screen. */
export function go(screen: string, argument = ''): void {
  location.hash = href(screen, argument);
}

function read(): void {
  const [, screen = '', argument = ''] = /^#\/([a-z]+)(?:\/(.*))?$/.exec(location.hash) ?? [];
  route.value = { screen: screen || 'recordings', argument: argument.split('/').map(decodeURIComponent).join('/') };
}

/** Follows the address. */
export function follow(): void {
  addEventListener('hashchange', read);
  read();
}
