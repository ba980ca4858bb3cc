// What commands make of text from elsewhere before people see it: nothing in it steers the terminal, cells stand in columns, times
// are told as people tell them. Pure; not for what is written for programs.

/** A visible sign for a control character. A carriage return is left out: it would write over what stands before it. */
function signOf(control: string): string {
  const code = control.codePointAt(0) ?? 0
  if (control === '\r') return ''
  if (code < 0x20) return String.fromCodePoint(0x2400 + code)
  return code === 0x7f ? '\u2421' : '\ufffd'
}

/** Nothing in it is an escape sequence; line breaks and tabs stay. */
export function inert(text: string): string {
  return text.replace(/[^\P{Cc}\n\t]/gu, signOf)
}

/** One line, in which nothing turns the direction of writing either. */
export function oneLine(text: string): string {
  const flat = text.replace(/[\s\u2028\u2029]+/g, ' ').trim()
  return inert(flat).replace(/[\u202a-\u202e\u2066-\u2069]/g, '\ufffd')
}

const wide =
  /\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/u

/** Roughly how many columns of a terminal a character takes. */
function columnsOf(character: string): number {
  if (/\p{M}|[\u200b-\u200d]/u.test(character)) return 0
  return wide.test(character) ? 2 : 1
}

const widthOf = (text: string) => [...text].reduce((width, character) => width + columnsOf(character), 0)

/** At most so many columns wide. */
export function cut(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text
  let width = 1
  let kept = ''
  for (const character of text) {
    width += columnsOf(character)
    if (width > columns) break
    kept += character
  }
  return `${kept.trimEnd()}…`
}

/** Each row as a line; every cell is made safe to show. `columns`, where it is known, is the width of the terminal. */
export function asTable(rows: readonly (readonly string[])[], columns: number | null = null): string[] {
  const cells = rows.map((row) => row.map(oneLine))
  const count = Math.max(0, ...cells.map((row) => row.length))
  const widths = Array.from({ length: count }, (_, at) => Math.max(...cells.map((row) => widthOf(row[at] ?? ''))))
  const pad = (cell: string, at: number) => cell + ' '.repeat((widths[at] ?? 0) - widthOf(cell))
  const lines = cells.map((row) => row.map(pad).join('  ').trimEnd())
  return columns === null ? lines : lines.map((line) => cut(line, columns))
}

const units: readonly [ms: number, name: string][] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1000, 's'],
]

/** In the largest unit that fits: `3 min`. */
export function showSpan(ms: number): string {
  const [unitMs, name] = units.find(([each]) => ms >= each) ?? [1000, 's']
  return `${Math.floor(Math.max(0, ms) / unitMs)} ${name}`
}

/** Cents, and more digits where there are any. */
export function showDollars(usd: number): string {
  return `$${usd.toFixed(4).replace(/0{1,2}$/, '')}`
}
