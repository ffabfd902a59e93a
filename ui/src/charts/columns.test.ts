import { describe, expect, it } from 'vitest';
import { type Columns, cut, EMPTY, end_ms, firstPoint_ms, fromResponse, merge, seriesKey, stepFor } from './columns';

function columns(t0_ms: number, rows: Record<string, (number | null)[]>): Columns {
  const series = Object.entries(rows).map(([name, values]) => ({ key: name, query: 'a', labels: { name }, values }));
  return { step_ms: 1000, t0_ms, count: Math.max(0, ...Object.values(rows).map((v) => v.length)), series };
}

function rows(c: Columns): Record<string, (number | null)[]> {
  return Object.fromEntries(c.series.map((s) => [s.key, s.values]));
}

describe('merging the newest points', () => {
  it('appends, overwrites the overlap and drops what is too old', () => {
    const merged = merge(columns(10_000, { x: [1, 2, 3, 4] }), columns(12_000, { x: [30, 40, 50] }), 11_000);
    expect(merged.t0_ms).toBe(11_000);
    expect(rows(merged)).toEqual({ x: [2, 30, 40, 50] });
    expect(end_ms(merged)).toBe(15_000);
  });

  it('fills a series that came or went with gaps', () => {
    const merged = merge(columns(0, { gone: [1, 2] }), columns(2000, { came: [7, 8] }), 0);
    expect(rows(merged)).toEqual({ gone: [1, 2, null, null], came: [null, null, 7, 8] });
  });

  it('leaves a gap where points are missing in between', () => {
    expect(rows(merge(columns(0, { x: [1] }), columns(3000, { x: [4] }), 0))).toEqual({ x: [1, null, null, 4] });
  });

  it('an overlap that was a value and is now a gap becomes a gap', () => {
    expect(rows(merge(columns(0, { x: [1, 2] }), columns(1000, { x: [null, 3] }), 0))).toEqual({ x: [1, null, 3] });
  });

  it('takes the fresh points alone when the steps differ', () => {
    const fresh = { ...columns(0, { x: [9] }), step_ms: 5000 };
    expect(merge(columns(0, { x: [1, 2] }), fresh, 0)).toBe(fresh);
    expect(merge(EMPTY, fresh, 0)).toBe(fresh);
  });

  it('drops a series once its last point has left the window', () => {
    expect(rows(cut(columns(0, { old: [1, null, null], new: [null, 2, 3] }), 1000))).toEqual({ new: [2, 3] });
  });

  it('does not change what it was given', () => {
    const old = columns(0, { x: [1, 2] });
    merge(old, columns(1000, { x: [5, 6] }), 1000);
    expect(rows(old)).toEqual({ x: [1, 2] });
  });
});

describe('reading answers', () => {
  it('takes only its own queries', () => {
    const result = (id: string) => ({
      id,
      error: null,
      warnings: [],
      series: [{ labels: { b: '2', a: '1' }, values: [1] }],
    });
    const response = {
      t0_ms: 5000,
      step_ms: 1000,
      count: 1,
      server_ms: 0,
      partial: false,
      reason: null,
      results: [result('0.a'), result('1.a')],
    };
    const read = fromResponse(response, new Map([['1.a', 'a']]));
    expect(read.series.map((s) => s.key)).toEqual([seriesKey('a', { a: '1', b: '2' })]);
  });

  it('finds the first point of any series', () => {
    expect(firstPoint_ms(columns(4000, { x: [null, null, 1], y: [null, 2, 3] }))).toBe(5000);
    expect(firstPoint_ms(columns(0, { x: [null] }))).toBeNull();
  });
});

describe('the step', () => {
  it.each([
    [60_000, 600, 1000],
    [900_000, 600, 2000],
    [3_600_000, 600, 10_000],
    [86_400_000, 600, 300_000],
  ])('for %d ms in %d points is %d ms', (span, points, step) => {
    expect(stepFor(span, points)).toBe(step);
    expect(span / stepFor(span, points)).toBeLessThanOrEqual(points);
  });
});
