// The one place that knows uPlot: its options, its scales and its cursor, so that another library could take its place.
import uPlot from 'uplot';
import { colour, dash, token } from './colours';
import type { Line } from './lines';
import { formatShort, formatTick, type Unit } from './units';

export interface PlotSpec {
  lines: Line[];
  /** The slot of the palette of each line. */
  slotOf: Map<string, number>;
  stacked: boolean;
  /** Each value is a bar as wide as the step, from its time on. */
  bars: boolean;
  unit: Unit;
  /** The top of the axis where the unit has one (1 for shares). */
  top: number | undefined;
  dark: boolean;
  utc: boolean;
}

export interface PlotHooks {
  /** The index under the cursor, null when the cursor has left. */
  onCursor(index: number | null): void;
  onZoom(from_ms: number, to_ms: number): void;
}

export type PlotData = [number[], ...(number | null)[][]];

const AXIS_WIDTH = 66;
/** So few lines are told apart by colour alone, whatever the eye; more get dashes as a second cue. */
const UNDASHED_LINES = 4;
const ZOOM_PX_MIN = 6;
const SYNC_KEY = 'page';
const DAY_MS = 86_400_000;
/** Only the cursor travels between charts: a drag zooms through the URL, which all of them follow. */
const TRAVELS = new Set(['mousemove', 'mouseleave']);

const BINARY_INCREMENTS = Array.from({ length: 60 }, (_, power) => 2 ** power);
const TIME_INCREMENTS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200]
  .map((s) => s * 1000)
  .concat([1, 2, 3, 5, 7, 14, 30, 60].map((d) => d * DAY_MS));

function axes(spec: PlotSpec): uPlot.Axis[] {
  const ink = token('--ink-3');
  const grid = { stroke: token('--grid'), width: 1 };
  const font = '11px system-ui, sans-serif';
  const binary = spec.unit === 'bytes' || spec.unit === 'bytes_per_second';
  return [
    {
      stroke: ink,
      font,
      grid,
      ticks: { show: false },
      gap: 8,
      size: 28,
      space: 68,
      incrs: TIME_INCREMENTS,
      values: (_, splits, __, ___, step) => splits.map((at) => formatTick(at, step, spec.utc)),
    },
    {
      stroke: ink,
      font,
      grid,
      ticks: { show: false },
      gap: 6,
      size: AXIS_WIDTH,
      space: 32,
      ...(binary ? { incrs: BINARY_INCREMENTS } : {}),
      values: (_, splits) => splits.map((value) => formatShort(value, spec.unit)),
    },
  ];
}

/** From zero to the known top, or to a little above the highest point. */
function verticalRange(top: number | undefined): uPlot.Range.Function {
  return (_, min, max) => {
    const low = Math.min(0, min ?? 0);
    if (top !== undefined) return [low, Math.max(top, max ?? 0)];
    const high = max ?? 0;
    return [low, high > 0 ? high * 1.08 : 1];
  };
}

function seriesOptions(spec: PlotSpec): uPlot.Series[] {
  const many = spec.lines.length > 1;
  return spec.lines.map((line) => {
    if (line.limit) return { stroke: token('--line-strong'), width: 1, dash: [4, 4], points: { show: false } };
    const slot = spec.slotOf.get(line.name) ?? 0;
    const stroke = line.tone ? token(line.tone) : colour(slot, spec.dark);
    if (spec.bars && BARS) return { stroke, fill: stroke, width: 0, paths: BARS, points: { show: false } };
    const fill = spec.stacked ? `${stroke}59` : many ? undefined : `${stroke}1f`;
    const pattern = spec.stacked || spec.lines.length <= UNDASHED_LINES ? undefined : dash(slot);
    return {
      stroke,
      width: spec.stacked ? 1 : 1.5,
      ...(fill ? { fill } : {}),
      ...(pattern ? { dash: pattern } : {}),
      points: LONE_POINTS,
    };
  });
}

const BARS = uPlot.paths.bars?.({ size: [1, Number.POSITIVE_INFINITY, 1], align: 1, gap: 1 });

/** A point between two gaps has no line to be seen by, so it is drawn as a dot; all others are not. */
const LONE_POINTS: uPlot.Series.Points = {
  size: 4,
  show: () => false,
  filter: (u, series) => {
    const values = u.data[series] ?? [];
    const known = (i: number) => values[i] !== null && values[i] !== undefined;
    const lone: number[] = [];
    for (let i = 0; i < values.length; i += 1) if (known(i) && !known(i - 1) && !known(i + 1)) lone.push(i);
    return lone.length > 0 ? lone : null;
  },
};

/** In a stack each layer is filled down to the layer below it. */
function bands(spec: PlotSpec): uPlot.Band[] {
  if (!spec.stacked) return [];
  const layers = spec.lines.map((line, i) => (line.limit ? 0 : i + 1)).filter((i) => i > 1);
  return layers.map((i) => ({ series: [i, i - 1] as [number, number] }));
}

export class Plot {
  readonly #u: uPlot;

  constructor(
    host: HTMLElement,
    spec: PlotSpec,
    data: PlotData,
    size: { width: number; height: number },
    hooks: PlotHooks,
  ) {
    const options: uPlot.Options = {
      ...size,
      ms: 1,
      padding: [8, 20, 0, 0],
      legend: { show: false },
      ...(spec.utc ? { tzDate: (ms: number) => uPlot.tzDate(new Date(ms), 'Etc/UTC') } : {}),
      scales: { x: { time: true }, y: { range: verticalRange(spec.top) } },
      axes: axes(spec),
      series: [{}, ...seriesOptions(spec)],
      bands: bands(spec),
      cursor: {
        y: false,
        points: { size: 6, width: 1 },
        drag: { x: true, y: false, setScale: false, dist: ZOOM_PX_MIN },
        bind: { dblclick: () => null },
        sync: {
          key: SYNC_KEY,
          scales: ['x', null],
          filters: { pub: (type) => TRAVELS.has(type), sub: (type) => TRAVELS.has(type) },
        },
      },
      hooks: {
        setCursor: [(u) => hooks.onCursor((u.cursor.left ?? -1) < 0 ? null : (u.cursor.idx ?? null))],
        setSelect: [(u) => this.#selected(u, hooks)],
      },
    };
    this.#u = new uPlot(options, data as uPlot.AlignedData, host);
  }

  #selected(u: uPlot, hooks: PlotHooks): void {
    const { left, width } = u.select;
    if (width < ZOOM_PX_MIN) return;
    const from = u.posToVal(left, 'x');
    const to = u.posToVal(left + width, 'x');
    u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    hooks.onZoom(from, to);
  }

  show(data: PlotData, from_ms: number, to_ms: number): void {
    this.#u.batch(() => {
      this.#u.setData(data as uPlot.AlignedData, false);
      this.#u.setScale('x', { min: from_ms, max: to_ms });
    });
  }

  resize(width: number, height: number): void {
    this.#u.setSize({ width, height });
  }

  /** Puts the cursor of every chart at a moment, or (null) takes it away. */
  setCursor(at_ms: number | null): void {
    const left = at_ms === null ? -10 : this.#u.valToPos(at_ms, 'x');
    // The third argument tells the other charts; the library's types leave it out.
    const setCursor = this.#u.setCursor as (at: { left: number; top: number }, fire: boolean, publish: boolean) => void;
    setCursor({ left, top: at_ms === null ? -10 : 10 }, true, true);
  }

  destroy(): void {
    this.#u.destroy();
  }
}
