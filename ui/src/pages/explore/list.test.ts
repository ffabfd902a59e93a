import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type LinesRequest, type Row, toRows } from '../../api/logs';
import { FIRST_LINES, LineList, PAGE_LINES } from './list.svelte';
import { compareNs, cutAt, notIn } from './order';
import { Tail, WAITING_MAX } from './tail.svelte';

/** Lines as the server has them: a page ends between two times, never within one. */
function answer(all: [ns: number, line: string][], request: LinesRequest) {
  const backward = request.direction === 'backward';
  const cursor = request.cursor_ns === undefined ? null : Number(request.cursor_ns);
  const inside = all
    .filter(([ns]) => ns >= request.from_ms * 1e6 && ns < request.to_ms * 1e6)
    .filter(([ns]) => cursor === null || (backward ? ns < cursor : ns >= cursor))
    .sort((a, b) => (backward ? b[0] - a[0] : a[0] - b[0]));
  const last = inside[request.limit - 1]?.[0];
  const page = last === undefined ? inside : inside.filter(([ns]) => (backward ? ns >= last : ns <= last));
  const next = last === undefined || page.length === inside.length ? null : String(backward ? last : last + 1);
  return {
    ...{ streams: [{ app: 'a' }], sets: [[0, {}, {}]], at_ns: page.map(([ns]) => String(ns)), set: page.map(() => 0) },
    ...{ line: page.map(([, line]) => line), next_ns: next, partial: false, count: page.length },
    ...{ server_ms: 1, lines_read: 1, bytes_read: 1 },
  };
}

let stored: [number, string][] = [];
const asked: LinesRequest[] = [];

beforeEach(() => {
  asked.length = 0;
  // Seven lines share each time.
  stored = Array.from({ length: 5000 }, (_, i) => [1_000_000 * (1000 + Math.floor(i / 7)), `line ${i}`]);
  vi.stubGlobal('fetch', async (_: string, init: RequestInit) => {
    const request = JSON.parse(String(init.body)) as LinesRequest;
    asked.push(request);
    return new Response(JSON.stringify(answer(stored, request)), { headers: { 'content-type': 'application/json' } });
  });
});
afterEach(() => vi.unstubAllGlobals());

const everything = { from_ms: 0, to_ms: 10_000, query: '{}', anchor_ns: null };
const linesOf = (rows: Row[]) => rows.map((row) => row.line);
const isSorted = (rows: Row[], sign: 1 | -1) =>
  rows.every((row, i) => i === 0 || sign * compareNs(rows[i - 1]?.ns ?? '', row.ns) <= 0);

describe('pages of lines', () => {
  it.each([true, false])('lose none and repeat none (newest first: %s)', async (newestFirst) => {
    const list = new LineList();
    await list.load({ ...everything, newestFirst });
    expect(list.rows.length).toBeGreaterThanOrEqual(FIRST_LINES);
    while (list.cursors.end !== null) await list.more('end');
    expect(new Set(linesOf(list.rows)).size).toBe(5000);
    expect(list.rows).toHaveLength(5000);
    expect(isSorted(list.rows, newestFirst ? -1 : 1)).toBe(true);
    expect(asked.slice(1).every((request) => request.limit === PAGE_LINES)).toBe(true);
  });

  it.each([true, false])('grow at both ends of a line that a link names (newest first: %s)', async (newestFirst) => {
    const list = new LineList();
    const anchor_ns = String(1_000_000 * 1300);
    await list.load({ ...everything, newestFirst, anchor_ns });
    expect(list.rows[0]?.ns).toBe(anchor_ns);
    for (const edge of ['start', 'end'] as const) while (list.cursors[edge] !== null) await list.more(edge);
    expect(new Set(linesOf(list.rows)).size).toBe(5000);
    expect(list.rows).toHaveLength(5000);
    expect(isSorted(list.rows, newestFirst ? -1 : 1)).toBe(true);
  });

  it('a new question gives up the one under way', async () => {
    const list = new LineList();
    const first = list.load({ ...everything, newestFirst: true });
    await list.load({ ...everything, to_ms: 1001, newestFirst: true });
    await first;
    expect(list.rows.every((row) => row.ms < 1001)).toBe(true);
    expect(list.loading).toBeNull();
  });

  it('an error is told, and what is there stays', async () => {
    const list = new LineList();
    await list.load({ ...everything, newestFirst: true });
    vi.stubGlobal('fetch', async () =>
      Response.json({ error: { message: 'too much', mend: 'Less.' } }, { status: 400 }),
    );
    await list.more('end');
    expect([list.error?.message, list.rows.length >= FIRST_LINES]).toEqual(['too much', true]);
  });
});

describe('a live tail', () => {
  const frame = (from: number, count: number, extra = {}) => {
    const at = Array.from({ length: count }, (_, i) => from + count - 1 - i);
    const columns = { streams: [{ app: 'a' }], set: at.map(() => 0), at_ns: at.map((ns) => String(1e12 + ns)) };
    const sets: [number, Record<string, string>, Record<string, string>][] = [[0, {}, {}]];
    return { ...columns, sets, line: at.map((ns) => `tail ${ns}`), left_out: 0, lost: 0, is_lost: false, ...extra };
  };

  it('holds so many lines, the newest, and counts all others', () => {
    const tail = new Tail('{}', () => {});
    for (let i = 0; i < 20; i += 1) tail.receive(frame(i * 500, 500, { left_out: 3 }));
    expect(tail.waiting).toHaveLength(WAITING_MAX);
    expect(tail.waiting[0]?.line).toBe('tail 9999');
    expect(tail.left_out).toBe(20 * 3 + (20 * 500 - WAITING_MAX));
    expect(tail.take()).toHaveLength(WAITING_MAX);
    expect(tail.waiting).toEqual([]);
    tail.receive(frame(0, 0, { lost: 9, is_lost: true }));
    expect([tail.lost, tail.gaps]).toEqual([9, 1]);
  });

  it('a line that the list has is not shown twice, two alike are', () => {
    const [known, again] = [toRows(frame(1, 3)), toRows(frame(2, 4))];
    expect(linesOf(notIn(again, known))).toEqual(['tail 5', 'tail 4']);
    const twice = [...toRows(frame(1, 1)), ...toRows(frame(1, 1))];
    expect(notIn(twice, toRows(frame(1, 1)))).toHaveLength(1);
  });

  it('lines that come late find their place, and what leaves the list can be fetched again', async () => {
    const list = new LineList();
    await list.load({ ...everything, newestFirst: true });
    const before = list.rows.length;
    list.prepend(toRows(frame(1, 5)), before + 5);
    expect(list.rows).toHaveLength(before + 5);
    list.prepend(toRows(frame(0, 1)), before + 6);
    expect(linesOf(list.rows).slice(4, 6)).toEqual(['tail 1', 'tail 0']);
    list.prepend(toRows(frame(9, 3)), 100);
    expect(list.rows.length).toBeLessThanOrEqual(100);
    while (list.cursors.end !== null) await list.more('end');
    expect(list.rows).toHaveLength(5000 + 9);
    expect(isSorted(list.rows, -1)).toBe(true);
  });

  it('a cut never falls within one time', () => {
    const rows = toRows({
      ...frame(0, 0),
      at_ns: ['9', '8', '8', '8', '7'],
      set: [0, 0, 0, 0, 0],
      line: ['a', 'b', 'c', 'd', 'e'],
    });
    expect([1, 2, 3, 4, 5].map((max) => cutAt(rows, max).length)).toEqual([1, 1, 1, 4, 5]);
    expect(cutAt(rows.slice(1, 4), 2)).toHaveLength(2);
  });
});
