// The pages of the shell: one line per page serves the header, the bottom bar, the palette and the keys.
import type { IconName } from '../parts/Icon.svelte';

export interface PageLink {
  path: string;
  title: string;
  icon: IconName;
  /** The key that, after g, opens the page. */
  key: string;
  /** Further words by which the palette finds it. */
  keywords?: string;
}

export const PAGES: PageLink[] = [
  { path: '/', title: 'Overview', icon: 'home', key: 'o' },
  { path: '/host', title: 'Host', icon: 'host', key: 'h' },
  { path: '/explore/logs', title: 'Explore', icon: 'lines', key: 'e', keywords: 'logs lines search tail' },
  { path: '/alerts', title: 'Alerts', icon: 'bell', key: 'a' },
];
