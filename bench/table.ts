// The result for people: Markdown tables whose columns are also aligned as plain text.

import type { Machine } from './machine.ts'
import { type Row, ratio } from './result.ts'
import type { Summary } from './stats.ts'

const NOTES = [
  'Each cell: median (p10-p90). All systems ask the same scripted model: 20 tokens, no delay.',
  'per process: a server that starts `claude -p` for every request (and resumes for a next turn).',
  'bare: one live CLI process, spoken to over its pipes. For unrelated requests it takes the last turn back *before*',
  'its clock starts; it is the limit, not a server.',
  'What the server adds: difference of the medians, and in brackets the spread of the paired differences.',
]

export function renderReport(machine: Machine, rows: readonly Row[]): string {
  const checked = rows.filter((row) => row.checks.length > 0)
  const informing = rows.filter((row) => row.checks.length === 0)
  const parts = [renderMachine(machine)]
  if (checked.length > 0) {
    const head = ['measured', 'claude-serve', 'per process', 'bare', '÷ per process', '÷ bare', 'must reach', '']
    parts.push(renderTable([head, ...checked.map(checkedCells)]))
  }
  if (informing.length > 0) {
    const head = ['for information', 'claude-serve', 'per process']
    parts.push(renderTable([head, ...informing.map((row) => systemCells(row).slice(0, 3))]))
  }
  return `${[...parts, NOTES.join('\n')].join('\n\n')}\n`
}

function renderMachine({ cpu, cores, memoryGb, system, node, cli, date }: Machine): string {
  return `claude-serve bench, ${date}\n${cpu}, ${cores} cores, ${memoryGb} GB, ${system}; Node ${node}; CLI ${cli}`
}

function checkedCells(row: Row): string[] {
  const verdict = row.checks.every((check) => check.ok) ? 'ok' : 'MISSED'
  const limits = row.checks.map((check) => (check.ok ? check.limit : `${check.limit} (!)`)).join(', ')
  return [...systemCells(row), times(ratio(row, 'perProcess')), times(ratio(row, 'bare')), limits, verdict]
}

function systemCells(row: Row): string[] {
  const { ours, perProcess, bare } = row.figures
  return [row.what, ...[ours, perProcess, bare].map((figures) => (figures ? cell(figures, row.unit) : '-'))]
}

function cell({ n, median, p10, p90 }: Summary, unit: string): string {
  const spread = n > 1 ? ` (${digits(p10)}-${digits(p90)})` : ''
  return `${digits(median)}${unit.startsWith('/') ? '' : ' '}${unit}${spread}`
}

function times(factor: number | null): string {
  return factor === null ? '-' : `${factor.toFixed(factor < 10 ? 3 : 1)}×`
}

/** Three digits that matter, without an exponent. */
function digits(value: number): string {
  const size = Math.abs(value)
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3)
}

function renderTable(lines: readonly string[][]): string {
  const [head = [], ...body] = lines
  const widths = head.map((_, column) => Math.max(3, ...lines.map((line) => line[column]?.length ?? 0)))
  const render = (line: readonly string[]) =>
    `| ${widths.map((width, column) => (line[column] ?? '').padEnd(width)).join(' | ')} |`
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`
  return [render(head), rule, ...body.map(render)].join('\n')
}
