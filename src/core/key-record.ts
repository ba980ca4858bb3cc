// An API key as it is stored, and what follows from its record alone: whether it may be used and what it allows. Not for secrets
// (see ../auth/keys.ts).

/** `chat`: plain models without tools of ours; `agent`: everything a run can do; `admin`: keys and everyone's runs. */
export type Scope = 'chat' | 'agent' | 'admin'

export const scopes: readonly Scope[] = ['chat', 'agent', 'admin']

/** Times in milliseconds since 1970. */
export type KeyRecord = {
  /** `key_…`, for logs, lists and the owner of a run. */
  id: string
  name: string
  /** The first characters of the secret, by which a person tells keys apart. */
  prefix: string
  hash: string
  /** None: the code of a one-time link (see login-links.ts), which can be exchanged for a key and do nothing else. */
  scopes: Scope[]
  createdAtMs: number
  /** Null: never. */
  expiresAtMs: number | null
  /** Requests per minute; null: no limit of its own. */
  ratePerMinute: number | null
  /** What all its runs may cost together; null: no limit. */
  budgetUsd: number | null
  revokedAtMs: number | null
  lastUsedAtMs: number | null
}

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
