import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { route, startRouter } from './router.svelte';
import { absolute } from './window';

let stop: () => void;
beforeEach(() => {
  history.replaceState(null, '', '/');
  stop = startRouter();
  route.navigate('/');
});
afterEach(() => stop());

describe('the URL as state', () => {
  it('carries the window to other pages', () => {
    route.setWindow(absolute(0, 3_600_000));
    expect(location.search).toBe('?w=1970-01-01T00:00:00Z..1970-01-01T01:00:00Z');
    expect(route.href('/alerts', { state: 'firing' })).toBe(
      '/alerts?state=firing&w=1970-01-01T00:00:00Z..1970-01-01T01:00:00Z',
    );
    expect(route.href('/host#disk')).toBe('/host?w=1970-01-01T00:00:00Z..1970-01-01T01:00:00Z#disk');
  });

  it('sets and removes parameters without touching the others', () => {
    route.set({ q: 'disk full', state: 'firing' });
    route.set({ state: '' });
    expect(location.search).toBe('?q=disk+full');
    expect(route.param('q')).toBe('disk full');
    expect(route.param('state')).toBe('');
  });

  it('falls back to the default where the window cannot be read', () => {
    route.navigate('/?w=nonsense');
    expect(route.window).toEqual({ kind: 'relative', span_ms: 900_000 });
  });

  it('undoes changes of the window only', () => {
    route.navigate('/alerts');
    expect(route.undo()).toBe(false);
    route.setWindow(absolute(0, 60_000));
    expect(route.undo()).toBe(true);
  });

  it('follows links of the page and leaves the server its own', () => {
    const click = (href: string) => {
      const link = document.createElement('a');
      link.href = href;
      document.body.append(link);
      const event = new MouseEvent('click', { bubbles: true, cancelable: true, button: 0 });
      link.dispatchEvent(event);
      link.remove();
      return event.defaultPrevented;
    };
    expect(click('/alerts')).toBe(true);
    expect(route.path).toBe('/alerts');
    expect(click('/metrics')).toBe(false);
    expect(click('https://example.org/')).toBe(false);
  });
});
