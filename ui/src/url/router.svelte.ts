// The URL is the page's state: reads it, writes it, and turns clicks on links into steps without a reload.
import { DEFAULT_WINDOW, parseWindow, type Window, windowText } from './window';

interface Place {
  path: string;
  params: URLSearchParams;
  hash: string;
}

function here(): Place {
  return { path: location.pathname, params: new URLSearchParams(location.search), hash: location.hash };
}

let place = $state.raw<Place>(here());

/** A query string people can read: the characters RFC 3986 allows in a query stay as they are. */
function queryText(params: URLSearchParams): string {
  const text = params.toString().replaceAll('%3A', ':').replaceAll('%2C', ',').replaceAll('%2F', '/');
  return text ? `?${text}` : '';
}

function go(url: string, replace: boolean, undoable: boolean): void {
  const state = { undoable: undoable || (replace && history.state?.undoable === true) };
  if (replace) history.replaceState(state, '', url);
  else history.pushState(state, '', url);
  place = here();
}

export const route = {
  get path(): string {
    return place.path;
  },
  get hash(): string {
    return place.hash;
  },
  param(name: string): string {
    return place.params.get(name) ?? '';
  },
  /** The text of the window parameter: the key under which data is loaded. */
  get windowParam(): string {
    return place.params.get('w') ?? windowText(DEFAULT_WINDOW);
  },
  get window(): Window {
    return parseWindow(place.params.get('w') ?? '', Date.now()) ?? DEFAULT_WINDOW;
  },
  /** A link to another page: the window travels along. */
  href(path: string, params: Record<string, string> = {}): string {
    const [bare = '/', hash] = path.split('#');
    const query = new URLSearchParams(params);
    const window = place.params.get('w');
    if (window && !query.has('w')) query.set('w', window);
    return `${bare}${queryText(query)}${hash ? `#${hash}` : ''}`;
  },
  navigate(url: string): void {
    go(url, false, false);
    if (!location.hash) scrollTo({ top: 0 });
  },
  /** Sets or (with '') removes parameters of this page. */
  set(changes: Record<string, string>, how: { replace: boolean } = { replace: true }): void {
    const params = new URLSearchParams(place.params);
    for (const [name, value] of Object.entries(changes)) {
      if (value) params.set(name, value);
      else params.delete(name);
    }
    go(`${place.path}${queryText(params)}${place.hash}`, how.replace, false);
  },
  /** Changes the window as a step that Esc and Back undo. */
  setWindow(window: Window): void {
    const params = new URLSearchParams(place.params);
    params.set('w', windowText(window));
    go(`${place.path}${queryText(params)}${place.hash}`, false, true);
  },
  /** Steps back over a change of the window; false when the last step was another. */
  undo(): boolean {
    if (history.state?.undoable !== true) return false;
    history.back();
    return true;
  },
};

function onClick(event: MouseEvent): void {
  if (
    event.defaultPrevented ||
    event.button !== 0 ||
    event.metaKey ||
    event.ctrlKey ||
    event.shiftKey ||
    event.altKey
  ) {
    return;
  }
  const link = event.target instanceof Element ? event.target.closest('a') : null;
  if (!link || link.origin !== location.origin || link.target || link.hasAttribute('download')) return;
  if (/^\/(api|metrics|-)(\/|$)/.test(link.pathname)) return;
  const samePage = link.pathname === location.pathname && link.search === location.search;
  if (samePage && link.hash) return;
  event.preventDefault();
  route.navigate(link.pathname + link.search + link.hash);
}

/** Follows Back, Forward and links until the returned function is called. */
export function startRouter(): () => void {
  const follow = () => {
    place = here();
  };
  addEventListener('popstate', follow);
  addEventListener('hashchange', follow);
  document.addEventListener('click', onClick);
  return () => {
    removeEventListener('popstate', follow);
    removeEventListener('hashchange', follow);
    document.removeEventListener('click', onClick);
  };
}
