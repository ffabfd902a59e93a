// What the palette offers: pages, sections, alerts, targets, metrics of the catalogue, and actions.
import type { Catalog } from '../api/types';
import { formatDuration } from '../charts/units';
import { board } from '../live/board.svelte';
import { clock } from '../live/clock.svelte';
import { SECTIONS } from '../pages/host/sections';
import { announce } from '../parts/announce.svelte';
import { route } from '../url/router.svelte';
import { settings, type Theme } from '../url/settings.svelte';
import { absolute, bounds, PRESETS_MS, relative, windowText } from '../url/window';
import { dialogs } from './dialogs.svelte';
import { togglePause } from './keys';
import { PAGES } from './navigation';
import type { Entry } from './rank';

export interface Command extends Entry {
  run(): void;
}

function goTo(id: string, kind: string, title: string, url: () => string, extra: Partial<Entry> = {}): Command {
  return { id, kind, title, ...extra, run: () => route.navigate(url()) };
}

/** Copies the address with its window pinned, so that whoever opens it sees what is seen here now. */
async function copyLink(): Promise<void> {
  const { from_ms, to_ms } = bounds(route.window, clock.now());
  const url = new URL(location.href);
  url.searchParams.set('w', windowText(absolute(from_ms, to_ms)));
  try {
    await navigator.clipboard.writeText(url.href);
    announce('Link copied');
  } catch {
    announce('The browser did not allow copying');
  }
}

function actions(): Command[] {
  const themes: Theme[] = ['system', 'light', 'dark'];
  const action = (id: string, title: string, run: () => void, keywords = ''): Command => ({
    id,
    kind: 'Action',
    title,
    run,
    keywords,
  });
  return [
    action('live', board.live ? 'Pause' : 'Go live', togglePause, 'live pause resume'),
    action('window', 'Set window…', () => dialogs.show('window'), 'time range'),
    ...PRESETS_MS.map((ms) =>
      action(
        `last-${ms}`,
        `Show the last ${formatDuration(ms)}`,
        () => route.setWindow(relative(ms)),
        'window time range',
      ),
    ),
    action('link', 'Copy link with fixed times', () => void copyLink(), 'share'),
    ...themes.map((theme) =>
      action(`theme-${theme}`, `Theme: ${theme}`, () => (settings.theme = theme), 'colour mode dark light'),
    ),
    action(
      'utc',
      settings.utc ? 'Show times in my time zone' : 'Show times in UTC',
      () => (settings.utc = !settings.utc),
      'clock',
    ),
    action('help', 'Help and keys', () => dialogs.show('help'), 'shortcuts keyboard'),
  ];
}

/** Each once: two targets that differ in their path alone lead to the same place. */
function unique(list: Command[]): Command[] {
  return [...new Map(list.map((command) => [command.id, command])).values()];
}

export function commands(catalog: Catalog | null): Command[] {
  return unique([
    ...PAGES.map((page) =>
      goTo(`page-${page.path}`, 'Page', page.title, () => route.href(page.path), { keywords: page.keywords }),
    ),
    ...SECTIONS.map((s) =>
      goTo(`section-${s.id}`, 'Host', s.title, () => route.href(`/host#${s.id}`), { keywords: s.keywords }),
    ),
    ...actions(),
    ...(catalog?.alerts ?? []).map((name) =>
      goTo(`alert-${name}`, 'Alert', name, () => route.href('/alerts', { q: name })),
    ),
    ...(catalog?.hosts ?? []).map((name) =>
      goTo(`host-${name}`, 'Host', name, () => route.href('/host', { host: name })),
    ),
    ...(catalog?.targets ?? []).map((t) =>
      goTo(`target-${t.job}-${t.instance}`, 'Target', `${t.job} ${t.instance}`, () =>
        route.href('/#targets', { target: t.instance }),
      ),
    ),
    ...(catalog?.metrics ?? []).map((m) =>
      goTo(`metric-${m.name}`, 'Metric', m.name, () => route.href('/metric', { name: m.name }), {
        detail: m.help,
        keywords: m.help,
      }),
    ),
  ]);
}
