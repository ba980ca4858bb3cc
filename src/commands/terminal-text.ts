// Formats text from other sources for display in a terminal: escape sequences have no effect, tables are aligned, and durations and costs
// are readable. Pure; not for output that programs read.

/** A visible symbol for a control character. A carriage return is removed: it would overwrite the text before it. */
function symbolOf(control: string): string {
  const code = control.codePointAt(0) ?? 0
  if (control === '\r') return ''
  if (code < 0x20) return String.fromCodePoint(0x2400 + code)
  return code === 0x7f ? '\u2421' : '\ufffd'
}

/** Makes control characters visible, so that no escape sequence takes effect; line breaks and tabs stay. */
export function inert(text: string): string {
  return text.replace(/[^\P{Cc}\n\t]/gu, symbolOf)
}

/** One line, also without characters that change the text direction. */
export function oneLine(text: string): string {
  const flat = text.replace(/[\s\u2028\u2029]+/g, ' ').trim()
  return inert(flat).replace(/[\u202a-\u202e\u2066-\u2069]/g, '\ufffd')
}

const wide =
  /\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/u

/** The approximate width of a character in terminal columns. */
function columnsOf(character: string): number {
  if (/\p{M}|[\u200b-\u200d]/u.test(character)) return 0
  return wide.test(character) ? 2 : 1
}

const widthOf = (text: string) => [...text].reduce((width, character) => width + columnsOf(character), 0)

/** Shortens a text to at most this many columns. */
export function cut(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text
  let width = 1
  let head = ''
  for (const character of text) {
    width += columnsOf(character)
    if (width > columns) break
    head += character
  }
  return `${head.trimEnd()}…`
}

/** Each row as a line; every cell is made safe to display. `columns` is the width of the terminal, if known. */
export function asTable(rows: readonly (readonly string[])[], columns: number | null = null): string[] {
  const cells = rows.map((row) => row.map(oneLine))
  const count = Math.max(0, ...cells.map((row) => row.length))
  const widths = Array.from({ length: count }, (_, index) => Math.max(...cells.map((row) => widthOf(row[index] ?? ''))))
  const pad = (cell: string, index: number) => cell + ' '.repeat((widths[index] ?? 0) - widthOf(cell))
  const lines = cells.map((row) => row.map(pad).join('  ').trimEnd())
  return columns === null ? lines : lines.map((line) => cut(line, columns))
}

const units: readonly [ms: number, name: string][] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1000, 's'],
]

/** A duration in the largest unit that fits: `3 min`. */
export function showSpan(ms: number): string {
  const [unitMs, name] = units.find(([each]) => ms >= each) ?? [1000, 's']
  return `${Math.floor(Math.max(0, ms) / unitMs)} ${name}`
}

/** Two decimals, and up to four if they are not zero. */
export function showDollars(usd: number): string {
  return `$${usd.toFixed(4).replace(/0{1,2}$/, '')}`
}
