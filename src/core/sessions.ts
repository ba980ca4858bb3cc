// Conversations as the CLI keeps them: what is known of one, what can be done with them, and the pure part of listing them
// (order, search, pages). Where the files lie and what stands in them is agent/'s business.
import { normalize } from 'node:path'
import { AppError, invalidField } from '../errors.ts'
import { resolveFolder } from '../platform/allowed-folders.ts'
import type { Page } from './store.ts'

/** What the CLI's own file tells of a conversation. Times are milliseconds since 1970; null where it does not say. */
export type SessionInfo = {
  id: string
  /** Given by somebody, or made by the CLI; else its last prompt. */
  title: string
  /** The beginning of it. */
  firstPrompt: string | null
  cwd: string | null
  createdAtMs: number | null
  updatedAtMs: number
}

export type SessionBlock =
  | { type: 'text'; text: string }
  | { type: 'thinking'; text: string }
  | { type: 'tool-use'; toolId: string; name: string; input: unknown }
  | { type: 'tool-result'; toolId: string; isError: boolean; content: SessionBlock[] }
  /** Data itself is never told, only what it is and how large. */
  | { type: 'image' | 'document'; mediaType: string | null; bytes: number | null }
  /** A block of a kind that has no meaning outside the model's API. */
  | { type: 'other'; name: string }

export type SessionMessage = {
  id: string
  role: 'user' | 'assistant'
  createdAtMs: number | null
  content: SessionBlock[]
}

export type PageQuery = { limit: number; cursor: string | null }

/** Ids are UUIDs in lower case; everything that takes one throws `session_not_found` where there is none of it. */
export interface SessionFiles {
  /** The newest first: all, or the first `limit`; of every folder, or of one by its real path. */
  list(query: { cwd: string | null; limit: number | null }): Promise<SessionInfo[]>
  get(id: string): Promise<SessionInfo>
  /** The oldest first. Throws `invalid_request` (field `cursor`) for a cursor that is none of its own. */
  messages(id: string, query: PageQuery): Promise<Page<SessionMessage>>
  rename(id: string, title: string): Promise<void>
  /** Gives the copy's id. */
  fork(id: string, title: string | null): Promise<string>
  remove(id: string): Promise<void>
  /** Lets go of what it holds; calls that are under way are refused. */
  close(): Promise<void>
}

export function sessionNotFound(id: string): AppError {
  return new AppError('session_not_found', `There is no session ${id}.`, { sessionId: id })
}

const folded = (text: string) => text.normalize('NFC').toLowerCase()

/** Those with `text` in their title or first prompt, in any case. */
export function searchSessions(sessions: readonly SessionInfo[], text: string): SessionInfo[] {
  const wanted = folded(text)
  return sessions.filter(({ title, firstPrompt }) =>
    [title, firstPrompt ?? ''].some((each) => folded(each).includes(wanted)),
  )
}

const toCursor = (place: readonly [number, string]) => Buffer.from(JSON.stringify(place)).toString('base64url')

/** Throws `invalid_request` for what `toCursor` did not make. */
function fromCursor(cursor: string): [number, string] {
  const place = readPlace(cursor)
  if (place !== null && toCursor(place) === cursor) return place
  throw unknownCursor()
}

function readPlace(cursor: string): [number, string] | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString())
    if (!Array.isArray(value) || value.length !== 2) return null
    const [count, id]: unknown[] = value
    return Number.isSafeInteger(count) && typeof id === 'string' ? [Number(count), id] : null
  } catch {
    return null
  }
}

const unknownCursor = () =>
  invalidField('cursor', 'is not one that a page of this list gave; leave it out to start anew')

const newestFirst = (a: SessionInfo, b: SessionInfo) =>
  b.updatedAtMs - a.updatedAtMs || (a.id < b.id ? 1 : a.id > b.id ? -1 : 0)

/**
 * The cursor names the last session of a page, not its place: sessions that come in, or are gone, meanwhile shift nothing.
 */
