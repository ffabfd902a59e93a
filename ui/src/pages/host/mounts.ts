// One row per file system out of the newest points of its series.
import { type Columns, lastValue } from '../../charts/columns';

export interface Mount {
  mountpoint: string;
  device: string;
  type: string;
  used: number | null;
  size: number | null;
  ratio: number | null;
  inodes: number | null;
}

function share(used: number | undefined, free: number | undefined): number | null {
  return used === undefined || free === undefined || used + free === 0 ? null : used / (used + free);
}

/** Fullest first: the one that matters is never below the fold. */
export function mountsOf(columns: Columns): Mount[] {
  const found = new Map<string, { labels: Record<string, string>; values: Map<string, number> }>();
  for (const series of columns.series) {
    const { mountpoint = '', device = '', type = '', state = '' } = series.labels;
    const value = lastValue(series.values);
    if (value === null) continue;
    const key = `${mountpoint}\n${device}`;
    const mount = found.get(key) ?? { labels: { mountpoint, device, type }, values: new Map<string, number>() };
    mount.values.set(`${series.query}.${state}`, value);
    found.set(key, mount);
  }
  const rows = [...found.values()].map(({ labels, values }): Mount => {
    const used = values.get('bytes.used');
    const free = values.get('bytes.free');
    const reserved = values.get('bytes.reserved') ?? 0;
    return {
      mountpoint: labels.mountpoint ?? '',
      device: labels.device ?? '',
      type: labels.type ?? '',
      used: used ?? null,
      size: used === undefined || free === undefined ? null : used + free + reserved,
      ratio: values.get('ratio.') ?? share(used, free),
      inodes: share(values.get('inodes.used'), values.get('inodes.free')),
    };
  });
  return rows.sort((a, b) => (b.ratio ?? -1) - (a.ratio ?? -1) || a.mountpoint.localeCompare(b.mountpoint));
}
