// An API key as it is stored, and what its record alone decides: whether the key may be used and what it allows.
// Secrets are handled in ../auth/keys.ts.
import type { AppError } from '../errors.ts'
import type { PermissionMode } from './agent.ts'

/**
 * `chat`: plain models without Claude Code's tools; `agent`: everything a run can do; `admin`: keys and everyone's
 * runs.
 */
export type Scope = 'chat' | 'agent' | 'admin'

export const scopes: readonly Scope[] = ['chat', 'agent', 'admin']

const warningShare = 0.8

/** Whether so much of a budget is spent that a warning is due. */
export const isMostlySpent = (spentUsd: number, budgetUsd: number): boolean => spentUsd >= warningShare * budgetUsd

export const budgetPeriods = ['day', 'week', 'month'] as const

/** What the runs of a key may do, within its scopes and what the server allows. Null: whatever those allow. */
export type KeyPolicy = {
  /** Names of models or of their families; a request without a model gets the first. */
  models: string[] | null
  /** The built-in tools that an agent's run may have. */
  tools: string[] | null
  /** Real paths; an agent's run without a folder works in the first. */
  cwdRoots: string[] | null
  /** An agent's run without a mode gets the first. */
  permissionModes: PermissionMode[] | null
  /** How many of its runs may have a process at once; the others wait. */
  runsMax: number | null
  /** How often the budget resets, by UTC; null: never. */
  budgetPeriod: (typeof budgetPeriods)[number] | null
}

export const noPolicy: Readonly<KeyPolicy> = {
  models: null,
  tools: null,
  cwdRoots: null,
  permissionModes: null,
  runsMax: null,
  budgetPeriod: null,
}

/** Times in milliseconds since 1970. */
export type KeyRecord = {
  /** `key_…`, for logs, lists and the owner of a run. */
  id: string
  name: string
  /** The first characters of the secret, so that a person can tell keys apart. */
  prefix: string
  hash: string
  /** Empty: the code of a one-time link (see login-links.ts), which can only be exchanged for a key. */
  scopes: Scope[]
  createdAtMs: number
  /** Null: never. */
  expiresAtMs: number | null
  /** Requests per minute; null: no limit of its own. */
  ratePerMinute: number | null
  /** The most that all its runs of a period together may cost; null: no limit. */
  budgetUsd: number | null
  policy: KeyPolicy
  revokedAtMs: number | null
  lastUsedAtMs: number | null
}

/** The fields of a key that is new and has no limits. */
export const unlimitedKey = {
  expiresAtMs: null,
  ratePerMinute: null,
  budgetUsd: null,
  policy: noPolicy,
  revokedAtMs: null,
  lastUsedAtMs: null,
} satisfies Partial<KeyRecord>

export const isUsable = ({ revokedAtMs, expiresAtMs }: KeyRecord, nowMs: number): boolean =>
  revokedAtMs === null && (expiresAtMs === null || expiresAtMs > nowMs)

export const isLoginCode = ({ scopes: granted }: Pick<KeyRecord, 'scopes'>): boolean => granted.length === 0

/** `agent` includes `chat`, `admin` includes both. */
export function allows({ scopes: granted }: Pick<KeyRecord, 'scopes'>, scope: Scope): boolean {
  const enough: Record<Scope, readonly Scope[]> = {
    chat: ['chat', 'agent', 'admin'],
    agent: ['agent', 'admin'],
    admin: ['admin'],
  }
  return granted.some((each) => enough[scope].includes(each))
}

/** The ids of keys that the web page got for a login link; no person can give a key such an id. */
export const pageKeyPrefix = 'key_page_'

/** Something with ongoing work on behalf of keys. */
export type KeyHolder = {
  /** The ids of the keys with ongoing work. */
  owners(): ReadonlySet<string>
  /** Ends all work of one key. */
  cancelOwnedBy(owner: string, reason: AppError): void
}
