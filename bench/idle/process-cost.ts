import { readFile } from 'node:fs/promises';

/** What a process of Linux has cost so far. */
export interface ProcessCost {
  readonly cpuMs: number;
  readonly residentMiB: number;
}

// Of the kernel's clock, on every architecture that Node runs on.
const TICKS_PER_SECOND = 100;

export async function processCost(pid: number): Promise<ProcessCost> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The name of the program, in parentheses, may hold blanks.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return {
    cpuMs: ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_SECOND,
    residentMiB: Number(/^VmRSS:\s+(\d+)/m.exec(status)![1]) / 1024,
  };
}
