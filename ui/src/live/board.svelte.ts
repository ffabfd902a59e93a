// Feeds every chart of the page: one request for all that are seen, the newest points on each tick, one drawn window.
import { describe, fetchSeries, isAbort } from '../api/client';
import type { SeriesResponse } from '../api/types';
import { type Columns, EMPTY, end_ms, firstPoint_ms, fromResponse, merge, stepFor } from '../charts/columns';
import type { Query } from '../charts/lines';
import { route } from '../url/router.svelte';
import { bounds, MINUTE } from '../url/window';
import { clock } from './clock.svelte';
import { stream } from './stream.svelte';

const POINTS_MAX = 600;
const QUERIES_PER_REQUEST_MAX = 32;
/** While less history than the window exists, charts show at least this much of it. */
const DRAWN_SPAN_MS_MIN = MINUTE;

/** What one panel asks for, and what came back. */
export class Feed {
  columns = $state.raw<Columns>(EMPTY);
  /** The window has changed and its data is still under way: old data stays, dimmed. */
  stale = $state(true);
  error = $state<string | null>(null);
  /** What the server remarks on the answer. */
  note = $state<string | null>(null);
  /** The answer is not whole; the note says why. */
  partial = $state(false);
  loaded = $state(false);
  visible = false;
  key = '';
  constructor(readonly queries: Query[]) {}
}

interface Drawn {
  from_ms: number;
  to_ms: number;
}

function batches(feeds: Feed[]): Feed[][] {
  const result: Feed[][] = [];
  let size = QUERIES_PER_REQUEST_MAX;
  for (const feed of feeds) {
    if (size + feed.queries.length > QUERIES_PER_REQUEST_MAX) {
      result.push([]);
      size = 0;
    }
    result.at(-1)?.push(feed);
    size += feed.queries.length;
  }
  return result;
}

/** Hands each feed its part of an answer: an error of one query is that panel's alone. */
function deliver(response: SeriesResponse, feeds: Feed[], take: (feed: Feed, columns: Columns) => void): void {
  feeds.forEach((feed, index) => {
    const ids = new Map(feed.queries.map((query) => [`${index}.${query.id}`, query.id]));
    const own = response.results.filter((result) => ids.has(result.id));
    feed.error = own.find((result) => result.error)?.error ?? null;
    feed.note = own.flatMap((result) => result.warnings).join('\n') || null;
    // The answer as a whole is partial; which panels that touches, their own warnings tell.
    feed.partial = response.partial && feed.note !== null;
    take(feed, fromResponse({ ...response, results: own }, ids));
  });
}

function ask(
  feeds: Feed[],
  from_ms: number,
  to_ms: number,
  step_ms: number,
  signal: AbortSignal,
): Promise<SeriesResponse> {
  const queries = feeds.flatMap((feed, index) =>
    feed.queries.map((query) => ({ id: `${index}.${query.id}`, expr: query.expr })),
  );
  return fetchSeries({ from_ms, to_ms, step_ms, max_points: POINTS_MAX * 2, queries }, signal);
}

class Board {
  drawn = $state.raw<Drawn>({ from_ms: 0, to_ms: 1 });
  paused = $state(false);
  /** Counts the answers that were merged, so that tests and people can see that data flows. */
  answers = $state(0);
  #feeds = new Set<Feed>();
  #loads = new AbortController();
  #key = '';
  #step_ms = 1000;
  #scheduled = false;
  #advancing = false;
  #pausedAt_ms = 0;

  add(feed: Feed): () => void {
    this.#feeds.add(feed);
    return () => {
      this.#feeds.delete(feed);
    };
  }

  setVisible(feed: Feed, visible: boolean): void {
    feed.visible = visible;
    if (visible) this.#schedule();
  }

  /** Follows ticks and breaks in the stream until the returned function is called. */
  start(): () => void {
    const stops = [
      stream.on('tick', () => void this.#advance()),
      stream.on('gap', () => this.reload()),
      stream.on('resumed', () => this.reload()),
    ];
    return () => {
      for (const stop of stops) stop();
    };
  }

  /** While paused, panels that come into sight are filled up to the moment of the pause. */
  #now(): number {
    return this.paused ? this.#pausedAt_ms : clock.now();
  }

  get live(): boolean {
    return route.window.kind === 'relative' && !this.paused;
  }

