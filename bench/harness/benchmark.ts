import type { BenchServer } from './server.ts';

/** A file `bench/<name>.ts` exports one as `benchmark`; `npm run bench -- <name>` runs it. */
export interface Benchmark {
  readonly name: string;
  /** What it finds out, in one sentence. */
  readonly question: string;
  /** Packages of bench/package.json that it compares with, whose versions are told. */
  readonly peers?: readonly string[];
  readonly run: (context: BenchContext) => Promise<Report>;
}

export interface BenchContext {
  /** The form of CI: seconds, and no figure of it means anything. */
  readonly tiny: boolean;
  /** Logs and backlogs have no more entries than this, where a benchmark has sizes. Infinity when not given. */
  readonly largest: number;
  readonly server: BenchServer;
  /** Says what is going on, on stderr. */
  readonly progress: (what: string) => void;
}

/** A row's cells by the name of their column; numbers are rounded to three digits when they are printed. */
export type Row = Readonly<Record<string, string | number | boolean | null>>;

export interface Table {
  readonly title: string;
  readonly rows: readonly Row[];
}

/** Something that was aimed at: a ratio or a count, never an absolute time that another machine would not show. */
export interface Aim {
  readonly aim: string;
  readonly measured: number;
  readonly reached: boolean;
}

/** Something that has to be exactly so, on any machine and in the tiny form too: a run with a wrong count fails. */
export interface Count {
  readonly what: string;
  readonly expected: number;
  readonly counted: number;
}

export interface Report {
  readonly tables: readonly Table[];
  readonly aims: readonly Aim[];
  readonly counts: readonly Count[];
  /** A Vega-Lite specification with its data in it. */
  readonly plot: Plot;
  /** What a reader must know to read the figures: sizes, what was left out. */
  readonly notes?: readonly string[];
}

// Not Vega-Lite's own type: the packages that draw need not be installed.
export type Plot = Readonly<Record<string, unknown>>;
