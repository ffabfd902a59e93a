// The sections of the Host page: one line each serves the page, its anchors and the palette.
import type { ChartSpec } from '../../charts/Chart.svelte';
import { cpuCharts, diskCharts, memoryCharts, networkCharts, systemCharts } from './panels';

export interface Section {
  id: string;
  title: string;
  keywords: string;
  charts(host: string): ChartSpec[];
}

export const SECTIONS: Section[] = [
  { id: 'cpu', title: 'CPU', keywords: 'processor load core pressure psi', charts: cpuCharts },
  { id: 'memory', title: 'Memory', keywords: 'ram swap paging', charts: memoryCharts },
  { id: 'disk', title: 'Disk', keywords: 'storage space inodes io file system mount', charts: diskCharts },
  { id: 'network', title: 'Network', keywords: 'interface packets errors drops tcp sockets', charts: networkCharts },
  { id: 'system', title: 'System and processes', keywords: 'open files temperature uptime top', charts: systemCharts },
];