export function pageOfSessions(sessions: readonly SessionInfo[], { limit, cursor }: PageQuery): Page<SessionInfo> {
  const sorted = sessions.toSorted(newestFirst)
  const after = cursor === null ? null : fromCursor(cursor)
  const isAfter = ({ updatedAtMs, id }: SessionInfo, [ms, last]: [number, string]) =>
    updatedAtMs < ms || (updatedAtMs === ms && id < last)
  const rest = after === null ? sorted : sorted.filter((session) => isAfter(session, after))
  const items = rest.slice(0, limit)
  const last = items.at(-1)
  const hasMore = rest.length > items.length && last !== undefined
  return { items, nextCursor: hasMore ? toCursor([last.updatedAtMs, last.id]) : null }
}

/** What one page of messages may take, roughly, in characters of JSON; a single message may be larger. */
const pageCharsMax = 4 * 1024 ** 2

/** The cursor names the last message of a page, and where it was: the conversation may grow, or be rewound, meanwhile. */
export function pageOfMessages(messages: readonly SessionMessage[], query: PageQuery): Page<SessionMessage> {
  const begin = query.cursor === null ? 0 : placeAfter(messages, query.cursor)
  const items: SessionMessage[] = []
  let chars = 0
  for (const message of messages.slice(begin, begin + query.limit)) {
    chars += JSON.stringify(message).length
    if (items.length > 0 && chars > pageCharsMax) break
    items.push(message)
  }
  const end = begin + items.length
  const last = items.at(-1)
  return { items, nextCursor: end < messages.length && last !== undefined ? toCursor([end - 1, last.id]) : null }
}

function placeAfter(messages: readonly SessionMessage[], cursor: string): number {
  const [at, id] = fromCursor(cursor)
  const place = messages[at]?.id === id ? at : messages.findIndex((message) => message.id === id)
  if (place === -1) throw unknownCursor()
  return place + 1
}

/** Where a conversation's folder really is; `fault` says why this server may not show it. */
type SessionFolder = { real: string; fault: unknown }

const isGone = (fault: unknown) => fault instanceof AppError && fault.code === 'cwd_not_found'
const withoutSlash = (path: string) => (path.length > 1 ? path.replace(/\/$/, '') : path)

/** Looks at each folder once: many conversations share one. `roots` as in `resolveFolder`. */
export class SessionAccess {
  readonly #roots: readonly string[] | null
  readonly #seen = new Map<string, Promise<SessionFolder>>()

  constructor(roots: readonly string[] | null) {
    this.#roots = roots
  }

  /** A folder that is gone still has conversations: it is taken as it stands. */
  of(cwd: string): Promise<SessionFolder> {
    const seen = this.#seen.get(cwd)
    if (seen !== undefined) return seen
    const place = resolveFolder(cwd, this.#roots, 'cwd').then(
      (real) => ({ real, fault: null }),
      (fault: unknown) => ({ real: withoutSlash(normalize(cwd)), fault: isGone(fault) ? null : fault }),
    )
    this.#seen.set(cwd, place)
    return place
  }

  /** A folder that a caller has named, by its real path. Throws where it is not allowed, or is no absolute path. */
  async named(cwd: string): Promise<string> {
    const { real, fault } = await this.of(cwd)
    if (fault !== null) throw fault
    return real
  }

  /** Those of one folder, given by its real path. */
  async within(sessions: readonly SessionInfo[], folder: string): Promise<SessionInfo[]> {
    const places = await Promise.all(sessions.map(({ cwd }) => (cwd === null ? null : this.of(cwd))))
    return sessions.filter((_, at) => places[at]?.real === folder)
  }

  async allows({ cwd }: Pick<SessionInfo, 'cwd'>): Promise<boolean> {
    if (this.#roots === null) return true
    return cwd !== null && (await this.of(cwd)).fault === null
  }

  async allowed(sessions: readonly SessionInfo[]): Promise<SessionInfo[]> {
    if (this.#roots === null) return [...sessions]
    const verdicts = await Promise.all(sessions.map((session) => this.allows(session)))
    return sessions.filter((_, at) => verdicts[at])
  }
}
