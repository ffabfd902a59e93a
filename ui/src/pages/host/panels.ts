// The charts of one machine: what is asked, how it is named and in which unit it is read. Names: docs/metrics.md.
import type { ChartSpec } from '../../charts/Chart.svelte';
import type { Query } from '../../charts/lines';

/** Devices that only mirror other devices' traffic or blocks. */
const REAL_INTERFACES = 'device!="lo"';

/** A label value inside double quotes, as PromQL reads it. */
export function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&').replaceAll('\n', '\\n')}"`;
}

function one(expr: string, legend: string): Query {
  return { id: 'a', expr, legend };
}

/** A selector of this host's series with further matchers. */
function vital(host: string, name: string, ...matchers: string[]): string {
  return `${name}{${[`job="host"`, `instance=${quoted(host)}`, ...matchers].join(',')}}`;
}

function rateBy(host: string, by: string, name: string, ...matchers: string[]): string {
  return `sum by (${by}) (rate(${vital(host, name, ...matchers)}[$__interval]))`;
}

export function cpuModes(host: string): ChartSpec {
  const time = vital(host, 'system_cpu_time_seconds_total', 'mode!="idle"');
  return {
    title: 'CPU by mode',
    hint: 'Share of all logical CPUs, idle time left out',
    unit: 'ratio',
    top: 1,
    stacked: true,
    order: ['user', 'system', 'iowait', 'steal', 'nice', 'softirq', 'interrupt'],
    queries: [one(`avg by (mode) (rate(${time}[$__interval]))`, '{mode}')],
  };
}

export function loadAverages(host: string): ChartSpec {
  const load = (window: string, id: string): Query => ({
    id,
    expr: vital(host, `system_cpu_load_average_${window}`),
    legend: `${window.slice(0, -1)} min`,
  });
  return {
    title: 'Load average',
    hint: 'Tasks that run or wait; the dashed line is the number of CPUs that may be used',
    unit: 'cores',
    order: ['1 min', '5 min', '15 min'],
    queries: [
      load('1m', 'a'),
      load('5m', 'b'),
      load('15m', 'c'),
      { id: 'limit', expr: vital(host, 'system_cpu_limit_cores'), legend: 'CPUs', limit: true },
    ],
  };
}

export function cpuCharts(host: string): ChartSpec[] {
  const pressure = rateBy(host, 'resource, kind', 'system_pressure_stalled_seconds_total');
  return [
    cpuModes(host),
    {
      title: 'CPU by core',
      hint: 'Busy share of each logical CPU, waiting for disks left out',
      unit: 'ratio',
      top: 1,
      queries: [one(rateBy(host, 'cpu', 'system_cpu_time_seconds_total', 'mode!~"idle|iowait"'), 'core {cpu}')],
    },
    {
      title: 'CPU utilisation',
      hint: 'Busy share of the CPUs that may be used, a cgroup limit respected',
      unit: 'ratio',
      top: 1,
      queries: [one(vital(host, 'system_cpu_utilization_ratio'), 'busy')],
    },
    loadAverages(host),
    {
      title: 'Pressure',
      hint: 'Share of time in which some or all tasks waited for a resource (PSI)',
      unit: 'ratio',
      optional: true,
      queries: [one(pressure, '{resource} {kind}')],
    },
  ];
}

export function memoryStates(host: string): ChartSpec {
  return {
    title: 'Memory by state',
    hint: 'The dashed line is the memory that may be used',
    unit: 'bytes',
    stacked: true,
    order: ['used', 'buffers', 'cached'],
    queries: [
      one(`sum by (state) (${vital(host, 'system_memory_usage_bytes', 'state!="free"')})`, '{state}'),
      { id: 'limit', expr: vital(host, 'system_memory_limit_bytes'), legend: 'limit', limit: true },
    ],
  };
}

export function memoryCharts(host: string): ChartSpec[] {
  const swap = vital(host, 'system_paging_usage_bytes');
  const whereSwapExists = `and on () (sum(${swap}) > 0)`;
  return [
    memoryStates(host),
    {
      title: 'Memory available',
      hint: "The kernel's estimate of what can be had without swapping",
      unit: 'bytes',
      queries: [one(vital(host, 'system_memory_available_bytes'), 'available')],
    },
    {
      title: 'Swap',
      unit: 'bytes',
      stacked: true,
      order: ['used', 'free'],
      optional: true,
      queries: [one(`sum by (state) (${swap}) ${whereSwapExists}`, '{state}')],
    },
    {
      title: 'Swapping',
      hint: 'Pages moved to and from swap',
      unit: 'per_second',
      optional: true,
      queries: [
        one(`${rateBy(host, 'direction', 'system_paging_operations_total')} ${whereSwapExists}`, '{direction}'),
      ],
    },
  ];
}

