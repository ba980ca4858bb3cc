// The report for people: Markdown tables whose columns are also aligned as plain text.

import type { Machine } from './machine.ts'
import { type Row, ratio, type SystemName, systemNames } from './result.ts'
import type { Summary } from './stats.ts'

const NOTES = [
  'Each cell: median (p10-p90). All systems call the same scripted model: 20 tokens, no delay.',
  'per process: a server that starts `claude -p` for every request (and resumes for a next turn).',
  'bare: one live CLI process, used over its pipes. For unrelated requests it rewinds the last turn *before*',
  'its clock starts; it is the limit, not a server.',
  'native: in the OpenAI rows, the native route of claude-serve next to the OpenAI one, on a server of its own in the same rounds;',
  'in those with an idempotency key, the same route without one. These answers come in 20 tokens with 20 ms between them.',
  'warm: claude-serve itself, when the process needs no preparation: it holds the conversation, or got the same system prompt before.',
  'Memory for each conversation: a page that several processes of the machine share counts in part, so nothing else should run the CLI.',
  'What the server adds: difference of the medians, with the spread of the paired differences in parentheses.',
]

type OtherSystem = Exclude<SystemName, 'ours'>
const otherSystems = systemNames.filter((name) => name !== 'ours')

export function renderReport(machine: Machine, rows: readonly Row[]): string {
  const isCompared = (row: Row) => row.checks.length > 0 || row.isCompared === true
  const compared = rows.filter(isCompared)
  const informing = rows.filter((row) => !isCompared(row))
  const parts = [renderMachine(machine)]
  if (compared.length > 0) {
    const others = otherSystems.filter((name) => compared.some((row) => row.figures[name]))
    parts.push(renderTable([comparedHead(others), ...compared.map((row) => comparedCells(row, others))]))
  }
  if (informing.length > 0) {
    const head = ['for information', 'claude-serve', 'per process']
    parts.push(renderTable([head, ...informing.map((row) => systemCells(row, ['perProcess']))]))
  }
  return `${[...parts, NOTES.join('\n')].join('\n\n')}\n`
}

function renderMachine({ cpu, cores, memoryGb, system, node, cli, date }: Machine): string {
  return `claude-serve bench, ${date}\n${cpu}, ${cores} cores, ${memoryGb} GB, ${system}; Node ${node}; CLI ${cli}`
}

function comparedHead(others: readonly OtherSystem[]): string[] {
  const names = others.map((name) => (name === 'perProcess' ? 'per process' : name))
  return ['measured', 'claude-serve', ...names, ...names.map((name) => `÷ ${name}`), 'must reach', '']
}

function comparedCells(row: Row, others: readonly OtherSystem[]): string[] {
  const ratios = others.map((name) => times(ratio(row, name)))
  if (row.checks.length === 0) return [...systemCells(row, others), ...ratios, '-', '']
  const verdict = row.checks.every((check) => check.ok) ? 'ok' : 'MISSED'
  const limits = row.checks.map((check) => (check.ok ? check.limit : `${check.limit} (!)`)).join(', ')
  return [...systemCells(row, others), ...ratios, limits, verdict]
}

function systemCells(row: Row, others: readonly OtherSystem[]): string[] {
  const figures = (['ours', ...others] as const).map((name) => row.figures[name])
  return [row.what, ...figures.map((figure) => (figure ? cell(figure, row.unit) : '-'))]
}

function cell({ n, median, p10, p90 }: Summary, unit: string): string {
  const spread = n > 1 ? ` (${digits(p10)}-${digits(p90)})` : ''
  return `${digits(median)}${unit.startsWith('/') ? '' : ' '}${unit}${spread}`
}

function times(factor: number | null): string {
  return factor === null ? '-' : `${factor.toFixed(factor < 10 ? 3 : 1)}×`
}

/** Three significant digits, without an exponent. */
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
