// Aligns and shortens text by its width in a terminal: tables, and facts below a heading. Widths are those of the package string-width; the
// tables are ours, because those of cli-table3 misplace some characters (docs/decisions/0021-libraries-of-the-command-line.md). Pure.
import { styleText } from 'node:util'
import stringWidth from 'string-width'
import { oneLine } from './terminal-text.ts'

const graphemes = new Intl.Segmenter()

/** Shortens a text to at most this many columns. */
export function cut(text: string, columns: number): string {
  if (stringWidth(text) <= columns) return text
  let width = 1
  let head = ''
  for (const { segment } of graphemes.segment(text)) {
    width += stringWidth(segment)
    if (width > columns) break
    head += segment
  }
  return `${head.trimEnd()}…`
}

/** Each row as a line; every cell is made safe to display. `columns` is the width of the terminal, if known. */
export function asTable(
  rows: readonly (readonly string[])[],
  columns: number | null = null,
  clean = oneLine,
): string[] {
  const cells = rows.map((row) => row.map(clean))
  const count = Math.max(0, ...cells.map((row) => row.length))
  const widths = Array.from({ length: count }, (_, index) =>
    Math.max(...cells.map((row) => stringWidth(row[index] ?? ''))),
  )
  const pad = (cell: string, index: number) => cell + ' '.repeat((widths[index] ?? 0) - stringWidth(cell))
  const lines = cells.map((row) => row.map(pad).join('  ').trimEnd())
  return columns === null ? lines : lines.map((line) => cut(line, columns))
}

/** Facts that are null are left out. */
export function asFacts(heading: string, facts: readonly (readonly [title: string, fact: string | null])[]): string[] {
  const rows = facts.flatMap(([title, fact]) => (fact === null ? [] : [[title, fact]]))
  return [oneLine(heading), ...asTable(rows).map((line) => `  ${line}`)]
}

/** The first line is the heading. */
export const withHeading = ([heading = '', ...lines]: readonly string[]): string =>
  [styleText('bold', heading), ...lines].join('\n')
