// Single-key shortcuts and the two that always work: Ctrl/Cmd-K and Esc.
import { board } from '../live/board.svelte';
import { clock } from '../live/clock.svelte';
import { route } from '../url/router.svelte';
import { settings } from '../url/settings.svelte';
import { stepped } from '../url/window';
import { dialogs } from './dialogs.svelte';
import { PAGES } from './navigation';

/** After g, the second key must follow within this time. */
const CHORD_MS = 1200;

export function togglePause(): void {
  if (route.window.kind === 'absolute') route.set({ w: '' }, { replace: false });
  else board.setPaused(!board.paused);
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}

function filterOrPalette(): void {
  const filter = document.querySelector<HTMLInputElement>('[data-filter]');
  if (filter) filter.focus();
  else dialogs.show('palette');
}

const SINGLE: Record<string, () => void> = {
  '/': filterOrPalette,
  '?': () => dialogs.show('help'),
  '[': () => route.setWindow(stepped(route.window, -1, clock.now())),
  ']': () => route.setWindow(stepped(route.window, 1, clock.now())),
  p: togglePause,
};

const pageKeys = new Set<Record<string, () => void>>();

/** Adds the keys of a page, until the returned function is called. They come before those that always hold. */
export function usePageKeys(keys: Record<string, () => void>): () => void {
  pageKeys.add(keys);
  return () => pageKeys.delete(keys);
}

function actionOf(key: string): (() => void) | undefined {
  for (const keys of pageKeys) if (keys[key]) return keys[key];
  return SINGLE[key];
}

/** Listens until the returned function is called. */
export function startKeys(): () => void {
  let chordUntil = 0;
  const onKey = (event: KeyboardEvent) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
      event.preventDefault();
      if (dialogs.open === 'palette') dialogs.close();
      else dialogs.show('palette');
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || dialogs.open || isTyping(event.target)) return;
    if (event.key === 'Escape') {
      route.undo();
      return;
    }
    if (!settings.keys) return;
    const chord = performance.now() < chordUntil;
    chordUntil = 0;
    const page = chord ? PAGES.find((p) => p.key === event.key) : undefined;
    if (page) route.navigate(route.href(page.path));
    else if (event.key === 'g') chordUntil = performance.now() + CHORD_MS;
    else {
      const action = actionOf(event.key);
      if (!action) return;
      action();
    }
    event.preventDefault();
  };
  document.addEventListener('keydown', onKey);
  return () => document.removeEventListener('keydown', onKey);
}
