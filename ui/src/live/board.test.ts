import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { SeriesRequest } from '../api/types';
import { route } from '../url/router.svelte';
import { relative } from '../url/window';
import { board, Feed } from './board.svelte';
import { stream } from './stream.svelte';

interface Call {
  body: SeriesRequest;
  signal: AbortSignal;
  answer(values?: (at_ms: number) => number | null, error?: string): void;
}

const calls: Call[] = [];
let source: FakeSource;

class FakeSource extends EventTarget {
  onopen: (() => void) | null = null;
  onerror: (() => void) | null = null;
  constructor(readonly url: string) {
    super();
    source = this;
  }
  close() {}
  tick() {
    this.dispatchEvent(new MessageEvent('tick', { data: JSON.stringify({ now_ms: Date.now() }) }));
  }
}

/** Answers like the server: one series per query, points at multiples of the step. */
function fakeFetch(_: string, init: RequestInit): Promise<Response> {
  const body = JSON.parse(String(init.body)) as SeriesRequest;
  const signal = init.signal as AbortSignal;
  return new Promise((done, fail) => {
    signal.addEventListener('abort', () => fail(new DOMException('gone', 'AbortError')));
    const answer: Call['answer'] = (values = () => 1, error) => {
      const step_ms = body.step_ms ?? 1000;
      const t0_ms = Math.ceil(body.from_ms / step_ms) * step_ms;
      const count = Math.floor((body.to_ms - t0_ms) / step_ms) + 1;
      const column = Array.from({ length: count }, (_unused, i) => values(t0_ms + i * step_ms));
      const results = body.queries.map(({ id, expr }) =>
        error && expr === 'bad'
          ? { id, error, warnings: [], series: [] }
          : { id, error: null, warnings: [], series: [{ labels: { expr }, values: column }] },
      );
      const answered = { t0_ms, step_ms, count, server_ms: 1, partial: false, reason: null, results };
      done(new Response(JSON.stringify(answered), { headers: { 'content-type': 'application/json' } }));
    };
    calls.push({ body, signal, answer });
  });
}

function seen(expr: string): Feed {
  const feed = new Feed([{ id: 'a', expr, legend: '' }]);
  leave.push(board.add(feed));
  board.setVisible(feed, true);
  return feed;
}

const leave: (() => void)[] = [];
const settle = () => vi.advanceTimersByTimeAsync(20);

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse('2026-01-31T12:00:00.300Z') });
  vi.stubGlobal('fetch', fakeFetch);
  vi.stubGlobal('EventSource', FakeSource);
  calls.length = 0;
  route.navigate('/?w=now-5m');
  leave.push(board.start(), stream.start());
  board.follow();
});
afterEach(async () => {
  route.navigate('/?w=now-1m');
  board.follow();
  for (const stop of leave.splice(0)) stop();
  // The board's own timers must fire before they are thrown away with the clock.
  await settle();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe('the board', () => {
  it('asks once for all panels that come into sight together', async () => {
    const [a, b] = [seen('a'), seen('b')];
    await settle();
    expect(calls.map((c) => c.body.queries.map((q) => q.expr))).toEqual([['a', 'b']]);
    expect(calls[0]?.body).toMatchObject({ step_ms: 1000 });
    calls[0]?.answer();
    await settle();
    expect([a.stale, b.stale, a.columns.count]).toEqual([false, false, 300]);
    expect(b.columns.series.map((s) => s.labels.expr)).toEqual(['b']);
  });

  it('fetches only the newest points on a tick, and joins them', async () => {
    const feed = seen('a');
    await settle();
    calls[0]?.answer(() => 1);
    await settle();
    await vi.advanceTimersByTimeAsync(2000);
    source.tick();
    expect(calls).toHaveLength(2);
    const { from_ms = 0, to_ms = 0 } = calls[1]?.body ?? {};
    expect(to_ms - from_ms).toBeLessThanOrEqual(4000);
    calls[1]?.answer(() => 2);
    await settle();
    expect(feed.columns.series[0]?.values.slice(-5)).toEqual([1, 2, 2, 2, 2]);
    expect(feed.columns.count).toBeLessThanOrEqual(302);
  });

  it('asks nothing while a tick brings no new grid point, or while paused', async () => {
    seen('a');
    await settle();
    calls[0]?.answer();
    await settle();
    source.tick();
    expect(calls).toHaveLength(1);
    board.setPaused(true);
    await vi.advanceTimersByTimeAsync(3000);
    source.tick();
    expect(calls).toHaveLength(1);
    board.setPaused(false);
    await settle();
    expect(calls).toHaveLength(2);
  });

  it('gives up what is under way when the window changes, and keeps old data until the new has come', async () => {
    const feed = seen('a');
    await settle();
    calls[0]?.answer(() => 7);
    await settle();
    route.setWindow(relative(3_600_000));
    board.follow();
    await settle();
    expect([feed.stale, feed.columns.series[0]?.values[0]]).toEqual([true, 7]);
    route.setWindow(relative(7_200_000));
    board.follow();
    await settle();
    expect(calls[1]?.signal.aborted).toBe(true);
    calls[2]?.answer(() => 8);
    await settle();
    expect([feed.stale, feed.columns.step_ms, feed.columns.series[0]?.values[0]]).toEqual([false, 15_000, 8]);
  });

  it('leaves the error of one query to its panel', async () => {
    const [good, bad] = [seen('good'), seen('bad')];
    await settle();
    calls[0]?.answer(() => 1, '1:1: unknown function');
    await settle();
    expect([good.error, bad.error]).toEqual([null, '1:1: unknown function']);
  });

  it('draws from where data starts while less than the window exists', async () => {
    const start = Date.now() - 90_000;
    seen('a');
    await settle();
    calls[0]?.answer((at) => (at < start ? null : 1));
    await settle();
    expect(board.drawn.from_ms).toBeGreaterThanOrEqual(start);
    expect(board.drawn.from_ms).toBeLessThan(start + 2000);
    route.navigate('/?w=now-10m');
    board.follow();
    await settle();
    calls[1]?.answer((at) => (at < Date.now() - 9_000 ? null : 1));
    await settle();
    expect(board.drawn.to_ms - board.drawn.from_ms).toBe(60_000);
  });
});
