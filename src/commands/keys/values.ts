// Parses the arguments of `claude-serve keys create` and `keys edit`: a name, scopes, an expiry, a rate and a budget. Pure; not for
// storing keys, nor for the rest of what a key may do (see policy.ts).

import { kindOfSecret } from '../../auth/keys.ts'
import { type KeyPolicy, noPolicy, type Scope, scopes } from '../../core/key-record.ts'
import type { KeyFields } from '../../core/store.ts'
import { nearestName } from '../../platform/did-you-mean.ts'
import { ownCommand } from '../../platform/installation.ts'
import { notAccepted, readCount, UsageError } from '../command.ts'
import { none, type PolicyFlags, readPolicy } from './policy.ts'

export type KeyFlags = PolicyFlags & { scope?: string[]; expires?: string; rate?: string; budget?: string }

/** Throws UsageError. */
export function readKeyFields(name: string, flags: KeyFlags, nowMs: number): KeyFields {
  const unlimited = { scopes: ['agent'] as Scope[], expiresAtMs: null, ratePerMinute: null, budgetUsd: null }
  const fields = { name: readName(name), ...unlimited, ...readChanges(flags, noPolicy, nowMs) }
  return { ...fields, policy: fields.policy ?? noPolicy }
}

/** The fields that the flags set; `none` removes a limit. Throws UsageError. */
export function readChanges(flags: KeyFlags, policy: KeyPolicy, nowMs: number): Partial<KeyFields> {
  const { scope, expires, rate, budget } = flags
  const changed = readPolicy(flags)
  return {
    ...(scope === undefined ? {} : { scopes: [...new Set(scope.map(readScope))] }),
    ...(expires === undefined ? {} : { expiresAtMs: expires === none ? null : readEnd(expires, nowMs) }),
    ...(rate === undefined ? {} : { ratePerMinute: rate === none ? null : readRate(rate) }),
    ...(budget === undefined ? {} : { budgetUsd: budget === none ? null : readBudget(budget) }),
    ...(Object.keys(changed).length === 0 ? {} : { policy: { ...policy, ...changed } }),
  }
}

const readRate = (text: string) => readCount('--rate', text, 999_999, 'give requests per minute,')

/** A secret that is passed instead of a name is never repeated in the output. */
export function refuseSecret(word: string): void {
  if (kindOfSecret(word) === 'foreign') return
  throw new UsageError(`this is the secret of a key: pass its name or its id, as ${ownCommand('keys list')} shows them`)
}

const namePattern = /^[\p{L}\p{N}](?:[\p{L}\p{N} ._@:+/-]{0,62}[\p{L}\p{N}._@:+/-])?$/u

export function readName(name: string): string {
  refuseSecret(name)
  // The prefix of ids is reserved, so that a name is never mistaken for an id.
  if (namePattern.test(name) && !name.startsWith('key_')) return name
  const accepted =
    'give up to 64 letters, digits, spaces and . _ - @ : + /, such as laptop; a name cannot start with key_'
  throw notAccepted('name', name, accepted)
}

function readScope(word: string): Scope {
  const scope = scopes.find((each) => each === word)
  if (scope !== undefined) return scope
  const nearest = nearestName(word, scopes)
  throw notAccepted('--scope', word, nearest === null ? `give ${scopes.join(', ')}` : `did you mean ${nearest}?`)
}

const unitsMs: Record<string, number> = { d: 86_400_000, h: 3_600_000 }
const endAccepted = 'give a time from now such as 30d or 12h, or the last day such as 2026-12-31 (in UTC)'

function readEnd(word: string, nowMs: number): number {
  const [, count = '', unit = ''] = /^(\d{1,5})([dh])$/.exec(word) ?? []
  const endMs = unit === '' ? endOfDay(word) : nowMs + Number(count) * (unitsMs[unit] ?? Number.NaN)
  if (Number.isNaN(endMs)) throw notAccepted('--expires', word, endAccepted)
  if (endMs <= nowMs) throw notAccepted('--expires', word, `it is in the past: ${endAccepted}`)
  return endMs
}

/** The last millisecond of a day in UTC; NaN if the word is not a day. */
function endOfDay(word: string): number {
  const startMs = /^\d{4}-\d\d-\d\d$/.test(word) ? Date.parse(`${word}T00:00:00Z`) : Number.NaN
  // JavaScript parses the 31st of February as a day in March.
  const isDay = !Number.isNaN(startMs) && new Date(startMs).toISOString().startsWith(word)
  return isDay ? startMs + (unitsMs.d ?? Number.NaN) - 1 : Number.NaN
}

function readBudget(word: string): number {
  const isAmount = /^\$?\d{1,9}(\.\d{1,6})?$/.test(word)
  const budget = isAmount ? Number(word.replace('$', '')) : 0
  if (budget > 0) return budget
  throw notAccepted('--budget', word, 'give US dollars above 0, such as 5 or 0.50')
}
