import { describe, expect, it } from 'vitest';
import type { Columns } from '../../charts/columns';
import { metricChart } from '../metric/metric';
import { mountsOf } from './mounts';
import { quoted } from './panels';
import { SECTIONS } from './sections';

describe('file systems', () => {
  it('are rows with the fullest first, from the newest points', () => {
    const series = (query: string, mountpoint: string, state: string, values: (number | null)[]) => ({
      key: `${query}${mountpoint}${state}`,
      query,
      labels: { mountpoint, device: 'sda', type: 'ext4', ...(state ? { state } : {}) },
      values,
    });
    const columns: Columns = {
      step_ms: 1000,
      t0_ms: 0,
      count: 2,
      series: [
        series('bytes', '/', 'used', [1, 20]),
        series('bytes', '/', 'free', [1, 70]),
        series('bytes', '/', 'reserved', [1, 10]),
        series('ratio', '/', '', [0.1, 0.25]),
        series('bytes', '/full', 'used', [9, null]),
        series('bytes', '/full', 'free', [1, null]),
        series('inodes', '/full', 'used', [1, 1]),
        series('inodes', '/full', 'free', [3, 3]),
      ],
    };
    expect(mountsOf(columns)).toEqual([
      { mountpoint: '/full', device: 'sda', type: 'ext4', used: 9, size: 10, ratio: 0.9, inodes: 0.25 },
      { mountpoint: '/', device: 'sda', type: 'ext4', used: 20, size: 100, ratio: 0.25, inodes: null },
    ]);
  });
});

describe('the panels', () => {
  it('have titles of their own and ids of their own', () => {
    const specs = SECTIONS.flatMap((s) => s.charts('h').map((c) => `${s.id} ${c.title}`));
    expect(new Set(specs).size).toBe(specs.length);
    for (const spec of SECTIONS.flatMap((s) => s.charts('h'))) {
      expect(new Set(spec.queries.map((q) => q.id)).size).toBe(spec.queries.length);
    }
  });

  it('ask for the named host only, whatever it is called', () => {
    expect(quoted('a"b\\c')).toBe('"a\\"b\\\\c"');
    for (const spec of SECTIONS.flatMap((s) => s.charts('x"y'))) {
      for (const query of spec.queries) expect(query.expr).toContain('instance="x\\"y"');
    }
  });
});

describe('a metric of the catalogue', () => {
  it.each([
    ['http_requests_total', 'counter', '', 'rate(http_requests_total[$__interval])', 'per_second'],
    ['rx_bytes_total', 'counter', 'bytes', 'rate(rx_bytes_total[$__interval])', 'bytes_per_second'],
    ['cpu_seconds_total', 'counter', 's', 'rate(cpu_seconds_total[$__interval])', 'cores'],
    ['memory_bytes', 'gauge', 'bytes', 'memory_bytes', 'bytes'],
    ['scrape_duration_seconds', 'gauge', '', 'scrape_duration_seconds', 'seconds'],
    ['http.server.duration', 'gauge', 's', '{"http.server.duration"}', 'seconds'],
    [
      'latency_seconds',
      'histogram',
      's',
      'histogram_quantile(0.95, sum by (le) (rate(latency_seconds_bucket[$__interval])))',
      'seconds',
    ],
  ])('%s (%s) is asked for as its kind wants', (name, kind, unit, expr, read) => {
    const spec = metricChart(name, kind, unit);
    expect(spec.queries[0]?.expr).toBe(expr);
    expect(spec.unit).toBe(read);
  });
});
