/** What is said to people who cannot see the page, and what went wrong. */
import { signal } from '@preact/signals';

/** The last thing that happened; read out by screen readers. */
export const said = signal('');

/** Reads a text out. */
export function say(text: string): void {
  said.value = text;
}

/** The text of whatever was thrown. */
export function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** `true` if a request was broken off by this page. */
export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}
