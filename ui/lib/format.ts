// Numbers and times in human-readable form.

export const money = (usd: number): string =>
  usd === 0 ? '$0' : usd < 0.01 ? `$${usd.toPrecision(2)}` : `$${usd.toFixed(2)}`

const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })
export const count = (value: number): string => compact.format(value)

/** A share from 0 to 1 in percent. */
export const share = (value: number | null): string => (value === null ? '–' : `${Math.round(100 * value)} %`)

export const seconds = (ms: number): string => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`)

const dateAndTime = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' })
const timeOnly = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' })

/** Omits the date if it is today. */
export function time(iso: string | null): string {
  if (iso === null) return ''
  const date = new Date(iso)
  return date.toDateString() === new Date().toDateString() ? timeOnly.format(date) : dateAndTime.format(date)
}

export function duration(s: number): string {
  const [days, hoursLeft, minutes] = [Math.floor(s / 86_400), Math.floor(s / 3600) % 24, Math.floor(s / 60) % 60]
  if (days > 0) return `${days} d ${hoursLeft} h`
  if (hoursLeft > 0) return `${hoursLeft} h ${minutes} min`
  return minutes > 0 ? `${minutes} min` : `${Math.floor(s)} s`
}
