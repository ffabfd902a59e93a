// Numbers as people read them, in the unit of what was measured.

export type Unit = 'bytes' | 'bytes_per_second' | 'ratio' | 'count' | 'per_second' | 'seconds' | 'celsius' | 'cores';

const BINARY = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];
const DECIMAL = ['', 'k', 'M', 'G', 'T', 'P'];

/** About three significant digits, never in exponents. */
function digits(value: number): string {
  const size = Math.abs(value);
  if (size >= 100 || Number.isInteger(value)) return value.toFixed(0);
  return value.toFixed(size >= 10 ? 1 : 2);
}

function scaledBy(value: number, base: number, names: readonly string[]): [number, string] {
  let scaled = value;
  let step = 0;
  // Rounds up early: 1023.9 B is shown as 1 KiB, not as 1024 B.
  while (Math.abs(scaled) >= base * 0.9995 && step < names.length - 1) {
    scaled /= base;
    step += 1;
  }
  return [scaled, names[step] ?? ''];
}

function count(value: number): string {
  const [scaled, suffix] = scaledBy(value, 1000, DECIMAL);
  if (suffix === '' && value !== 0 && Math.abs(value) < 0.01) return value.toPrecision(1);
  return `${digits(scaled)}${suffix ? ` ${suffix}` : ''}`;
}

function seconds(value: number): string {
  const size = Math.abs(value);
  if (size === 0) return '0 s';
  if (size < 0.001) return `${digits(value * 1e6)} µs`;
  if (size < 1) return `${digits(value * 1e3)} ms`;
  return size < 120 ? `${digits(value)} s` : formatDuration(value * 1000);
}

export function formatValue(value: number | null | undefined, unit: Unit): string {
  if (value === null || value === undefined || Number.isNaN(value)) return '–';
  if (!Number.isFinite(value)) return value > 0 ? '+∞' : '−∞';
  const per = unit.endsWith('per_second') ? '/s' : '';
  switch (unit) {
    case 'bytes':
    case 'bytes_per_second': {
      const [scaled, name] = scaledBy(value, 1024, BINARY);
      return `${digits(scaled)} ${name}${per}`;
    }
    case 'ratio': {
      const percent = value * 100;
      return `${Math.abs(percent) >= 99.95 || percent === 0 ? percent.toFixed(0) : percent.toFixed(1)} %`;
    }
    case 'seconds':
      return seconds(value);
    case 'celsius':
      return `${value.toFixed(1)} °C`;
    case 'cores':
      return digits(value);
    default: {
      const text = count(value);
      return per ? `${text}${/[a-zA-Z]$/.test(text) ? '' : ' '}${per}` : text;
    }
  }
}

/** As `formatValue`, without digits that say nothing: for the round numbers of an axis. */
export function formatShort(value: number, unit: Unit): string {
  return formatValue(value, unit)
    .replace(/(\.\d*?)0+(?=\D|$)/, '$1')
    .replace(/\.(?=\D|$)/, '');
}

/** `3 h 10 min`: the two largest units of a length of time. */
export function formatDuration(ms: number): string {
  const total = Math.max(0, Math.round(ms / 1000));
  const parts: [number, string][] = [
    [Math.floor(total / 86400), 'd'],
    [Math.floor(total / 3600) % 24, 'h'],
    [Math.floor(total / 60) % 60, 'min'],
    [total % 60, 's'],
  ];
  const first = parts.findIndex(([n]) => n > 0);
  if (first < 0) return '0 s';
  return parts
    .slice(first, first + 2)
    .filter(([n]) => n > 0)
    .map(([n, name]) => `${n} ${name}`)
    .join(' ');
}

/** How long ago, calmly: seconds in the first minute only, so that a list of ages does not flicker. */
export function formatAge(ms: number): string {
  return formatDuration(ms < 60_000 ? ms : Math.floor(ms / 60_000) * 60_000);
}

function two(n: number): string {
  return String(n).padStart(2, '0');
}

/** The parts of a moment on the clock the reader chose. */
function parts(ms: number, utc: boolean): { date: string; day: string; minutes: string; seconds: string } {
  const at = new Date(ms);
  const [year, month, day, hour, minute, second] = utc
    ? [at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate(), at.getUTCHours(), at.getUTCMinutes(), at.getUTCSeconds()]
    : [at.getFullYear(), at.getMonth(), at.getDate(), at.getHours(), at.getMinutes(), at.getSeconds()];
  const minutes = `${two(hour)}:${two(minute)}`;
  return {
    date: `${year}-${two(month + 1)}-${two(day)}`,
    day: `${two(month + 1)}-${two(day)}`,
    minutes,
    seconds: `${minutes}:${two(second)}`,
  };
}

/** `2026-11-21 14:02:10`, 24 hours. */
export function formatMoment(ms: number, utc: boolean): string {
  const { date, seconds: time } = parts(ms, utc);
  return `${date} ${time}`;
}

/** `14:02:10.123`, with the date in front where that is asked for. */
export function formatStamp(ms: number, utc: boolean, dated: boolean): string {
  const { day, seconds: time } = parts(ms, utc);
  const stamp = `${time}.${String(((ms % 1000) + 1000) % 1000).padStart(3, '0')}`;
  return dated ? `${day} ${stamp}` : stamp;
}

/** `1,234,567` */
export function formatCount(count: number): string {
  return Math.round(count).toLocaleString('en-US');
}

/** `14:02:10`, with the date in front when the moment is not within a day of `now_ms`. */
export function formatClock(ms: number, utc: boolean, now_ms: number): string {
  return Math.abs(now_ms - ms) < 20 * 3600 * 1000 ? parts(ms, utc).seconds : formatMoment(ms, utc);
}

/** The text of a tick on a time axis whose ticks lie `step_ms` apart. */
export function formatTick(ms: number, step_ms: number, utc: boolean): string {
  const { day, minutes, seconds: time } = parts(ms, utc);
  if (step_ms >= 86_400_000 || (minutes === '00:00' && step_ms >= 3_600_000)) return day;
  return step_ms < 60_000 ? time : minutes;
}
