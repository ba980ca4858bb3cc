// Formats text from other sources for display in a terminal: escape sequences have no effect, and durations and costs are readable. Pure,
// and loaded at every start. Not for what needs the width of a text (see table.ts), nor for output that programs read.

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

/** The same, also without characters that change the text direction: what is shown is what it says. */
export function literal(text: string): string {
  return inert(text).replace(/[\u202a-\u202e\u2066-\u2069]/g, '\ufffd')
}

/** The same in one line. */
export function oneLine(text: string): string {
  return literal(text.replace(/[\s\u2028\u2029]+/g, ' ').trim())
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
