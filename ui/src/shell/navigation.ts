// The pages of the shell: one line per page serves the header, the bottom bar, the palette and the keys.
import type { IconName } from '../parts/Icon.svelte';

export interface PageLink {
  path: string;
  title: string;
  icon: IconName;
  /** The key that, after g, opens the page. */
  key: string;
  /** Further paths that belong to it. */
  also?: string[];
  /** Further words by which the palette finds it. */
  keywords?: string;
  /** Fetches what the page needs before it is opened: called when a pointer or the focus comes near. */
  preload?: () => void;
}

export const PAGES: PageLink[] = [
  { path: '/', title: 'Overview', icon: 'home', key: 'o' },
  { path: '/host', title: 'Host', icon: 'host', key: 'h' },
  {
    path: '/explore/logs',
    title: 'Explore',
    icon: 'lines',
    key: 'e',
    also: ['/metric'],
    keywords: 'logs lines search tail',
    // What cannot be fetched now is asked for again when the page is opened.
    preload: () => void import('../pages/explore/Explore.svelte').catch(() => undefined),
  },
  { path: '/alerts', title: 'Alerts', icon: 'bell', key: 'a' },
];

export function isAt(page: PageLink, path: string): boolean {
  return page.path === path || page.also?.includes(path) === true;
}
