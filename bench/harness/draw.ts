import type { Plot } from './benchmark.ts';
import { loadPackage } from './load-package.ts';

interface Vega {
  readonly parse: (spec: object) => object;
  readonly View: new (runtime: object, options: { readonly renderer: 'none' }) => { toSVG(): Promise<string> };
}

interface VegaLite {
  readonly compile: (plot: Plot) => { readonly spec: object };
}

// Names are told in full: a limit of 0 is none.
const CONFIG = {
  axis: { labelLimit: 0, titleLimit: 0 },
  header: { labelLimit: 0 },
  legend: { labelLimit: 0, titleLimit: 0 },
  title: { anchor: 'start', limit: 0, subtitlePadding: 4, subtitleColor: '#666', offset: 12 },
};

/** Undefined when the packages that draw are not installed. */
export async function drawSvg(plot: Plot, subtitle: readonly string[]): Promise<string | undefined> {
  const vega = await loadPackage<Vega>('vega');
  const vegaLite = await loadPackage<VegaLite>('vega-lite');
  if (!vega || !vegaLite) return undefined;
  const title = { text: plot['title'], subtitle };
  const { spec } = vegaLite.compile({ background: 'white', config: CONFIG, padding: 10, ...plot, title });
  const view = new vega.View(vega.parse(spec), { renderer: 'none' });
  return await view.toSVG();
}
