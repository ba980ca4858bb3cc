// Medians and spreads. Quantiles are interpolated, so that even ten samples have a meaningful p90.

export interface Summary {
  n: number
  median: number
  p10: number
  p90: number
}

export function quantile(samples: readonly number[], q: number): number {
  if (samples.length === 0) throw new Error('no samples to summarize')
  const sorted = samples.toSorted((a, b) => a - b)
  const position = (sorted.length - 1) * q
  const below = sorted[Math.floor(position)] ?? 0
  const above = sorted[Math.ceil(position)] ?? below
  return below + (above - below) * (position - Math.floor(position))
}

export function median(samples: readonly number[]): number {
  return quantile(samples, 0.5)
}

export function summarize(samples: readonly number[]): Summary {
  return {
    n: samples.length,
    median: median(samples),
    p10: quantile(samples, 0.1),
    p90: quantile(samples, 0.9),
  }
}
