// Which question a metric's kind and name ask for, and in which unit the answer is read.
import type { ChartSpec } from '../../charts/Chart.svelte';
import type { Unit } from '../../charts/units';

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;

/** The selector of a metric; names outside the classic alphabet are quoted. */
function selector(name: string): string {
  return NAME.test(name) ? name : `{${JSON.stringify(name)}}`;
}

function gaugeUnit(name: string, unit: string): Unit {
  if (unit === 'bytes' || unit === 'By' || /_bytes(_|$)/.test(name)) return 'bytes';
  if (/_ratio$/.test(name)) return 'ratio';
  if (unit === 'celsius' || unit === 'Cel' || /_celsius$/.test(name)) return 'celsius';
  if (/_timestamp_seconds$/.test(name)) return 'count';
  return unit === 'seconds' || unit === 's' || /_seconds$/.test(name) ? 'seconds' : 'count';
}

/** Seconds per second have no unit of their own: they count how many are busy at once. */
function rateUnit(name: string, unit: string): Unit {
  const gauge = gaugeUnit(name.replace(/_total$/, ''), unit);
  if (gauge === 'bytes') return 'bytes_per_second';
  return gauge === 'seconds' ? 'cores' : 'per_second';
}

export function metricChart(name: string, kind: string, unit: string): ChartSpec {
  const of = selector(name);
  if (kind === 'histogram' || kind === 'summary') {
    const bucketed = kind === 'histogram';
    const expr = bucketed
      ? `histogram_quantile(0.95, sum by (le) (rate(${selector(`${name}_bucket`)}[$__interval])))`
      : `max by (quantile) (${of})`;
    const legend = bucketed ? '95 %' : 'quantile {quantile}';
    return { title: name, unit: gaugeUnit(name, unit), queries: [{ id: 'a', expr, legend }] };
  }
  const counts = kind === 'counter' || (kind === '' && /_(total|count|sum|bucket)$/.test(name));
  const expr = counts ? `rate(${of}[$__interval])` : of;
  return {
    title: name,
    unit: counts ? rateUnit(name, unit) : gaugeUnit(name, unit),
    queries: [{ id: 'a', expr, legend: '' }],
  };
}