export function diskSpace(host: string): ChartSpec {
  return {
    title: 'Disk space used',
    hint: 'Used share of each file system, as ordinary users see it',
    unit: 'ratio',
    top: 1,
    queries: [one(`max by (mountpoint) (${vital(host, 'system_filesystem_utilization_ratio')})`, '{mountpoint}')],
  };
}

export function diskBytes(host: string): ChartSpec {
  return {
    title: 'Disk throughput',
    unit: 'bytes_per_second',
    queries: [one(rateBy(host, 'direction', 'system_disk_io_bytes_total'), '{direction}')],
  };
}

export function diskCharts(host: string): ChartSpec[] {
  const operationTime = rateBy(host, 'device, direction', 'system_disk_operation_time_seconds_total');
  const operations = rateBy(host, 'device, direction', 'system_disk_operations_total');
  return [
    diskSpace(host),
    {
      title: 'Throughput by disk',
      unit: 'bytes_per_second',
      queries: [one(rateBy(host, 'device, direction', 'system_disk_io_bytes_total'), '{device} {direction}')],
    },
    { title: 'Operations by disk', unit: 'per_second', queries: [one(operations, '{device} {direction}')] },
    {
      title: 'Disk busy',
      hint: 'Share of time with at least one operation in flight',
      unit: 'ratio',
      top: 1,
      queries: [one(rateBy(host, 'device', 'system_disk_io_time_seconds_total'), '{device}')],
    },
    {
      title: 'Time per operation',
      hint: 'Mean over the operations of each step; gaps are steps without any',
      unit: 'seconds',
      queries: [one(`${operationTime} / (${operations} > 0)`, '{device} {direction}')],
    },
  ];
}

export function networkBytes(host: string): ChartSpec {
  return {
    title: 'Network throughput',
    hint: 'All interfaces but loopback',
    unit: 'bytes_per_second',
    queries: [one(rateBy(host, 'direction', 'system_network_io_bytes_total', REAL_INTERFACES), '{direction}')],
  };
}

export function networkCharts(host: string): ChartSpec[] {
  const each = (title: string, name: string, unit: ChartSpec['unit']): ChartSpec => ({
    title,
    unit,
    queries: [one(rateBy(host, 'device, direction', name), '{device} {direction}')],
  });
  return [
    each('Throughput by interface', 'system_network_io_bytes_total', 'bytes_per_second'),
    each('Packets by interface', 'system_network_packets_total', 'per_second'),
    each('Errors by interface', 'system_network_errors_total', 'per_second'),
    each('Drops by interface', 'system_network_dropped_total', 'per_second'),
    {
      title: 'TCP sockets by state',
      unit: 'count',
      queries: [one(`sum by (state) (${vital(host, 'system_network_connections')})`, '{state}')],
    },
  ];
}

export function systemCharts(host: string): ChartSpec[] {
  return [
    {
      title: 'Open files',
      hint: 'System-wide',
      unit: 'count',
      queries: [one(vital(host, 'system_file_descriptors_open'), 'open')],
    },
    {
      title: 'Processes by status',
      unit: 'count',
      queries: [one(`sum by (status) (${vital(host, 'system_processes_count')})`, '{status}')],
    },
    {
      title: 'Temperature',
      unit: 'celsius',
      optional: true,
      queries: [one(vital(host, 'hw_temperature_celsius'), '{sensor}')],
    },
    {
      title: 'CPU by program',
      hint: 'In cores, summed over the processes of an executable',
      unit: 'cores',
      stacked: true,
      queries: [
        one(rateBy(host, 'process_executable_name', 'process_cpu_time_seconds_total'), '{process_executable_name}'),
      ],
    },
    {
      title: 'Memory by program',
      hint: 'Resident memory, summed over the processes of an executable',
      unit: 'bytes',
      stacked: true,
      queries: [
        one(
          `sum by (process_executable_name) (${vital(host, 'process_memory_usage_bytes')})`,
          '{process_executable_name}',
        ),
      ],
    },
  ];
}