  /** To be called when the window of the URL has changed. */
  follow(): void {
    if (route.windowParam === this.#key) return;
    this.paused = false;
    this.#key = route.windowParam;
    this.reload();
  }

  setPaused(paused: boolean): void {
    this.#pausedAt_ms = clock.now();
    this.paused = paused;
    if (!paused) this.reload();
  }

  /** Forgets what was loaded and asks for the whole window again; old data stays in sight until then. */
  reload(): void {
    if (this.paused) return;
    this.#loads.abort();
    this.#loads = new AbortController();
    const { from_ms, to_ms } = bounds(route.window, this.#now());
    this.#step_ms = stepFor(to_ms - from_ms, POINTS_MAX);
    for (const feed of this.#feeds) {
      feed.key = '';
      feed.stale = true;
    }
    this.#redraw();
    this.#schedule();
  }

  /** Moves the drawn window; a live one starts where data starts while less than its length exists. */
  #redraw(): void {
    const window = route.window;
    if (this.paused) return;
    const { from_ms, to_ms } = bounds(window, clock.now());
    let first = to_ms;
    for (const feed of this.#feeds) {
      if (feed.key === this.#key && !feed.stale) first = Math.min(first, firstPoint_ms(feed.columns) ?? to_ms);
    }
    const start = window.kind === 'absolute' ? from_ms : Math.max(from_ms, Math.min(first, to_ms - DRAWN_SPAN_MS_MIN));
    this.drawn = { from_ms: first === to_ms ? from_ms : start, to_ms };
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    // One frame of patience gathers the panels that come into sight together into one request.
    setTimeout(() => {
      this.#scheduled = false;
      const wanted = [...this.#feeds].filter((f) => f.visible && f.key !== this.#key);
      for (const batch of batches(wanted)) void this.#load(batch);
    }, 16);
  }

  async #load(feeds: Feed[]): Promise<void> {
    const key = this.#key;
    const { signal } = this.#loads;
    const { from_ms, to_ms } = bounds(route.window, this.#now());
    for (const feed of feeds) feed.key = key;
    try {
      const response = await ask(feeds, from_ms, to_ms, this.#step_ms, signal);
      if (signal.aborted) return;
      deliver(response, feeds, (feed, columns) => {
        feed.columns = columns;
        feed.loaded = true;
        feed.stale = false;
      });
      this.answers += 1;
      this.#redraw();
    } catch (error) {
      if (isAbort(error)) return;
      for (const feed of feeds) {
        feed.error = describe(error);
        feed.stale = false;
        feed.key = '';
      }
    }
  }

  /** A second has passed: move on, and fetch what the grid has gained since. */
  async #advance(): Promise<void> {
    if (!this.live || this.#advancing) return;
    this.#redraw();
    const { from_ms, to_ms } = bounds(route.window, this.#now());
    const step = this.#step_ms;
    const newest = Math.floor(to_ms / step) * step;
    const seen = [...this.#feeds].filter((f) => f.visible);
    const behind = seen.filter((f) => f.key === this.#key && f.loaded && !f.stale && end_ms(f.columns) <= newest);
    const oldest = newest - 30 * step;
    for (const feed of behind) if (end_ms(feed.columns) < oldest) feed.key = '';
    if (seen.some((f) => f.key !== this.#key)) this.#schedule();
    const ready = behind.filter((f) => f.key === this.#key);
    if (ready.length === 0) return;
    this.#advancing = true;
    try {
      await this.#extend(ready, newest, from_ms);
    } finally {
      this.#advancing = false;
    }
  }

  async #extend(feeds: Feed[], newest: number, from_ms: number): Promise<void> {
    const { signal } = this.#loads;
    // The last two points are asked again: samples that came late may have changed them.
    const since = Math.min(...feeds.map((f) => end_ms(f.columns))) - 2 * this.#step_ms;
    for (const batch of batches(feeds)) {
      try {
        const response = await ask(batch, since, newest, this.#step_ms, signal);
        if (signal.aborted) return;
        deliver(response, batch, (feed, columns) => {
          feed.columns = merge(feed.columns, columns, from_ms - this.#step_ms);
        });
        this.answers += 1;
      } catch (error) {
        // The connection line tells of a server that is gone; charts keep what they have until it is back.
        if (isAbort(error)) return;
      }
    }
    this.#redraw();
  }
}

export const board = new Board();
