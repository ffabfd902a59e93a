import { describe, expect, it } from 'vitest';
import type { Columns } from './columns';
import { drawn, LINES_MAX, legendText, linesOf, type Query, summarise, withoutEmptyLayers } from './lines';

const QUERY: Query = { id: 'a', expr: 'x', legend: '{name}' };

function columns(rows: Record<string, (number | null)[]>, query = 'a'): Columns {
  const series = Object.entries(rows).map(([name, values]) => ({ key: name, query, labels: { name }, values }));
  return { step_ms: 1000, t0_ms: 0, count: series[0]?.values.length ?? 0, series };
}

describe('the lines of a chart', () => {
  it('come in the given order, then by name with numbers as numbers', () => {
    const names = linesOf(columns({ c10: [1], c9: [1], system: [1], user: [1] }), [QUERY], true, [
      'user',
      'system',
    ]).map((l) => l.name);
    expect(names).toEqual(['user', 'system', 'c9', 'c10']);
  });

  it('beyond eight, the lightest become one that says what it is', () => {
    const rows = Object.fromEntries(Array.from({ length: 11 }, (_, i) => [`s${i}`, [i + 1, i + 1]]));
    const summed = linesOf(columns(rows), [QUERY], true);
    expect(summed).toHaveLength(LINES_MAX + 1);
    expect(summed.at(-1)).toEqual({ name: 'other (sum of 3)', values: [6, 6], limit: false });
    expect(linesOf(columns(rows), [QUERY], false).at(-1)).toEqual({
      name: 'other (highest of 3)',
      values: [3, 3],
      limit: false,
    });
  });

  it('have names of their own though their labels give the same', () => {
    const series = ['a', 'b'].map((key) => ({ key, query: 'a', labels: { name: 'cpu', id: key }, values: [1] }));
    const names = linesOf({ step_ms: 1, t0_ms: 0, count: 1, series }, [QUERY], false).map((l) => l.name);
    expect(names).toEqual(['cpu', 'cpu (2)']);
  });

  it('eight lines stay eight', () => {
    const rows = Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`s${i}`, [i]]));
    expect(linesOf(columns(rows), [QUERY], false).map((l) => l.name)).not.toContain('other');
    expect(linesOf(columns(rows), [QUERY], false)).toHaveLength(8);
  });

  it('are stacked from below; gaps stay gaps and limits stay where they are', () => {
    const lines = [
      { name: 'a', values: [1, null, 3], limit: false },
      { name: 'b', values: [10, 20, null], limit: false },
      { name: 'max', values: [99, 99, 99], limit: true },
    ];
    expect(drawn(lines, true)).toEqual([
      [1, null, 3],
      [11, 20, null],
      [99, 99, 99],
    ]);
    expect(drawn(lines, false)).toEqual(lines.map((l) => l.values));
  });
});

describe('layers of a stack', () => {
  it('that are zero all along are not drawn', () => {
    const line = (name: string, values: (number | null)[], limit = false) => ({ name, values, limit });
    const lines = [line('a', [0, 1]), line('zero', [0, 0]), line('gaps', [null, 0]), line('limit', [0, 0], true)];
    expect(withoutEmptyLayers(lines).map((l) => l.name)).toEqual(['a', 'limit']);
  });
});

describe('names and summaries', () => {
  it('fill the template, or list the labels', () => {
    expect(legendText('{device} {direction}', { device: 'sda', direction: 'read' })).toBe('sda read');
    expect(legendText('{missing}', { __name__: 'up', job: 'node' })).toBe('job=node');
    expect(legendText('', {})).toBe('value');
  });

  it('tell the lowest, the highest, the last and the trend', () => {
    const of = (values: (number | null)[]) => summarise({ name: 'x', values, limit: false });
    expect(of([1, 5, null, 3, 9, null])).toEqual({ name: 'x', min: 1, max: 9, last: 9, trend: 'rising' });
    expect(of([9, 8, 2, 1]).trend).toBe('falling');
    expect(of([5, 5, 5.1, 5]).trend).toBe('steady');
    expect(of([null])).toEqual({ name: 'x', min: null, max: null, last: null, trend: 'unknown' });
  });
});
