// The parts of a row of the table.

import type { Summary } from './stats.ts'

/**
 * `native`: claude-serve's own route, if `ours` is the OpenAI one, or without an idempotency key, if `ours` has one. `warm`: claude-serve
 * in the best case, with a process that needs no preparation.
 */
export const systemNames = ['ours', 'perProcess', 'bare', 'native', 'warm'] as const
export type SystemName = (typeof systemNames)[number]
export type Unit = 'ms' | '/s' | 'MB' | 'CPU s' | '%' | '×'

export interface Check {
  /** As it is printed: "<= 0.12 × per process". */
  limit: string
  value: number
  ok: boolean
}

export interface Row {
  id: string
  what: string
  unit: Unit
  figures: Partial<Record<SystemName, Summary>>
  /** Empty for rows that are only for information. */
  checks: Check[]
  /** Whether it is listed with the checked rows, although it has no limit. */
  isCompared?: true
}

export interface Bound {
  against: SystemName | 'absolute'
  kind: 'at most' | 'at least'
  limit: number
}

const AGAINST = {
  ours: '',
  absolute: '',
  perProcess: ' × per process',
  bare: ' × bare',
  native: ' × native',
  warm: ' × warm',
} as const

/** Checks our median against bounds that are factors of another system's median, or plain numbers in the row's unit. */
export function check(row: Omit<Row, 'checks'>, bounds: readonly Bound[]): Row {
  const checks = bounds.map(({ against, kind, limit }) => {
    const value = (row.figures.ours?.median ?? Number.NaN) / divisor(row, against)
    const ok = kind === 'at most' ? value <= limit : value >= limit
    const suffix = against === 'absolute' ? ` ${row.unit}` : AGAINST[against]
    return { limit: `${kind === 'at most' ? '<=' : '>='} ${limit}${suffix}`, value, ok }
  })
  return { ...row, checks }
}

function divisor(row: Omit<Row, 'checks'>, against: Bound['against']): number {
  return against === 'absolute' ? 1 : (row.figures[against]?.median ?? Number.NaN)
}

/** Our median as a factor of another system's; null if one of them was not measured. */
export function ratio(row: Row, to: Exclude<SystemName, 'ours'>): number | null {
  const ours = row.figures.ours
  const other = row.figures[to]
  return ours && other ? ours.median / other.median : null
}
